/* See device.h. */
#include "control/served/device.h"
#include "control/loop.h"
#include "control/rt.h"
#include "control/virtio/pci.h"

#define TRUSTED_AFTER 5000u /* ms in one life: what kills at once has done so by then */

static void on_ring(void *ctx)
{
    const struct served_bell *const b = ctx;

    virtio_kick(b->device->v, b->queue);
}

static void take_ports(struct served_device *d)
{
    for (u32 queue = 0; queue < MIN((u32)d->v->queues, KEPT_QUEUES); queue++) {
        struct served_bell *const b = &d->bell[queue];

        *b = (struct served_bell){.device = d, .queue = (u16)queue, .port = loop_free_port()};
        if (b->port)
            loop_on_event(b->port, on_ring, b);
    }
}

/* A write to this address, or none any more.  Without a place for it, it is a forwarded access. */
static void set_bell(const struct served_bell *b, enum abi_space space, u64 address, bool now)
{
    const struct abi_doorbell bell = {.address = address, .space = space, .port = b->port};

    if (!b->port)
        return;
    if (now)
        (void)abi_doorbell(b->device->partition, rt_physical(&bell));
    else
        (void)abi_undoorbell(b->device->partition, rt_physical(&bell));
}

void device_bells_at_ports(const struct served_device *d, u64 first, bool now)
{
    for (u32 queue = 0; queue < ARRAY_LEN(d->bell); queue++)
        set_bell(&d->bell[queue], ABI_PORTS, first + (u64)queue * VIRTIO_PCI_BELL, now);
}

/* Also when they begin: an earlier life may have left some, with event ports of its own. */
void device_bells_in_memory(struct served_device *d, u64 at)
{
    for (u32 queue = 0; queue < ARRAY_LEN(d->bell); queue++) {
        set_bell(&d->bell[queue], ABI_MEMORY, at + (u64)queue * VIRTIO_PCI_BELL, false);
        d->bell[queue].in_memory = false;
    }
}

void device_rung(struct served_device *d, u64 at, u64 gpa)
{
    const u64 queue = (gpa - at) / VIRTIO_PCI_BELL;

    if (gpa < at || queue >= ARRAY_LEN(d->bell) || (gpa - at) % VIRTIO_PCI_BELL != 0 ||
        d->bell[queue].in_memory)
        return;
    d->bell[queue].in_memory = true; /* asked for once, whether there was a place or not */
    set_bell(&d->bell[queue], ABI_MEMORY, gpa, true);
}

/* What the last program has kept of it, if there was one. */
static void go_on(struct served_device *d)
{
    static const char why[] = "the control partition has died over its work again and again; "
                              "the device needs a reset";
    const err_t err = kept_is_deadly(d->kept) ? virtio_restore_failed(d->v, &d->kept->kept, why)
                                              : virtio_restore(d->v, &d->kept->kept);

    if (err == E_INVAL)
        say("partition %u: %s: what was kept of it makes no sense; it begins anew", d->partition,
            d->name);
}

void device_begin(struct served_device *d, u32 life, u32 index)
{
    take_ports(d);
    for (u16 queue = 0; loop_polls() && queue < d->v->queues; queue++)
        virtio_poll_queue(d->v, queue, true);
    if (d->v->queues > KEPT_QUEUES)
        return;
    d->kept = kept_get(d->partition, life, index);
    if (!d->kept) {
        say("partition %u: %s: no room to keep its state over a crash", d->partition, d->name);
        return;
    }
    d->began = time_now();
    virtio_use_journals(d->v, d->kept->journal);
    virtio_use_mark(d->v, kept_mark(), kept_number(d->kept));
    go_on(d);
}

void device_work(const struct served_device *d)
{
    (void)virtio_work(d->v);
    if (d->kept && d->kept->deaths != 0 && !kept_is_deadly(d->kept) &&
        time_now() - d->began > time_ms(TRUSTED_AFTER))
        kept_absolve(d->kept);
}

void device_end(struct served_device *d)
{
    for (u32 queue = 0; queue < ARRAY_LEN(d->bell); queue++)
        if (d->bell[queue].port)
            loop_on_event(d->bell[queue].port, NULL, NULL);
    d->close(d);
}
