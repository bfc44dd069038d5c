/* The virtio block device in front of a disk (drivers/io/disk.h).
 * OASIS VIRTIO 1.2, "Block Device".  Pure.
 *
 * A request goes to the disk as it is if the disk takes such a one; else in parts, one after the
 * other; and what is not aligned as the disk wants it, through a bounce buffer.  So a driver sees
 * no limit of the disk behind.  Requests of all queues share one pool; who finds it empty waits. */
#pragma once
#include "abi/virtio_blk.h"
#include "control/virtio/device.h"
#include "drivers/io/disk.h"

#define VIRTIO_BLK_QUEUES_MAX 8u
#define VIRTIO_BLK_QUEUE_SIZE 128u
#define VIRTIO_BLK_PIECES     130u /* of a request: a full queue, and a border of the grant or two */
#define VIRTIO_BLK_PARTS      32u  /* pieces of a part */
#define VIRTIO_BLK_RANGES     8u   /* of a discard or write-zeroes */

struct virtio_blk;

/* A request from when it is taken to when it is given back.  Owner: the device's pool, its list of
 * those that wait, or the disk. */
struct blk_request {
    struct disk_request disk;
    struct virtio_blk *blk;
    struct blk_request *next; /* in the pool or in the list of those that wait */
    u32 type;                 /* VIRTIO_BLK_T_* */
    u16 queue, head;
    u32 written; /* what the driver is told */
    u8 *status;
    u64 sector;     /* of 512 bytes: the first one of IN and OUT */
    u64 bytes;      /* of IN and OUT: of the whole; DISCARD, WRITE_ZEROES: of the range at hand */
    u64 done, part; /* of these: bytes that are done, bytes that the disk has now */
    bool bounced;   /* the part is in the bounce buffer */
    u32 ranges, range_now;
    struct virtio_blk_range range[VIRTIO_BLK_RANGES];
    u32 pieces;
    struct io_segment piece[VIRTIO_BLK_PIECES];
    struct io_segment some[VIRTIO_BLK_PARTS]; /* the part's, if it is not the whole */
};

struct virtio_blk_counters {
    u64 requests, errors;
    u64 parts;   /* requests to the disk beyond the first */
    u64 bounced; /* parts through the bounce buffer */
};

struct virtio_blk {
    struct virtio_device v;
    struct disk *disk;
    char id[VIRTIO_BLK_ID_BYTES]; /* padded with zeros */
    struct blk_request *unused;
    /* For room in the disk or for the bounce buffer: tried again after each completion.  If others
     * use the same disk, call virtio_kick_all() now and then while this is not empty. */
    struct blk_request *waiting, **waiting_end;
    u32 starved; /* one bit a queue: it found the pool empty */
    struct io_dma bounce;
    bool bounce_used;
    struct virtio_blk_counters counters;
    struct io_segment room[VIRTIO_BLK_PIECES]; /* of the chain at hand */
};

/* What is the caller's, and stays. */
struct virtio_blk_setup {
    const struct grant *grant;
    const char *name; /* for people */
    const char *id;   /* VIRTIO_BLK_ID_BYTES of it are what the driver gets */
    struct disk *disk;
    u16 queues;               /* 1 to VIRTIO_BLK_QUEUES_MAX */
    struct blk_request *pool; /* room for requests under way */
    u32 pool_size;            /* at least 1 */
    struct io_dma bounce;     /* aligned for the disk; at least a sector of it, or length 0: none */
};

/* E_INVAL: the setup is not as above. */
err_t virtio_blk_init(struct virtio_blk *b, const struct virtio_blk_setup *setup);
/* The disk's size or nature has changed: tells the driver.  Call virtio_work() afterwards. */
void virtio_blk_changed(struct virtio_blk *b);
