/* See guests.h. */
#include "control/guests.h"
#include "control/create/loader.h"
#include "control/loop.h"
#include "control/rt.h"
#include "control/scratch_device.h"
#include "control/served/served.h"

#define GUESTS_MAX 256u

static struct {
    struct served *served; /* a guest with devices; else one of lintel.conf has the test device */
    struct scratch_device scratch;
    u32 life; /* 0: not served */
    bool has_scratch;
} guests[GUESTS_MAX];

static void let_go(u32 n)
{
    if (guests[n].served)
        served_close(guests[n].served);
    else if (guests[n].has_scratch)
        scratch_detach(&guests[n].scratch);
    guests[n].has_scratch = false;
    if (guests[n].life)
        loader_drop(n);
    guests[n].served = NULL;
    guests[n].life = 0;
}

static void take_scratch(u32 n, const struct abi_partition *p)
{
    const i64 result = scratch_attach(&guests[n].scratch, n);

    guests[n].has_scratch = true;
    if (result != ABI_OK)
        say("guest %s: its devices cannot be claimed: error %lld", p->name, (long long)result);
}

static void take(u32 n, const struct abi_partition *p)
{
    guests[n].life = p->life;
    if (p->devices[0])
        guests[n].served = served_open(n, p);
    else if (!p->created)
        take_scratch(n, p);
    if (p->unloaded)
        loader_want(n, p->life);
    else if (p->state == ABI_PARTITION_NEW)
        (void)abi_admit(n);
}

static void look(u32 n)
{
    static struct abi_partition p; /* too large for the stack */
    bool lives;

    if (abi_partition(n, rt_physical(&p)) != ABI_OK)
        die("it cannot ask for partitions");
    lives = p.state == ABI_PARTITION_NEW || p.state == ABI_PARTITION_RUNS;
    if (!lives || p.life != guests[n].life)
        let_go(n);
    if (p.state == ABI_PARTITION_ENDS)
        (void)abi_release(n);
    if (lives && p.served != ABI_SERVED_OFF && !guests[n].life)
        take(n, &p);
}

static void on_partitions(void *ctx UNUSED)
{
    static bool again;

    for (u32 n = 1; n < info->partitions && n < GUESTS_MAX; n++)
        look(n);
    if (!again)
        served_finish_left();
    again = true;
}

static void on_access(u32 slot, const struct abi_request *r)
{
    const u32 n = r->partition;

    if (n < GUESTS_MAX && guests[n].served)
        served_access(guests[n].served, slot, r);
    else if (n < GUESTS_MAX && guests[n].has_scratch && scratch_owns(r))
        scratch_serve(&guests[n].scratch, slot, r);
    else
        loop_reply(slot, r->sequence, ~0ull);
}

void guests_init(void)
{
    served_init();
    loop_on_event(ABI_EVENT_PARTITIONS, on_partitions, NULL);
    loop_on_request(on_access);
}
