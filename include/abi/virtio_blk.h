/* The virtio block device.  OASIS VIRTIO 1.2, "Block Device".  See abi/virtio.h. */
#pragma once
#include "lib/types.h"

#define VIRTIO_BLK_F_SEG_MAX      BIT(2)
#define VIRTIO_BLK_F_RO           BIT(5)
#define VIRTIO_BLK_F_BLK_SIZE     BIT(6)
#define VIRTIO_BLK_F_FLUSH        BIT(9)
#define VIRTIO_BLK_F_TOPOLOGY     BIT(10)
#define VIRTIO_BLK_F_MQ           BIT(12)
#define VIRTIO_BLK_F_DISCARD      BIT(13)
#define VIRTIO_BLK_F_WRITE_ZEROES BIT(14)

#define VIRTIO_BLK_SECTOR         512u /* bytes: the unit of all positions */
#define VIRTIO_BLK_ID_BYTES       20u

// clang-format off
enum { VIRTIO_BLK_T_IN = 0, VIRTIO_BLK_T_OUT = 1, VIRTIO_BLK_T_FLUSH = 4, VIRTIO_BLK_T_GET_ID = 8,
       VIRTIO_BLK_T_DISCARD = 11, VIRTIO_BLK_T_WRITE_ZEROES = 13 };
enum { VIRTIO_BLK_S_OK, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_UNSUPP };
// clang-format on

/* In front of the data; behind it one byte of status, VIRTIO_BLK_S_*. */
struct virtio_blk_header {
    u32 type, reserved;
    u64 sector;
};
_Static_assert(sizeof(struct virtio_blk_header) == 16, "layout");

/* The data of DISCARD and WRITE_ZEROES: a list of these. */
struct virtio_blk_range {
    u64 sector;
    u32 sectors;
    u32 flags;
};
_Static_assert(sizeof(struct virtio_blk_range) == 16, "layout");
#define VIRTIO_BLK_RANGE_F_UNMAP 1u

struct virtio_blk_config {
    u64 capacity; /* sectors */
    u32 size_max, seg_max;
    u16 cylinders;
    u8 heads, sectors_per_track;
    u32 blk_size;
    u8 physical_block_exp, alignment_offset;
    u16 min_io_size;
    u32 opt_io_size;
    u8 writeback, unused0;
    u16 num_queues;
    u32 max_discard_sectors, max_discard_seg, discard_sector_alignment;
    u32 max_write_zeroes_sectors, max_write_zeroes_seg;
    u8 write_zeroes_may_unmap, unused1[3];
};
_Static_assert(offsetof(struct virtio_blk_config, blk_size) == 20, "layout");
_Static_assert(offsetof(struct virtio_blk_config, num_queues) == 34, "layout");
_Static_assert(offsetof(struct virtio_blk_config, max_write_zeroes_sectors) == 48, "layout");
_Static_assert(offsetof(struct virtio_blk_config, write_zeroes_may_unmap) == 56, "layout");
