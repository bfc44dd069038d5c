/* A virtio block device with one queue; see blk.h. */
#include "guest_tests/virtio/blk.h"

bool blk_restart(struct blk *b, u64 wanted, u16 vector)
{
    const volatile struct virtio_blk_config *const c =
        (const volatile struct virtio_blk_config *)(void *)b->v.config;

    if (!virtio_begin(&b->v, wanted) || !queue_start(&b->queue, &b->v, 0, QUEUE_SIZE, vector))
        return false;
    virtio_go(&b->v);
    b->sectors = *(const volatile u32 *)&c->capacity |
                 (u64) * ((const volatile u32 *)&c->capacity + 1) << 32;
    return true;
}

bool blk_start(struct blk *b, u32 nth, u64 wanted, u16 vector)
{
    return virtio_find(&b->v, VIRTIO_ID_BLOCK, nth) && blk_restart(b, wanted, vector);
}

bool blk_find(struct blk *b, bool read_only)
{
    for (u32 nth = 0; virtio_find(&b->v, VIRTIO_ID_BLOCK, nth); nth++)
        if (((virtio_offered(&b->v) & VIRTIO_BLK_F_RO) != 0) == read_only)
            return true;
    return false;
}

/* Header, data, status; how many parts. */
static u32 compose(struct blk_request *r, u32 type, u64 sector, const struct queue_part *data,
                   u32 n, struct queue_part parts[BLK_PARTS])
{
    if (n > BLK_PARTS - 2)
        return 0;
    r->header = (struct virtio_blk_header){.type = type, .sector = sector};
    r->status = BLK_NO_WORD;
    parts[0] = (struct queue_part){.at = &r->header, .len = sizeof(r->header)};
    for (u32 i = 0; i < n; i++)
        parts[1 + i] = data[i];
    parts[1 + n] = (struct queue_part){.at = (void *)&r->status, .len = 1, .in = true};
    return n + 2;
}

u16 blk_add(struct blk *b, struct blk_request *r, u32 type, u64 sector,
            const struct queue_part *data, u32 n)
{
    struct queue_part parts[BLK_PARTS];

    return queue_add(&b->queue, parts, compose(r, type, sector, data, n, parts));
}

u16 blk_add_indirect(struct blk *b, struct blk_request *r, u32 type, u64 sector,
                     const struct queue_part *data, u32 n, struct virtq_desc *table)
{
    struct queue_part parts[BLK_PARTS];

    return queue_add_indirect(&b->queue, parts, compose(r, type, sector, data, n, parts), table);
}

u8 blk_do(struct blk *b, u32 type, u64 sector, const struct queue_part *data, u32 n)
{
    const u16 head = blk_add(b, &b->request, type, sector, data, n);

    if (head == QUEUE_NONE)
        return BLK_NO_WORD;
    queue_interrupts(&b->queue, false);
    queue_kick(&b->queue);
    if (!queue_wait(&b->queue, tsc_ms(VIRTIO_PATIENCE)) ||
        queue_take(&b->queue, &b->written) != head)
        return BLK_NO_WORD;
    return b->request.status;
}

u8 blk_read(struct blk *b, u64 sector, void *to, u32 bytes)
{
    const struct queue_part data = {.at = to, .len = bytes, .in = true};

    return blk_do(b, VIRTIO_BLK_T_IN, sector, &data, 1);
}

u8 blk_write(struct blk *b, u64 sector, const void *from, u32 bytes)
{
    const struct queue_part data = {.at = (void *)(u64)from, .len = bytes};

    return blk_do(b, VIRTIO_BLK_T_OUT, sector, &data, 1);
}

u8 blk_flush(struct blk *b)
{
    return blk_do(b, VIRTIO_BLK_T_FLUSH, 0, NULL, 0);
}

u8 blk_range(struct blk *b, u32 type, u64 sector, u32 sectors, u32 flags)
{
    struct virtio_blk_range range = {.sector = sector, .sectors = sectors, .flags = flags};
    const struct queue_part data = {.at = &range, .len = sizeof(range)};

    return blk_do(b, type, 0, &data, 1);
}
