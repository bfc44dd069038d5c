/* What a virtio disk says of itself; see virtio_blk_config.h.  Pure. */
#include "drivers/io/virtio_blk_config.h"

/* 5.2.4 "Device configuration layout". */
enum {
    CAPACITY = 0,
    LARGEST_SEGMENT = 8,
    MOST_SEGMENTS = 12,
    BLK_SIZE = 20,
    PHYSICAL_BLOCK_EXP = 24,
    NUM_QUEUES = 34,
    MAX_DISCARD_SECTORS = 36,
    DISCARD_SECTOR_ALIGNMENT = 44,
    MAX_WRITE_ZEROES_SECTORS = 48,
};

#define SECTOR_MIN       512u
#define SECTOR_MAX       4096u
#define PHYSICAL_EXP_MAX 8u
#define AROUND           2u /* descriptors of a request beside its segments */
/* Of data in one request; a length on the wire has 32 bits. */
#define BYTES_MAX (16u << 20)

u32 virtio_blk_queues(const struct virtio *v)
{
    return v->features & BLK_F_MQ ? MAX(virtio_config(v, NUM_QUEUES, 2), 1u) : 1;
}

static err_t read_sizes(const struct virtio *v, struct disk *d)
{
    const u32 size = v->features & BLK_F_BLK_SIZE ? virtio_config(v, BLK_SIZE, 4) : SECTOR_MIN;
    u64 capacity;

    if (size < SECTOR_MIN || size > SECTOR_MAX || (size & (size - 1)) != 0)
        return E_INVAL;
    TRY(virtio_config64(v, CAPACITY, &capacity));
    if (capacity > (u64)INT64_MAX / VIRTIO_SECTOR)
        return E_INVAL;
    d->sector_size = size;
    d->physical_sector = size;
    d->sectors = capacity / (size / VIRTIO_SECTOR);
    if (v->features & BLK_F_TOPOLOGY)
        d->physical_sector <<= MIN(virtio_config(v, PHYSICAL_BLOCK_EXP, 1), PHYSICAL_EXP_MAX);
    return OK;
}

static void read_limits(const struct virtio *v, u32 queue_size, struct disk *d)
{
    const u32 ratio = d->sector_size / VIRTIO_SECTOR;
    const u32 segments = v->features & BLK_F_SEG_MAX ? virtio_config(v, MOST_SEGMENTS, 4) : 1;
    const u32 bytes =
        v->features & BLK_F_SIZE_MAX ? virtio_config(v, LARGEST_SEGMENT, 4) : BYTES_MAX;

    /* 2.7.5.3.1: no chain is longer than the queue, in an indirect table either. */
    d->segments_max = MIN(MAX(segments, 1u), MIN(queue_size, VIRTQ_CHAIN_MAX) - AROUND);
    d->segment_bytes_max = MIN(bytes, BYTES_MAX);
    d->sectors_max = BYTES_MAX / d->sector_size;
    d->segment_align = 1;
    d->bus_last = UINT64_MAX;
    if (v->features & BLK_F_DISCARD) {
        d->discard_sectors_max = virtio_config(v, MAX_DISCARD_SECTORS, 4) / ratio;
        d->discard_align = MAX(virtio_config(v, DISCARD_SECTOR_ALIGNMENT, 4) / ratio, 1u);
    }
    if (v->features & BLK_F_WRITE_ZEROES)
        d->zeroes_sectors_max = virtio_config(v, MAX_WRITE_ZEROES_SECTORS, 4) / ratio;
}

err_t virtio_blk_config(const struct virtio *v, u32 size, struct disk *d)
{
    if (size <= AROUND)
        return E_NOTSUP;
    TRY(read_sizes(v, d));
    read_limits(v, size, d);
    if (d->segment_bytes_max < d->sector_size)
        return E_INVAL;
    d->flags = (v->features & BLK_F_FLUSH ? DISK_CAN_FLUSH : 0) |
               (v->features & BLK_F_RO ? DISK_IS_READ_ONLY : 0) |
               (d->discard_sectors_max != 0 ? DISK_CAN_DISCARD : 0) |
               (d->zeroes_sectors_max != 0 ? DISK_CAN_WRITE_ZEROES : 0);
    return OK;
}
