/* The recorder's place in hv.elf: its buffer, which is taken out of the machine's memory at the end
 * (tools/record.py), and its clock. */
#include "arch/x86_64/log.h"
#include "arch/x86_64/paging.h"
#include "vmm/bootinfo.h"
#include "vmm/hostmem.h"
#include "vmm/record/record.h"

#define BUFFER_SIZE (32 * MiB)
/* Exits of each guest: enough for the longest test guest; one guest alone is an operating system,
 * which goes on for ever. */
#define EXITS_LIMIT       200000u
#define EXITS_LIMIT_ALONE 20000u

void record_init(void)
{
    const bool alone = bootinfo()->config.guest_count == 1;
    hpa_t buffer;

    if (hostmem_alloc(BUFFER_SIZE, LARGE_PAGE_SIZE, FRAME_LINTEL, &buffer) != OK) {
        log_error("record: no memory for the recording");
        return;
    }
    record_open(phys_to_virt(buffer), BUFFER_SIZE, alone ? EXITS_LIMIT_ALONE : EXITS_LIMIT);
}

void record_report(void)
{
    log_info("LINTEL-RECORD address=0x%llx bytes=%llu exits=%llu%s",
             (unsigned long long)recorder.data, (unsigned long long)recorder.complete,
             (unsigned long long)recorder.exits, recorder.full ? " full" : "");
}

bool record_reads_all(void)
{
    return true;
}

u64 record_now(void)
{
    const u64 now = rdtsc();

    record_time(now);
    return now;
}
