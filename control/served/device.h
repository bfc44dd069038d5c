/* One virtio device of a guest: its queues' doorbells, and what outlives this program. */
#pragma once
#include "control/served/device_text.h"
#include "control/served/kept.h"
#include "control/virtio/device.h"

struct served_device;

/* A queue's doorbell, an event port of ours; without one, the guest's write is a forwarded access.
 */
struct served_bell {
    struct served_device *device;
    u16 queue;
    bool in_memory; /* it was asked for there, too */
    u32 port;       /* 0: none */
};

struct served_device {
    struct served_device *next; /* of all guests' */
    u32 partition;
    char name[16];
    const char *guest; /* whose it is, for people */
    enum device_kind kind;
    char text[DEVICE_TEXT_MAX]; /* of the configuration */
    struct virtio_device *v;
    /* The guest has ended: its back end lets go of the guest's memory, then all of it is freed. */
    void (*close)(struct served_device *d);
    struct kept_device *kept; /* NULL: nothing is */
    u64 began;                /* TSC: in this life */
    struct served_bell bell[KEPT_QUEUES];
};

/* Its virtio device stands on a bus. */
void device_begin(struct served_device *d, u32 life, u32 index);
/* A round of what is due. */
void device_work(const struct served_device *d);
/* What is kept of it is as it is now. */
static inline void device_keep(const struct served_device *d)
{
    if (!d->kept || !d->v->changed)
        return;
    virtio_keep(d->v, &d->kept->kept);
    if (d->v->status == 0) /* its driver has reset it: the rings are others */
        kept_absolve(d->kept);
}
void device_end(struct served_device *d);
/* Its doorbells begin, or cease, to be at ports from this one. */
void device_bells_at_ports(const struct served_device *d, u64 first, bool now);
/* The same in memory.  There a queue's begins with its first ring, a forwarded access, which
 * device_rung() is told of: most drivers take the ports, and then those in memory would only take
 * places in the guest's table (vmm/served.h) that the ports' need, or are found quickest at. */
void device_bells_in_memory(struct served_device *d, u64 at);
void device_rung(struct served_device *d, u64 at, u64 gpa);
