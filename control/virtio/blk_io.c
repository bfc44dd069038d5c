/* Between the requests of virtio-blk and a disk; see blk_io.h.  Pure. */
#include "control/virtio/blk_io.h"
#include "control/guest/pieces.h"
#include "lib/atomic.h"

/* ---- the pool and the list of those that wait ---- */

struct blk_request *blk_take_unused(struct virtio_blk *b)
{
    struct blk_request *const r = b->unused;

    if (r)
        b->unused = r->next;
    return r;
}

static void wait_for_room(struct blk_request *r)
{
    r->next = NULL;
    *r->blk->waiting_end = r;
    r->blk->waiting_end = &r->next;
}

/* Nobody looks at it any more. */
static void give_up(struct blk_request *r)
{
    struct virtio_blk *const b = r->blk;

    r->next = b->unused;
    b->unused = r;
    for (; b->starved != 0; b->starved &= b->starved - 1)
        virtio_kick(&b->v, (u32)__builtin_ctz(b->starved));
    virtio_release(&b->v, r->queue);
}

void blk_finish(struct blk_request *r, u8 status)
{
    struct virtio_blk *const b = r->blk;

    if (status != VIRTIO_BLK_S_OK)
        b->counters.errors++;
    if (b->v.queue[r->queue].enabled)
        WRITE_ONCE(*r->status, status);
    virtio_give(&b->v, r->queue, r->head, r->written);
    give_up(r);
}

/* ---- a part ---- */

static bool moves_data(const struct blk_request *r)
{
    return r->type == VIRTIO_BLK_T_IN || r->type == VIRTIO_BLK_T_OUT;
}

static void done(struct disk_request *d, enum io_result result);

/* The disk's request for `part` bytes from r->done on, in `n` segments. */
static err_t submit(struct blk_request *r, u64 part, const struct io_segment *segment, u32 n)
{
    static const enum disk_op ops[] = {[VIRTIO_BLK_T_IN] = DISK_READ,
                                       [VIRTIO_BLK_T_OUT] = DISK_WRITE,
                                       [VIRTIO_BLK_T_FLUSH] = DISK_FLUSH,
                                       [VIRTIO_BLK_T_DISCARD] = DISK_DISCARD,
                                       [VIRTIO_BLK_T_WRITE_ZEROES] = DISK_WRITE_ZEROES};
    struct disk *const disk = r->blk->disk;
    const u64 at = r->sector * VIRTIO_BLK_SECTOR + r->done;

    if (at % disk->sector_size != 0 || part % disk->sector_size != 0)
        return E_INVAL;
    r->part = part;
    r->disk = (struct disk_request){.op = ops[r->type],
                                    .queue = r->queue % disk->queues,
                                    .sector = at / disk->sector_size,
                                    .sectors = (u32)(part / disk->sector_size),
                                    .segment = segment,
                                    .segments = n,
                                    .done = done};
    if (r->type == VIRTIO_BLK_T_WRITE_ZEROES &&
        (r->range[r->range_now].flags & VIRTIO_BLK_RANGE_F_UNMAP))
        r->disk.flags = DISK_MAY_UNMAP;
    return disk_submit(disk, &r->disk);
}

/* As much as one request of the disk may have of the pieces. */
static err_t submit_some(struct blk_request *r)
{
    const struct disk *const disk = r->blk->disk;
    const u32 room = MIN(disk->segments_max, VIRTIO_BLK_PARTS);
    const u64 most = MIN(r->bytes - r->done, (u64)disk->sectors_max * disk->sector_size);
    u64 part = 0;
    u32 n = 0;

    while (n < room && part < most &&
           pieces_first(r->piece, r->pieces, r->done + part,
                        MIN(most - part, (u64)disk->segment_bytes_max), &r->some[n]))
        part += r->some[n++].len;
    for (u64 over = part % disk->sector_size; over != 0;) { /* whole sectors */
        const u32 less = (u32)MIN(over, r->some[n - 1].len);
        r->some[n - 1].len -= less;
        part -= less, over -= less;
        n -= r->some[n - 1].len == 0;
    }
    return part != 0 ? submit(r, part, r->some, n) : E_INVAL;
}

/* Through the bounce buffer, which holds one part at a time. */
static err_t submit_bounced(struct blk_request *r)
{
    struct virtio_blk *const b = r->blk;
    const struct disk *const disk = b->disk;
    const u64 room = MIN(MIN(b->bounce.len, disk->segment_bytes_max),
                         (u64)disk->sectors_max * disk->sector_size);
    const u64 part = MIN(r->bytes - r->done, ALIGN_DOWN(room, (u64)disk->sector_size));

    if (b->bounce_used)
        return E_NOMEM;
    if (part == 0)
        return E_INVAL;
    r->some[0] = (struct io_segment){.at = b->bounce.at, .bus = b->bounce.bus, .len = (u32)part};
    if (r->type == VIRTIO_BLK_T_OUT)
        (void)pieces_read(r->piece, r->pieces, r->done, b->bounce.at, (u32)part);
    TRY(submit(r, part, r->some, 1));
    b->bounce_used = r->bounced = true;
    b->counters.bounced++;
    return OK;
}

