/* A virtio PCI device for drivers on the host: function 0:1.0, its registers in BAR 0, the MSI-X
 * table in BAR 1.  It is honest as long as the test lets it be. */
#pragma once
#include "drivers/io/virtio.h"
#include "tools/unit/fake_io.h"

#define FV_REGISTERS 0xfe000000ull /* common, ISR, device and notify, a page each */
#define FV_MSIX      0xfd000000ull
#define FV_WAY       0xb0u /* the capability that reaches registers through configuration space */
#define FV_QUEUES    4u
#define FV_SEGMENTS  40u

struct fv_queue {
    u16 size, vector, enable, notify_off;
    u64 ring[3]; /* descriptors, available, used */
    u16 seen;    /* of the available ring */
    u16 done;    /* in the used ring */
};

struct fake_virtio {
    struct fake_io io;
    u8 config[256];
    u32 config_address;
    u64 features, accepted;
    u32 feature_select, accept_select;
    u16 queues, queue_select, config_vector;
    u8 status, generation, isr;
    u8 device[64];
    u8 msix[256];
    struct fv_queue queue[FV_QUEUES];
    u32 kicks;

    bool stuck;    /* a reset is never confirmed */
    bool refuses;  /* FEATURES_OK does not stay */
    bool restless; /* its configuration changes all the time */
    u32 resets;
    /* Called at each doorbell; NULL: nothing happens. */
    void (*rung)(struct fake_virtio *d, u32 queue);
};

/* One request as the device sees it. */
struct fv_chain {
    u16 head;
    u32 count;
    struct {
        u8 *at;
        u32 len;
        bool write;
    } piece[FV_SEGMENTS];
};

static inline void fv_put(u8 *bytes, u32 offset, u32 width, u64 value)
{
    memcpy(bytes + offset, &value, width);
}

static inline void fv_reset(struct fake_virtio *d)
{
    d->resets++;
    d->status = 0;
    d->isr = 0;
    d->accepted = 0;
    d->config_vector = 0xffff;
    for (u32 i = 0; i < FV_QUEUES; i++) {
        const struct fv_queue *q = &d->queue[i];

        d->queue[i] =
            (struct fv_queue){.size = q->size, .notify_off = q->notify_off, .vector = 0xffff};
    }
}

static inline u32 fv_common_read(const struct fake_virtio *d, u32 offset)
{
    const struct fv_queue *q = &d->queue[d->queue_select % FV_QUEUES];
    const bool there = d->queue_select < d->queues;

    switch (offset) {
    case 4: return (u32)(d->features >> (32 * (d->feature_select & 1)));
    case 16: return d->config_vector;
    case 18: return d->queues;
    case 20: return d->status;
    case 21: return d->generation;
    case 24: return there ? q->size : 0;
    case 26: return q->vector;
    case 28: return q->enable;
    case 30: return q->notify_off;
    default: return 0;
    }
}

static inline void fv_set_status(struct fake_virtio *d, u8 value)
{
    if (value == 0 && !d->stuck)
        fv_reset(d);
    else if (value != 0)
        d->status = (u8)(value & (d->refuses ? 0xf7 : 0xff));
}

static inline void fv_common_write(struct fake_virtio *d, u32 offset, u32 value)
{
    struct fv_queue *q = &d->queue[d->queue_select % FV_QUEUES];
    const u32 shift = 32 * (d->accept_select & 1);

    switch (offset) {
    case 0: d->feature_select = value; break;
    case 8: d->accept_select = value; break;
    case 12: d->accepted = (d->accepted & ~(0xffffffffull << shift)) | (u64)value << shift; break;
    case 16: d->config_vector = (u16)value; break;
    case 20: fv_set_status(d, (u8)value); break;
    case 22: d->queue_select = (u16)value; break;
    case 24: q->size = (u16)value; break;
    case 26: q->vector = (u16)value; break;
    case 28: q->enable = (u16)value; break;
    case 32 ... 55: memcpy((u8 *)q->ring + offset - 32, &value, 4); break;
    default: break;
    }
}

/* What FV_WAY is set to: a register of the common structure, or nothing. */
static inline bool fv_way(const struct fake_virtio *d, u32 offset, u32 width, u32 *at)
{
    u32 bytes;

    memcpy(at, d->config + FV_WAY + 8, 4);
    memcpy(&bytes, d->config + FV_WAY + 12, 4);
    return offset == FV_WAY + 16 && d->config[FV_WAY + 3] == 5 && d->config[FV_WAY + 4] == 0 &&
           bytes == width && *at < 0x1000;
}

