/* A virtio disk.  Virtual I/O Device (VIRTIO) Version 1.2, 5.2 "Block Device".  Pure. */
#pragma once
#include "drivers/io/disk.h"
#include "drivers/io/virtio.h"

#define VIRTIO_BLK_QUEUES 4u

struct virtio_blk {
    struct disk disk;
    struct virtio v;
    struct virtq queue[VIRTIO_BLK_QUEUES];
    struct io_dma headers[VIRTIO_BLK_QUEUES]; /* what goes around the data, one for each slot */
    u64 first_deadline;                       /* nothing that is in the device is due before it */
};

/* Starts the device; b stays where it is until disk_stop().  `queues_max`: 1 to VIRTIO_BLK_QUEUES.
 * Not OK: the device is off, and nothing is kept.  E_NOTSUP: not a modern virtio disk, or its
 * queues are too small; E_INVAL: sizes that cannot be; E_IO: it does not answer; E_NOMEM: no DMA
 * memory. */
err_t virtio_blk_start(struct virtio_blk *b, const struct pci_function *f, struct io_env *env,
                       u32 queues_max);
