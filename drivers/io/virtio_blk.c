/* The virtio disk driver; see virtio_blk.h.  Virtual I/O Device (VIRTIO) Version 1.2, 5.2.6 "Device
 * Operation".  Pure. */
#include "drivers/io/virtio_blk.h"
#include "drivers/io/virtio_blk_config.h"
#include "lib/fmt.h"
#include "lib/mem.h"

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2, S_UNSET = 0xff };
#define UNMAP       1u
#define ID_LEN      20u
#define ID_LIMIT_US 1000000u
#define ID_STEP_US  20u

/* What goes around the data, in DMA memory. */
struct header {
    u32 type, reserved; /* the device reads from here */
    u64 sector;
    u64 range_sector; /* of discard and write-zeroes */
    u32 range_sectors, range_flags;
    u8 status; /* the device writes from here */
    u8 id[ID_LEN];
    u8 pad[11];
};
#define REQUEST_LEN 16u
#define RANGE_LEN   16u

_Static_assert(sizeof(struct header) == 64 && offsetof(struct header, range_sector) == REQUEST_LEN,
               "the specification's");

static struct virtio_blk *blk_of(struct disk *d)
{
    return CONTAINER_OF(d, struct virtio_blk, disk);
}

static struct header *header_at(const struct virtio_blk *b, u32 queue, u32 slot)
{
    return (struct header *)b->headers[queue].at + slot;
}

static struct virtq_piece header_piece(const struct virtio_blk *b, u32 queue, u32 slot, size_t from,
                                       u32 len)
{
    return (struct virtq_piece){b->headers[queue].bus + slot * sizeof(struct header) + from, len};
}

/* ------------------------------------------------------------ submitting */

static void fill_header(struct virtio_blk *b, const struct disk_request *r, u32 slot)
{
    static const u32 type[DISK_OPS] = {[DISK_READ] = T_IN,
                                       [DISK_WRITE] = T_OUT,
                                       [DISK_FLUSH] = T_FLUSH,
                                       [DISK_DISCARD] = T_DISCARD,
                                       [DISK_WRITE_ZEROES] = T_WRITE_ZEROES};
    const u32 ratio = b->disk.sector_size / VIRTIO_SECTOR;
    const bool data = r->op == DISK_READ || r->op == DISK_WRITE;
    const bool unmap = r->op == DISK_WRITE_ZEROES && (r->flags & DISK_MAY_UNMAP);

    *header_at(b, r->queue, slot) = (struct header){.type = type[r->op],
                                                    .sector = data ? r->sector * ratio : 0,
                                                    .range_sector = r->sector * ratio,
                                                    .range_sectors = r->sectors * ratio,
                                                    .range_flags = unmap ? UNMAP : 0,
                                                    .status = S_UNSET};
}

static err_t blk_submit(struct disk *d, struct disk_request *r)
{
    struct virtio_blk *b = blk_of(d);
    struct virtq *q = &b->queue[r->queue];
    struct virtq_piece piece[VIRTQ_CHAIN_MAX];
    const bool range = r->op == DISK_DISCARD || r->op == DISK_WRITE_ZEROES;
    u32 count = 0, slot;

    TRY(virtq_next(q, &slot));
    piece[count++] = header_piece(b, r->queue, slot, 0, REQUEST_LEN);
    if (range)
        piece[count++] = header_piece(b, r->queue, slot, REQUEST_LEN, RANGE_LEN);
    for (u32 i = 0; i < r->segments; i++)
        piece[count++] = (struct virtq_piece){r->segment[i].bus, r->segment[i].len};
    piece[count++] = header_piece(b, r->queue, slot, offsetof(struct header, status), 1);

    const u32 in = r->op == DISK_READ ? r->segments + 1 : 1;

    fill_header(b, r, slot);
    TRY(virtq_add(q, piece, count - in, in, r));
    r->slot = slot;
    r->deadline = io_now(b->v.env) + d->timeout_us;
    b->first_deadline = MIN(b->first_deadline, r->deadline);
    return OK;
}