static inline u32 fv_read(struct fake_io *io, bool ports, u64 at, u32 width)
{
    struct fake_virtio *d = io->device;
    const u32 ones = ~0u >> (32 - 8 * width);
    u32 value = 0;

    if (ports) {
        const u32 offset = (d->config_address & 0xfc) + (u32)(at - 0xcfc);

        if (at < 0xcfc || (d->config_address & 0x7fffff00) != 0x800)
            return ones;
        if (fv_way(d, offset, width, &value))
            return fv_common_read(d, value) & ones;
        memcpy(&value, d->config + offset, width);
        return value;
    }
    if (at >= FV_MSIX && at + width <= FV_MSIX + sizeof(d->msix))
        memcpy(&value, d->msix + (at - FV_MSIX), width);
    else if (at >= FV_REGISTERS && at < FV_REGISTERS + 0x1000)
        value = fv_common_read(d, (u32)(at - FV_REGISTERS));
    else if (at == FV_REGISTERS + 0x1000) {
        value = d->isr;
        d->isr = 0;
    } else if (at >= FV_REGISTERS + 0x2000 &&
               at + width <= FV_REGISTERS + 0x2000 + sizeof(d->device)) {
        memcpy(&value, d->device + (at - FV_REGISTERS - 0x2000), width);
        d->generation = (u8)(d->generation + d->restless);
    } else {
        value = ones;
    }
    return value & ones;
}

static inline void fv_config_write(struct fake_virtio *d, u32 offset, u32 width, u32 value)
{
    static const u32 mask[PCI_BARS] = {0xffffc000, 0xfffff000};
    u32 at;

    if (fv_way(d, offset, width, &at))
        fv_common_write(d, at, value);
    if (offset >= PCI_BAR && offset < PCI_BAR + 4 * PCI_BARS)
        value &= mask[(offset - PCI_BAR) / 4];
    fv_put(d->config, offset, width, value);
}

static inline void fv_write(struct fake_io *io, bool ports, u64 at, u32 width, u32 value)
{
    struct fake_virtio *d = io->device;

    if (ports && at == 0xcf8)
        d->config_address = value;
    else if (ports && at >= 0xcfc && (d->config_address & 0x7fffff00) == 0x800)
        fv_config_write(d, (d->config_address & 0xfc) + (u32)(at - 0xcfc), width, value);
    else if (!ports && at >= FV_MSIX && at + width <= FV_MSIX + sizeof(d->msix))
        fv_put(d->msix, (u32)(at - FV_MSIX), width, value);
    else if (!ports && at >= FV_REGISTERS && at < FV_REGISTERS + 0x1000)
        fv_common_write(d, (u32)(at - FV_REGISTERS), value);
    else if (!ports && at >= FV_REGISTERS + 0x3000 && at < FV_REGISTERS + 0x4000) {
        d->kicks++;
        if (d->rung != NULL)
            d->rung(d, value);
    }
}

static inline void fv_capability(struct fake_virtio *d, u32 at, u32 next, u32 type, u32 offset,
                                 u32 len)
{
    d->config[at] = PCI_CAP_VENDOR;
    d->config[at + 1] = (u8)next;
    d->config[at + 2] = 20;
    d->config[at + 3] = (u8)type;
    fv_put(d->config, at + 8, 4, offset);
    fv_put(d->config, at + 12, 4, len);
}

/* A modern device of this type; `vectors` 0: without MSI-X.  f: as pci_scan() finds it. */
static inline void fv_open(struct fake_virtio *d, u32 type, u16 queues, u16 size, u32 vectors,
                           u64 features, struct pci *pci, struct pci_function *f)
{
    u32 count = 0;

    memset(d, 0, sizeof(*d));
    fake_io_open(&d->io, d);
    d->io.read = fv_read;
    d->io.write = fv_write;
    d->features = features | VIRTIO_F_VERSION_1;
    d->queues = queues;
    for (u32 i = 0; i < FV_QUEUES; i++)
        d->queue[i] = (struct fv_queue){.size = size, .notify_off = (u16)i};
    fv_reset(d);
    d->resets = 0;
    fv_put(d->config, PCI_VENDOR, 2, 0x1af4);
    fv_put(d->config, PCI_DEVICE, 2, 0x1040 + type);
    fv_put(d->config, PCI_STATUS, 2, 0x10);
    fv_put(d->config, PCI_BAR, 4, FV_REGISTERS);
    fv_put(d->config, PCI_BAR + 4, 4, FV_MSIX);
    d->config[PCI_INTERRUPT_LINE] = 10;
    d->config[PCI_INTERRUPT_PIN] = 1;
    d->config[PCI_CAPABILITIES] = 0x40;
    fv_capability(d, 0x40, 0x58, 1, 0, 0x1000);
    fv_capability(d, 0x58, 0x70, 3, 0x1000, 0x1000);
    fv_capability(d, 0x70, 0x88, 4, 0x2000, sizeof(d->device));
    fv_capability(d, 0x88, FV_WAY, 2, 0x3000, 0x1000);
    fv_put(d->config, 0x98, 4, 4); /* notify multiplier */
    fv_capability(d, FV_WAY, vectors != 0 ? 0xa0 : 0, 5, 0, 0);
    d->config[0xa0] = PCI_CAP_MSIX;
    fv_put(d->config, 0xa2, 2, vectors != 0 ? vectors - 1 : 0);
    fv_put(d->config, 0xa4, 4, 1);
    if (pci_open_ports(pci, &d->io.env) != OK || pci_scan(pci, f, 1, &count) != OK || count != 1)
        abort();
}

