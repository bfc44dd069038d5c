/* See world.h. */
#include "control/served/world.h"
#include "control/log.h"
#include "control/loop.h"
#include "control/rt.h"
#include "control/served/disk.h"
#include "control/served/lan.h"
#include "control/served/network.h"
#include "control/served/work.h"
#include "lib/mem.h"

/* ------------------------------------------------------------ guests */

static const char *state_of(const struct abi_partition *p)
{
    switch (p->state) {
    case ABI_PARTITION_NEW: return "starts";
    case ABI_PARTITION_ENDS: return "ends";
    default: return p->paused ? "paused" : "runs";
    }
}

static bool guest(u32 number, struct manage_guest *g)
{
    static struct abi_partition p; /* too large for the stack */

    if (abi_partition(number, rt_physical(&p)) != ABI_OK || p.state == ABI_PARTITION_NONE)
        return false;
    *g = (struct manage_guest){
        .state = state_of(&p),
        .vcpus = p.vcpus,
        .memory = p.memory,
        .exits = p.exits,
        .served = p.served != ABI_SERVED_OFF,
    };
    memcpy(g->name, p.name, sizeof(g->name) - 1);
    return true;
}

/* ------------------------------------------------------------ devices */

/* The n-th device of a kind, the oldest first; otherwise NULL, and *more says how many there are
 * too few. */
static struct served_device *device(enum device_kind kind, u32 n, u32 *more)
{
    struct served_device *d;
    u32 count = 0;

    for (d = work_devices(); d; d = d->next)
        count += d->kind == kind;
    if (n >= count) {
        *more = n - count;
        return NULL;
    }
    for (d = work_devices(); d->kind != kind || --count != n; d = d->next)
        ;
    return d;
}

static bool disk(u32 n, struct manage_disk *facts)
{
    u32 more;
    const struct served_device *const d = device(DEVICE_DISK, n, &more);

    if (d)
        disk_facts(d, facts);
    return d != NULL;
}

static bool port(u32 n, struct manage_port *facts)
{
    u32 more = 0;
    const struct served_device *const d = device(DEVICE_NET, n, &more);

    if (!d)
        return lan_card(more, facts);
    network_facts(d, facts);
    return true;
}

static u32 set_link(const char *name, bool up)
{
    u32 cables = 0;

    for (struct served_device *d = work_devices(); d; d = d->next)
        if (d->kind == DEVICE_NET && strcmp(d->guest, name) == 0) {
            network_set_link(d, up);
            cables++;
        }
    return cables;
}

/* ------------------------------------------------------------ settings */

static bool may_poll(void)
{
    return info->may_poll != 0;
}

static void set_poll(bool on)
{
    loop_poll(on);
    work_poll_queues(on);
}

const struct manage_world *world_open(void)
{
    static struct manage_world world = {
        .guest = guest,
        .disk = disk,
        .port = port,
        .set_link = set_link,
        .log = log_last,
        .polls = loop_polls,
        .may_poll = may_poll,
        .set_poll = set_poll,
    };

    world.partitions = info->partitions;
    return &world;
}