static void blk_kick(struct disk *d, u32 queue)
{
    virtio_notify(&blk_of(d)->v, queue);
}

/* ------------------------------------------------------------ giving up and starting again */

/* All that is in the device, in a list.  What is overdue timed out; the rest ends as `result`. */
static struct disk_request *take_all(struct virtio_blk *b, enum io_result result)
{
    const u64 now = io_now(b->v.env);
    struct disk_request *list = NULL;

    for (u32 i = 0; i < b->disk.queues; i++) {
        for (u32 slot = 0; slot < b->queue[i].size; slot++) {
            struct disk_request *r = virtq_token(&b->queue[i], slot);

            if (r == NULL)
                continue;
            r->result = result == IO_RESET && r->deadline <= now ? IO_TIMEOUT : result;
            if (r->result == IO_TIMEOUT)
                b->disk.counts.timeouts++;
            r->next = list;
            list = r;
        }
        virtq_clear(&b->queue[i]);
    }
    b->first_deadline = IO_NEVER;
    return list;
}

static err_t configure(struct virtio_blk *b)
{
    struct disk *d = &b->disk;

    TRY(virtio_blk_config(&b->v, b->queue[0].size, d));
    d->depth = virtq_room(&b->queue[0], d->segments_max + 2);
    return OK;
}

/* The device is reset before anything in it is done: it must not write memory later. */
static err_t restart(struct virtio_blk *b, enum io_result result)
{
    struct disk *d = &b->disk;
    err_t err = virtio_halt(&b->v);
    struct disk_request *list = take_all(b, result);

    d->counts.resets++;
    if (err == OK)
        err = virtio_restart(&b->v);
    if (err == OK)
        err = configure(b);
    if (err != OK) {
        io_log(b->v.env, IO_LOG_ERROR, "%s: does not come back from a reset; given up", d->name);
        virtio_cut_off(&b->v);
        disk_lose(d);
    }
    disk_done(d, list);
    return err;
}

static err_t blk_reset(struct disk *d)
{
    return restart(blk_of(d), IO_RESET);
}

static void broken(struct virtio_blk *b, const char *why)
{
    b->disk.counts.nonsense++;
    io_log(b->v.env, IO_LOG_WARN, "%s: %s; reset", b->disk.name, why);
    if (restart(b, IO_ERROR) != OK)
        io_log(b->v.env, IO_LOG_ERROR, "%s: its requests fail from now on", b->disk.name);
}

static void blk_stop(struct disk *d)
{
    struct virtio_blk *b = blk_of(d);

    if (d->queues == 0)
        return;

    if (!d->lost && virtio_halt(&b->v) != OK)
        io_log(b->v.env, IO_LOG_WARN, "%s: no answer to the last reset; cut off", d->name);

    struct disk_request *list = take_all(b, IO_GONE);

    for (u32 i = 0; i < d->queues; i++)
        b->v.env->ops->dma_free(b->v.env, &b->headers[i]);
    virtio_close(&b->v);
    d->queues = 0;
    d->lost = true;
    disk_done(d, list);
}

/* ------------------------------------------------------------ completing */

static enum io_result judge(struct virtio_blk *b, const struct disk_request *r, u8 status,
                            u32 written)
{
    const u32 data = r->op == DISK_READ ? r->sectors * b->disk.sector_size : 0;

    switch (status) {
    case S_OK:
        if (written >= data + 1)
            return IO_DONE;
        b->disk.counts.nonsense++; /* it cannot have written all that it says to have read */
        return IO_ERROR;
    case S_UNSUPP: return IO_UNSUPPORTED;
    case S_IOERR: return IO_ERROR;
    default: b->disk.counts.nonsense++; return IO_ERROR;
    }
}

/* At most as many as the queue has slots: what a fast device does meanwhile is for the next call.
 */
