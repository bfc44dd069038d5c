/* The virtio block device; see blk.h.  Pure. */
#include "control/virtio/blk.h"
#include "control/guest/pieces.h"
#include "control/virtio/blk_io.h"
#include "control/virtio/pci.h"
#include "lib/mem.h"

#define CLASS_DISK 0x010000u
#define HEADER     ((u32)sizeof(struct virtio_blk_header))

static struct virtio_blk *blk_of(struct virtio_device *v)
{
    return CONTAINER_OF(v, struct virtio_blk, v);
}

/* In a disk's sectors, to those of 512 bytes; at most 32 bits. */
static u32 in_sectors(const struct disk *d, u64 sectors)
{
    return (u32)MIN(sectors * (d->sector_size / VIRTIO_BLK_SECTOR), 0xffffffffull);
}

static u64 capacity(const struct virtio_blk *b)
{
    return b->disk->sectors * (b->disk->sector_size / VIRTIO_BLK_SECTOR);
}

/* ---- requests ---- */

/* Sectors [first, first + n) are there, and are whole ones of the disk. */
static bool on_disk(const struct virtio_blk *b, u64 first, u64 n)
{
    const u64 sector = b->disk->sector_size / VIRTIO_BLK_SECTOR;

    return first <= capacity(b) && n <= capacity(b) - first && first % sector == 0 &&
           n % sector == 0;
}

/* A status other than OK: the request ends with it. */
static u8 parse_ranges(struct blk_request *r, const struct vring_chain *c)
{
    const u32 bytes = c->out_bytes - HEADER;
    const u32 allowed = r->type == VIRTIO_BLK_T_WRITE_ZEROES ? VIRTIO_BLK_RANGE_F_UNMAP : 0;

    if (bytes == 0 || bytes % sizeof(r->range[0]) != 0 || bytes > sizeof(r->range))
        return VIRTIO_BLK_S_IOERR;
    r->ranges = pieces_read(c->segment, c->outs, HEADER, r->range, bytes) / sizeof(r->range[0]);
    for (u32 i = 0; i < r->ranges; i++) {
        if (r->range[i].flags & ~allowed)
            return VIRTIO_BLK_S_UNSUPP;
        if (!on_disk(r->blk, r->range[i].sector, r->range[i].sectors))
            return VIRTIO_BLK_S_IOERR;
    }
    return VIRTIO_BLK_S_OK;
}

static u8 parse_data(struct blk_request *r, const struct vring_chain *c, u64 sector)
{
    const bool in = r->type == VIRTIO_BLK_T_IN;

    r->sector = sector;
    r->bytes = in ? c->in_bytes - 1 : c->out_bytes - HEADER;
    r->written = in ? c->in_bytes : 1;
    if (r->bytes % VIRTIO_BLK_SECTOR != 0 || !on_disk(r->blk, sector, r->bytes / VIRTIO_BLK_SECTOR))
        return VIRTIO_BLK_S_IOERR;
    r->pieces = in ? pieces_cut(c->segment + c->outs, c->ins, 0, r->bytes, r->piece)
                   : pieces_cut(c->segment, c->outs, HEADER, r->bytes, r->piece);
    return VIRTIO_BLK_S_OK;
}

static u8 parse_get_id(struct blk_request *r, const struct vring_chain *c)
{
    const u32 len = MIN(c->in_bytes - 1, VIRTIO_BLK_ID_BYTES);

    r->written = pieces_write(c->segment + c->outs, c->ins, 0, r->blk->id, len) + 1;
    return VIRTIO_BLK_S_OK;
}

/* What a driver is told can be done is done. */
static bool offered(const struct virtio_blk *b, u32 type)
{
    switch (type) {
    case VIRTIO_BLK_T_FLUSH: return (b->v.offered & VIRTIO_BLK_F_FLUSH) != 0;
    case VIRTIO_BLK_T_DISCARD: return (b->v.offered & VIRTIO_BLK_F_DISCARD) != 0;
    case VIRTIO_BLK_T_WRITE_ZEROES: return (b->v.offered & VIRTIO_BLK_F_WRITE_ZEROES) != 0;
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_OUT:
    case VIRTIO_BLK_T_GET_ID: return true;
    default: return false;
    }
}

static void start(struct virtio_blk *b, struct blk_request *r, const struct vring_chain *c,
                  const struct virtio_blk_header *header)
{
    u8 status = VIRTIO_BLK_S_OK;

    b->counters.requests++;
    r->type = header->type;
    r->written = 1;
    r->bytes = 0, r->sector = 0, r->ranges = 0, r->pieces = 0;
    if (!offered(b, r->type)) {
        blk_finish(r, VIRTIO_BLK_S_UNSUPP);
        return;
    }
    if (r->type == VIRTIO_BLK_T_IN || r->type == VIRTIO_BLK_T_OUT)
        status = parse_data(r, c, header->sector);
    else if (r->type == VIRTIO_BLK_T_GET_ID)
        status = parse_get_id(r, c);
    else if (r->type != VIRTIO_BLK_T_FLUSH)
        status = parse_ranges(r, c);
    if (status != VIRTIO_BLK_S_OK || r->type == VIRTIO_BLK_T_GET_ID)
        blk_finish(r, status);
    else
        blk_start(r);
}

