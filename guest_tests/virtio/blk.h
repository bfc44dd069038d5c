/* A virtio block device with one queue, and its requests one at a time.
 * OASIS VIRTIO 1.2, "Block Device". */
#pragma once
#include "abi/virtio_blk.h"
#include "guest_tests/virtio/queue.h"

#define BLK_PARTS   34u   /* of a request's data, and header and status */
#define BLK_NO_WORD 0xffu /* a status that no device gives: it did not answer */

/* The driver's part of a request; the caller keeps it until the device gives it back. */
struct blk_request {
    struct virtio_blk_header header;
    volatile u8 status;
};

struct blk {
    struct virtio_device v;
    struct queue queue;
    u64 sectors;                /* of VIRTIO_BLK_SECTOR bytes */
    struct blk_request request; /* of blk_do() */
    u32 written;                /* bytes, by what the device has given back last */
};

/* The n-th block device, running, with those of `wanted` that it has; its interrupts go to entry
 * `vector` of MSI-X, or there are none.  False: there is none. */
bool blk_start(struct blk *b, u32 nth, u64 wanted, u16 vector);
/* The same for a device that was found already. */
bool blk_restart(struct blk *b, u64 wanted, u16 vector);
/* Finds the first one that is read-only, or is not; for blk_restart().  False: there is none. */
bool blk_find(struct blk *b, bool read_only);

/* Adds a request with `n` pieces of data, for queue_kick(); its head, or QUEUE_NONE. */
u16 blk_add(struct blk *b, struct blk_request *r, u32 type, u64 sector,
            const struct queue_part *data, u32 n);
/* The same through a table of n + 2 descriptors. */
u16 blk_add_indirect(struct blk *b, struct blk_request *r, u32 type, u64 sector,
                     const struct queue_part *data, u32 n, struct virtq_desc *table);
/* A request from begin to end, without interrupts: its status, or BLK_NO_WORD. */
u8 blk_do(struct blk *b, u32 type, u64 sector, const struct queue_part *data, u32 n);
u8 blk_read(struct blk *b, u64 sector, void *to, u32 bytes);
u8 blk_write(struct blk *b, u64 sector, const void *from, u32 bytes);
u8 blk_flush(struct blk *b);
/* VIRTIO_BLK_T_DISCARD or VIRTIO_BLK_T_WRITE_ZEROES of one range. */
u8 blk_range(struct blk *b, u32 type, u64 sector, u32 sectors, u32 flags);
