/* See work.h. */
#include "control/served/work.h"
#include "control/disk/backing.h"
#include "control/loop.h"
#include "control/machine/machine.h"
#include "control/served/lan.h"

/* Rounds of work in one turn of the event loop, so that nothing else waits for a busy device. */
#define ROUNDS 4u

static struct served_device *devices;

void work_add(struct served_device *d)
{
    d->next = devices;
    devices = d;
}

void work_remove(struct served_device *d)
{
    struct served_device **at = &devices;

    while (*at && *at != d)
        at = &(*at)->next;
    if (*at)
        *at = d->next;
}

struct served_device *work_devices(void)
{
    return devices;
}

void work_poll_queues(bool polled)
{
    for (struct served_device *d = devices; d; d = d->next)
        for (u16 queue = 0; queue < d->v->queues; queue++)
            virtio_poll_queue(d->v, queue, polled);
}

static bool is_due(const struct virtio_device *v)
{
    return (v->kicked | v->given | v->polled) != 0;
}

/* One round for each device that has something to do.  True: a guest has asked for something, and
 * there may be more, or its disk may be done already. */
static bool work(void)
{
    bool asked = false;

    for (struct served_device *d = devices; d; d = d->next) {
        if (!is_due(d->v))
            continue;
        asked |= d->v->kicked != 0;
        device_work(d);
        asked |= d->v->kicked != 0;
    }
    return asked;
}

static u64 poll_back_ends(void)
{
    const u64 disks = backing_poll(), networks = lan_poll();

    return MIN(disks, networks);
}

static void keep(void)
{
    for (struct served_device *d = devices; d; d = d->next)
        device_keep(d);
}

/* TSC until which nobody needs a turn. */
static u64 turn(void)
{
    u64 next = poll_back_ends();

    for (u32 round = 0; work(); round++) {
        next = poll_back_ends();
        if (round < ROUNDS)
            continue;
        next = 0;
        break;
    }
    keep();
    return env_tsc(next);
}

void work_init(void)
{
    loop_on_turn(turn);
}