/* A range is cut where the disk's limits are. */
static err_t submit_range(struct blk_request *r)
{
    const struct disk *const disk = r->blk->disk;
    const u64 most = (u64)(r->type == VIRTIO_BLK_T_DISCARD ? disk->discard_sectors_max
                                                           : disk->zeroes_sectors_max) *
                     disk->sector_size;

    return submit(r, MIN(r->bytes - r->done, most), NULL, 0);
}

/* The next part.  E_NOMEM: not now; E_INVAL: the disk cannot; others: it does not want to. */
static err_t submit_part(struct blk_request *r)
{
    err_t e;

    if (r->type == VIRTIO_BLK_T_FLUSH)
        return submit(r, 0, NULL, 0);
    if (!moves_data(r))
        return submit_range(r);
    if (r->done == 0) {
        e = submit(r, r->bytes, r->piece, r->pieces);
        if (e != E_INVAL)
            return e;
    }
    e = submit_some(r);
    return e == E_INVAL ? submit_bounced(r) : e;
}

/* ---- from the first part to the last ---- */

/* The next range that is not empty; false: there is none. */
static bool next_range(struct blk_request *r)
{
    for (; r->range_now < r->ranges; r->range_now++) {
        r->sector = r->range[r->range_now].sector;
        r->bytes = (u64)r->range[r->range_now].sectors * VIRTIO_BLK_SECTOR;
        r->done = 0;
        if (r->bytes != 0)
            return true;
    }
    return false;
}

/* E_NOMEM: it has to wait. */
static err_t try_part(struct blk_request *r)
{
    const err_t e = submit_part(r);

    if (e != OK && e != E_NOMEM)
        blk_finish(r, e == E_NOTSUP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR);
    return e;
}

void blk_start(struct blk_request *r)
{
    const bool ranges = r->type == VIRTIO_BLK_T_DISCARD || r->type == VIRTIO_BLK_T_WRITE_ZEROES;

    r->done = 0;
    r->range_now = 0;
    r->bounced = false;
    if ((ranges && !next_range(r)) || (moves_data(r) && r->bytes == 0))
        blk_finish(r, VIRTIO_BLK_S_OK);
    else if (r->blk->waiting || try_part(r) == E_NOMEM)
        wait_for_room(r); /* behind those that were here before */
}

static void go_on_with(struct blk_request *r)
{
    r->blk->counters.parts++;
    if (r->blk->waiting || try_part(r) == E_NOMEM)
        wait_for_room(r);
}

static void end_bounce(struct blk_request *r, enum io_result result)
{
    struct virtio_blk *const b = r->blk;

    if (!r->bounced)
        return;
    if (r->type == VIRTIO_BLK_T_IN && result == IO_DONE)
        (void)pieces_write(r->piece, r->pieces, r->done, b->bounce.at, (u32)r->part);
    b->bounce_used = r->bounced = false;
}

static void end_part(struct blk_request *r, enum io_result result)
{
    const struct virtio_blk *const b = r->blk;

    if (b->v.queue[r->queue].enabled)
        end_bounce(r, result);
    else
        end_bounce(r, IO_GONE); /* the memory may be another's */
    r->done += r->part;
    if (r->done == r->bytes && r->ranges != 0)
        r->range_now++;
    const bool more = r->done < r->bytes || (r->ranges != 0 && next_range(r));
    if (result != IO_DONE)
        blk_finish(r, result == IO_UNSUPPORTED ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR);
    else if (!more || !b->v.queue[r->queue].enabled)
        blk_finish(r, VIRTIO_BLK_S_OK);
    else
        go_on_with(r);
}

static void done(struct disk_request *d, enum io_result result)
{
    struct blk_request *const r = CONTAINER_OF(d, struct blk_request, disk);
    struct virtio_blk *const b = r->blk;
    const u32 before = virtio_begin_work(&b->v);

    end_part(r, result);
    blk_go_on(b);
    virtio_end_work(&b->v, before);
}

void blk_go_on(struct virtio_blk *b)
{
    while (b->waiting) {
        struct blk_request *const r = b->waiting, *const next = r->next;
        if (try_part(r) == E_NOMEM)
            break;
        b->waiting = next;
    }
    if (!b->waiting)
        b->waiting_end = &b->waiting;
    for (u32 queue = 0; queue < b->disk->queues; queue++)
        disk_kick(b->disk, queue);
}

void blk_drop_waiting(struct virtio_blk *b, u16 queue)
{
    struct blk_request *r = b->waiting;

    b->waiting = NULL;
    b->waiting_end = &b->waiting;
    while (r) {
        struct blk_request *const next = r->next;
        if (r->queue == queue)
            give_up(r);
        else
            wait_for_room(r);
        r = next;
    }
}
