/* What a virtio disk says of itself. */
#pragma once
#include "drivers/io/disk.h"
#include "drivers/io/virtio.h"

/* 5.2.3 "Feature bits". */
#define BLK_F_SEG_MAX      BIT(2)
#define BLK_F_SIZE_MAX     BIT(1)
#define BLK_F_RO           BIT(5)
#define BLK_F_BLK_SIZE     BIT(6)
#define BLK_F_FLUSH        BIT(9)
#define BLK_F_TOPOLOGY     BIT(10)
#define BLK_F_MQ           BIT(12)
#define BLK_F_DISCARD      BIT(13)
#define BLK_F_WRITE_ZEROES BIT(14)

#define VIRTIO_SECTOR      512u /* the unit of every sector number on the wire */

/* How many queues the device has, at least 1. */
u32 virtio_blk_queues(const struct virtio *v);
/* Fills in sizes, flags and limits for queues of `size` entries.  E_INVAL: they cannot be.  E_IO:
 * the device changes them all the time.  E_NOTSUP: its queues are too small for a request. */
err_t virtio_blk_config(const struct virtio *v, u32 size, struct disk *d);
