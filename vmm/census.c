/* See census.h. */
#include "vmm/census.h"
#include "arch/x86_64/log.h"
#include "vmm/cpu_share.h"
#include "vmm/hostmem.h"
#include "vmm/vcpu_life.h"

static struct {
    u64 free, lintel;  /* frames, before the first guest */
    u32 looks, losses; /* of census_check() */
} census;

/* vCPUs that belong to a CPU; nobody adds one meanwhile, since guests begin on this CPU. */
static u32 queued(void)
{
    u32 count = 0;

    for (u32 cpu = 0; cpu < CPUS_MAX; cpu++)
        count += READ_ONCE(cpu_share[cpu].queue.count) + READ_ONCE(cpu_share[cpu].pinned);
    return count;
}

bool census_begin(void)
{
    if (census.free != 0)
        return false;
    census.free = hostmem()->free_frames;
    census.lintel = pmm_count(hostmem(), FRAME_LINTEL);
    return true;
}

void census_check(const char *after)
{
    const u64 free = hostmem()->free_frames;

    census.looks++;
    if (free == census.free && vcpu_vpids_in_use() == 0 && queued() == 0)
        return;
    census.losses++;
    log_error(
        "after guest %s: %llu of %llu frames are free, %u VPIDs and %u places on queues in use",
        after, (unsigned long long)free, (unsigned long long)census.free, vcpu_vpids_in_use(),
        queued());
}

void census_report(void)
{
    const struct pmm *p = hostmem();

    log_info("LINTEL-MEMORY free=%llu of=%llu lintel=%llu of=%llu vpids=%u queued=%u looks=%u "
             "losses=%u",
             (unsigned long long)p->free_frames, (unsigned long long)census.free,
             (unsigned long long)pmm_count(p, FRAME_LINTEL), (unsigned long long)census.lintel,
             vcpu_vpids_in_use(), queued(), census.looks, census.losses);
}