/* The status is the last byte that we may write; at the end of no piece is it empty. */
static u8 *status_byte(const struct vring_chain *c)
{
    const struct io_segment *const last = &c->segment[c->outs + c->ins - 1];

    return (u8 *)last->at + last->len - 1;
}

static enum virtio_work work(struct virtio_device *v, u16 queue)
{
    struct virtio_blk *const b = blk_of(v);
    struct vring_chain c = {.segment = b->room, .room = VIRTIO_BLK_PIECES};
    enum virtio_work left = VIRTIO_WORK_MORE;

    for (u32 i = 0; i < v->queue[queue].size; i++) {
        struct virtio_blk_header header;
        if (!b->unused) {
            b->starved |= BIT32(queue);
            left = VIRTIO_WORK_WAIT;
            break;
        }
        if (!vring_take(&v->queue[queue].ring, &c)) {
            left = VIRTIO_WORK_DONE;
            break;
        }
        if (c.in_bytes == 0 || pieces_read(c.segment, c.outs, 0, &header, HEADER) != HEADER) {
            virtio_broken(v, "a request without a whole header or a status byte; "
                             "the device needs a reset");
            return VIRTIO_WORK_DONE;
        }
        struct blk_request *const r = blk_take_unused(b);
        r->queue = queue, r->head = c.head;
        r->status = status_byte(&c);
        virtio_hold(v, queue);
        start(b, r, &c, &header);
    }
    blk_go_on(b);
    return left;
}

/* ---- device configuration ---- */

static struct virtio_blk_config config_of(const struct virtio_blk *b)
{
    const struct disk *const d = b->disk;
    const u32 physical = MAX(d->physical_sector, d->sector_size);
    struct virtio_blk_config c = {
        .capacity = capacity(b),
        .seg_max = VIRTIO_BLK_QUEUE_SIZE - 2,
        .blk_size = d->sector_size,
        .physical_block_exp = (u8)__builtin_ctz(physical / d->sector_size),
        .min_io_size = 1,
        .num_queues = b->v.queues,
    };

    if (b->v.offered & VIRTIO_BLK_F_DISCARD) {
        c.max_discard_sectors = in_sectors(d, d->discard_sectors_max);
        c.max_discard_seg = VIRTIO_BLK_RANGES;
        c.discard_sector_alignment = in_sectors(d, MAX(d->discard_align, 1u));
    }
    if (b->v.offered & VIRTIO_BLK_F_WRITE_ZEROES) {
        c.max_write_zeroes_sectors = in_sectors(d, d->zeroes_sectors_max);
        c.max_write_zeroes_seg = VIRTIO_BLK_RANGES;
        c.write_zeroes_may_unmap = (d->flags & DISK_CAN_DISCARD) != 0;
    }
    return c;
}

static u32 config_read(struct virtio_device *v, u32 offset, unsigned width)
{
    const struct virtio_blk_config config = config_of(blk_of(v));
    u32 value = 0;

    memcpy(&value, (const u8 *)&config + offset, width);
    return value;
}

void virtio_blk_changed(struct virtio_blk *b)
{
    virtio_config_changed(&b->v);
}

static void queue_reset(struct virtio_device *v, u16 queue)
{
    struct virtio_blk *const b = blk_of(v);

    b->starved &= ~BIT32(queue);
    blk_drop_waiting(b, queue);
}

// clang-format off
/* What the disk can do, and what the driver is offered for it. */
static const struct { u32 can; u64 feature; } abilities[] = {
    { DISK_CAN_FLUSH,        VIRTIO_BLK_F_FLUSH },
    { DISK_CAN_DISCARD,      VIRTIO_BLK_F_DISCARD },
    { DISK_CAN_WRITE_ZEROES, VIRTIO_BLK_F_WRITE_ZEROES },
    { DISK_IS_READ_ONLY,     VIRTIO_BLK_F_RO },
};
// clang-format on

static u64 features_of(const struct virtio_blk_setup *s)
{
    u64 features = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_TOPOLOGY;

    for (size_t i = 0; i < ARRAY_LEN(abilities); i++)
        if (s->disk->flags & abilities[i].can)
            features |= abilities[i].feature;
    return s->queues > 1 ? features | VIRTIO_BLK_F_MQ : features;
}

err_t virtio_blk_init(struct virtio_blk *b, const struct virtio_blk_setup *s)
{
    static const struct virtio_ops ops = {
        .config_read = config_read, .work = work, .queue_reset = queue_reset};
    const struct virtio_type type = {.ops = &ops,
                                     .features = features_of(s),
                                     .type = VIRTIO_ID_BLOCK,
                                     .queues = s->queues,
                                     .queue_size = VIRTIO_BLK_QUEUE_SIZE,
                                     .config_len = sizeof(struct virtio_blk_config)};

    if (s->queues == 0 || s->queues > VIRTIO_BLK_QUEUES_MAX || s->pool_size == 0)
        return E_INVAL;
    memset(b, 0, sizeof(*b));
    virtio_init(&b->v, &type, s->grant);
    b->disk = s->disk;
    b->bounce = s->bounce;
    b->waiting_end = &b->waiting;
    memcpy(b->id, s->id, strnlen(s->id, VIRTIO_BLK_ID_BYTES));
    for (u32 i = 0; i < s->pool_size; i++) {
        s->pool[i].blk = b;
        s->pool[i].next = b->unused;
        b->unused = &s->pool[i];
    }
    virtio_pci_init(&b->v, s->name, CLASS_DISK);
    return OK;
}