/* ------------------------------------------------------------ the rings, from the device's side */

static inline void *fv_ring(struct fake_virtio *d, u32 queue, u32 part, u32 offset, u32 len)
{
    return fake_at(&d->io, d->queue[queue].ring[part] + offset, len);
}

/* Follows a chain; false: an address or a count that cannot be. */
static inline bool fv_follow(struct fake_virtio *d, u64 table, u32 entries, u32 at, bool indirect,
                             struct fv_chain *c)
{
    for (u32 steps = 0; steps < entries; steps++) {
        const u8 *entry = at < entries ? fake_at(&d->io, table + 16 * at, 16) : NULL;
        u64 bus;
        u32 len;
        u16 flags, next;

        if (entry == NULL || c->count == FV_SEGMENTS)
            return false;
        memcpy(&bus, entry, 8);
        memcpy(&len, entry + 8, 4);
        memcpy(&flags, entry + 12, 2);
        memcpy(&next, entry + 14, 2);
        if (flags & 4) /* alone, and not in a table that is one itself */
            return c->count == 0 && !indirect && fv_follow(d, bus, len / 16, 0, true, c);
        c->piece[c->count].at = fake_at(&d->io, bus, len);
        c->piece[c->count].len = len;
        c->piece[c->count].write = flags & 2;
        if (c->piece[c->count].at == NULL)
            return false;
        c->count++;
        if (!(flags & 1))
            return true;
        at = next;
    }
    return false;
}

/* With VIRTIO_F_EVENT_IDX: the next request is to be announced. */
static inline void fv_want_kick(struct fake_virtio *d, u32 queue)
{
    struct fv_queue *q = &d->queue[queue];
    u8 *event = fv_ring(d, queue, 2, 4 + 8u * q->size, 2);

    if ((d->accepted & VIRTIO_F_EVENT_IDX) && event != NULL)
        memcpy(event, &q->seen, 2);
}

/* The next request of a queue; false: there is none, or it cannot be (then *broken). */
static inline bool fv_next(struct fake_virtio *d, u32 queue, struct fv_chain *c, bool *broken)
{
    struct fv_queue *q = &d->queue[queue];
    const u16 *available = fv_ring(d, queue, 1, 0, 4 + 2u * q->size);

    c->count = 0;
    *broken = q->enable && available == NULL;
    if (!q->enable || *broken || q->size == 0 || available[1] == q->seen)
        return false;
    c->head = available[2 + q->seen % q->size];
    q->seen++;
    fv_want_kick(d, queue);
    *broken = !fv_follow(d, q->ring[0], q->size, c->head, false, c);
    return !*broken;
}

static inline void fv_interrupt(struct fake_virtio *d, u16 vector, u8 isr)
{
    u32 data;

    if (!(d->config[0xa3] & 0x80)) {
        d->isr |= isr;
        (void)fake_line(&d->io, 10);
    } else if (vector < sizeof(d->msix) / 16 && d->msix[vector * 16 + 12] == 0) {
        memcpy(&data, d->msix + vector * 16 + 8, 4);
        (void)fake_message(&d->io, data);
    }
}

/* Puts an entry into the used ring, without an interrupt. */
static inline void fv_used(struct fake_virtio *d, u32 queue, u32 id, u32 len)
{
    struct fv_queue *q = &d->queue[queue];
    u8 *used = fv_ring(d, queue, 2, 0, 4 + 8u * q->size);

    if (used == NULL || q->size == 0)
        return;
    memcpy(used + 4 + 8 * (q->done % q->size), &id, 4);
    memcpy(used + 8 + 8 * (q->done % q->size), &len, 4);
    q->done++;
    memcpy(used + 2, &q->done, 2);
}