static void drain(struct virtio_blk *b, u32 queue)
{
    struct virtq *q = &b->queue[queue];
    struct disk_request *list = NULL, **end = &list;
    enum virtq_taken taken = VIRTQ_TAKEN;

    for (u32 i = 0; i < q->size; i++) {
        u32 slot, written;
        void *token;

        taken = virtq_take(q, &token, &slot, &written);
        if (taken != VIRTQ_TAKEN)
            break;

        struct disk_request *r = token;

        r->result = judge(b, r, READ_ONCE(header_at(b, queue, slot)->status), written);
        r->next = NULL;
        *end = r;
        end = &r->next;
    }
    disk_done(&b->disk, list);
    if (taken == VIRTQ_BROKEN)
        broken(b, "an index, id or length in its ring cannot be");
}

/* What is done before the word that asks for an interrupt is seen has none: until nothing is left
 * behind that word. */
static void drain_and_rearm(struct virtio_blk *b, u32 queue)
{
    for (u32 round = 0; round < VIRTQ_DRAINS; round++) {
        drain(b, queue);
        if (b->disk.lost || !b->queue[queue].interrupts || !virtq_rearm(&b->queue[queue]))
            return;
    }
    b->first_deadline = io_now(b->v.env); /* it is as fast as we are: the rest is for disk_poll() */
}

static void on_queue(struct virtio *v, u32 queue)
{
    struct virtio_blk *b = CONTAINER_OF(v, struct virtio_blk, v);

    if (!b->disk.lost)
        drain_and_rearm(b, queue);
}

static void on_config(struct virtio *v)
{
    struct virtio_blk *b = CONTAINER_OF(v, struct virtio_blk, v);
    struct disk *d = &b->disk;
    const u64 sectors = d->sectors;

    if (d->lost)
        return;
    if (virtio_is_broken(v) || configure(b) != OK) {
        broken(b, "it asks for a reset");
    } else if (d->sectors != sectors && d->event != NULL) {
        d->event(d, DISK_CHANGED);
    }
}

/* When the next request is due, IO_NEVER without any. */
static u64 next_deadline(const struct virtio_blk *b)
{
    u64 first = IO_NEVER;

    for (u32 i = 0; i < b->disk.queues; i++)
        for (u32 slot = 0; slot < b->queue[i].size; slot++) {
            const struct disk_request *r = virtq_token(&b->queue[i], slot);

            if (r != NULL)
                first = MIN(first, r->deadline);
        }
    return first;
}

static bool is_idle(const struct virtio_blk *b)
{
    for (u32 i = 0; i < b->disk.queues; i++)
        if (b->queue[i].free_count < b->queue[i].size)
            return false;
    return true;
}

static u64 blk_poll(struct disk *d)
{
    struct virtio_blk *b = blk_of(d);

    for (u32 i = 0; i < d->queues && !d->lost; i++)
        drain_and_rearm(b, i);
    if (is_idle(b))
        b->first_deadline = IO_NEVER;
    if (d->lost || b->first_deadline > io_now(b->v.env))
        return d->lost ? IO_NEVER : b->first_deadline;
    b->first_deadline = next_deadline(b);
    if (b->first_deadline <= io_now(b->v.env)) {
        io_log(b->v.env, IO_LOG_WARN, "%s: no answer for %u ms; reset", d->name,
               d->timeout_us / 1000);
        if (restart(b, IO_RESET) != OK)
            return IO_NEVER;
    }
    return b->first_deadline;
}

static void blk_interrupts(struct disk *d, bool on)
{
    struct virtio_blk *b = blk_of(d);

    for (u32 i = 0; i < d->queues; i++)
        (void)virtq_interrupts(&b->queue[i], on);
}

static const struct disk_ops blk_ops = {.submit = blk_submit,
                                        .kick = blk_kick,
                                        .poll = blk_poll,
                                        .interrupts = blk_interrupts,
                                        .reset = blk_reset,
                                        .stop = blk_stop};

/* ------------------------------------------------------------ starting */

