/* What all disks have in common; see disk.h.  Pure. */
#include "drivers/io/disk.h"

static bool changes(enum disk_op op)
{
    return op == DISK_WRITE || op == DISK_DISCARD || op == DISK_WRITE_ZEROES;
}

/* The capability that an operation needs, 0: none. */
static u32 needs(enum disk_op op)
{
    switch (op) {
    case DISK_FLUSH: return DISK_CAN_FLUSH;
    case DISK_DISCARD: return DISK_CAN_DISCARD;
    case DISK_WRITE_ZEROES: return DISK_CAN_WRITE_ZEROES;
    default: return 0;
    }
}

static u32 most_sectors(const struct disk *d, enum disk_op op)
{
    switch (op) {
    case DISK_DISCARD: return d->discard_sectors_max;
    case DISK_WRITE_ZEROES: return d->zeroes_sectors_max;
    default: return d->sectors_max;
    }
}

static err_t check_segments(const struct disk *d, const struct disk_request *r)
{
    const u64 wanted = (u64)r->sectors * d->sector_size;
    const u64 align = d->segment_align;
    u64 sum = 0;

    if (r->segments == 0 || r->segments > d->segments_max)
        return E_INVAL;
    for (u32 i = 0; i < r->segments; i++) {
        const struct io_segment *s = &r->segment[i];

        if (s->len == 0 || s->len > d->segment_bytes_max || !IS_ALIGNED(s->bus | s->len, align) ||
            s->bus > d->bus_last || s->len - 1 > d->bus_last - s->bus)
            return E_INVAL;
        sum += s->len;
    }
    return sum == wanted ? OK : E_INVAL;
}

static err_t check_range(const struct disk *d, const struct disk_request *r)
{
    if (r->sectors == 0 || r->sectors > most_sectors(d, r->op))
        return E_INVAL;
    if (r->sectors > d->sectors || r->sector > d->sectors - r->sectors)
        return E_RANGE;
    return OK;
}

err_t disk_check(const struct disk *d, const struct disk_request *r)
{
    if (d->lost)
        return E_IO;
    if (r->op >= DISK_OPS || r->queue >= d->queues)
        return E_INVAL;
    if (d->flags & DISK_HAS_NO_MEDIUM)
        return E_NOENT;
    if (changes(r->op) && (d->flags & DISK_IS_READ_ONLY))
        return E_PERM;
    if ((d->flags & needs(r->op)) != needs(r->op))
        return E_NOTSUP;
    if (r->op == DISK_FLUSH)
        return r->sector == 0 && r->sectors == 0 && r->segments == 0 ? OK : E_INVAL;
    TRY(check_range(d, r));
    if (r->op == DISK_READ || r->op == DISK_WRITE)
        return check_segments(d, r);
    return r->segments == 0 ? OK : E_INVAL;
}

err_t disk_submit(struct disk *d, struct disk_request *r)
{
    TRY(disk_check(d, r));
    TRY(d->ops->submit(d, r));
    d->counts.requests++;
    return OK;
}

void disk_kick(struct disk *d, u32 queue)
{
    if (!d->lost && queue < d->queues)
        d->ops->kick(d, queue);
}

u64 disk_poll(struct disk *d)
{
    return d->lost ? IO_NEVER : d->ops->poll(d);
}

void disk_interrupts(struct disk *d, bool on)
{
    if (!d->lost)
        d->ops->interrupts(d, on);
}

err_t disk_reset(struct disk *d)
{
    return d->lost ? E_IO : d->ops->reset(d);
}

void disk_stop(struct disk *d)
{
    d->ops->stop(d);
}

void disk_done(struct disk *d, struct disk_request *list)
{
    while (list != NULL) {
        struct disk_request *r = list;

        list = r->next;
        r->next = NULL;
        if (r->result != IO_DONE)
            d->counts.errors++;
        r->done(r, r->result);
    }
}

void disk_lose(struct disk *d)
{
    if (d->lost)
        return;
    d->lost = true;
    if (d->event != NULL)
        d->event(d, DISK_LOST);
}