/* The serial number; empty if the device does not know the command.  Waits, bounded. */
static void ask_id(struct virtio_blk *b)
{
    struct disk *d = &b->disk;
    struct header *h = header_at(b, 0, 0);
    const struct virtq_piece piece[] = {
        header_piece(b, 0, 0, 0, REQUEST_LEN),
        header_piece(b, 0, 0, offsetof(struct header, id), ID_LEN),
        header_piece(b, 0, 0, offsetof(struct header, status), 1),
    };
    const u64 end = io_now(b->v.env) + ID_LIMIT_US;
    u32 slot, written;
    void *token;

    *h = (struct header){.type = T_GET_ID, .status = S_UNSET};
    if (virtq_add(&b->queue[0], piece, 1, 2, b) != OK)
        return;
    virtio_notify(&b->v, 0);
    while (virtq_take(&b->queue[0], &token, &slot, &written) == VIRTQ_NOTHING) {
        if (io_now(b->v.env) > end)
            return;
        b->v.env->ops->delay(b->v.env, ID_STEP_US);
    }
    if (READ_ONCE(h->status) != S_OK)
        return;
    for (u32 i = 0; i < ID_LEN; i++) {
        const u8 c = READ_ONCE(h->id[i]);

        if (c < ' ' || c > '~')
            break;
        d->id[i] = (char)c;
    }
}

static err_t open_queues(struct virtio_blk *b, u32 queues_max)
{
    struct io_env *env = b->v.env;
    const u32 queues = MIN(MIN(virtio_blk_queues(&b->v), queues_max), VIRTIO_BLK_QUEUES);

    for (u32 i = 0; i < queues; i++) {
        TRY(virtio_queue_open(&b->v, i, &b->queue[i]));
        TRY(env->ops->dma_alloc(env, b->queue[i].size * (u32)sizeof(struct header),
                                sizeof(struct header), UINT64_MAX, &b->headers[i]));
        b->disk.queues = i + 1;
    }
    return OK;
}

static err_t bring_up(struct virtio_blk *b, u32 queues_max)
{
    TRY(virtio_negotiate(&b->v,
                         BLK_F_SIZE_MAX | BLK_F_SEG_MAX | BLK_F_RO | BLK_F_BLK_SIZE | BLK_F_FLUSH |
                             BLK_F_TOPOLOGY | BLK_F_MQ | BLK_F_DISCARD | BLK_F_WRITE_ZEROES |
                             VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX,
                         0));
    TRY(open_queues(b, queues_max));
    TRY(virtio_start(&b->v));
    TRY(configure(b));
    ask_id(b);
    /* A device that did not answer to that is not left with it. */
    return virtq_token(&b->queue[0], 0) == NULL ? OK : E_IO;
}

err_t virtio_blk_start(struct virtio_blk *b, const struct pci_function *f, struct io_env *env,
                       u32 queues_max)
{
    *b = (struct virtio_blk){.first_deadline = IO_NEVER};
    b->disk =
        (struct disk){.ops = &blk_ops, .env = env, .timeout_us = DISK_TIMEOUT_US, .lost = true};
    (void)fmt_buf(b->disk.name, sizeof(b->disk.name), "virtio-blk %02x:%02x.%x", f->bus, f->device,
                  f->function);
    if (virtio_type_of(f) != VIRTIO_BLK || queues_max == 0)
        return E_NOTSUP;
    TRY(virtio_open(&b->v, f, env));
    b->v.on_queue = on_queue;
    b->v.on_config = on_config;
    b->v.counts = &b->disk.counts;

    const err_t err = bring_up(b, queues_max);

    if (err != OK) {
        (void)virtio_halt(&b->v);
        for (u32 i = 0; i < VIRTIO_BLK_QUEUES; i++)
            if (b->headers[i].len != 0)
                env->ops->dma_free(env, &b->headers[i]);
        virtio_close(&b->v);
        b->disk.queues = 0;
    }
    b->disk.lost = err != OK;
    return err;
}
