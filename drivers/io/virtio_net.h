/* A virtio network card with one pair of queues.  Virtual I/O Device (VIRTIO) Version 1.2, 5.1
 * "Network Device".  Pure. */
#pragma once
#include "drivers/io/nic.h"
#include "drivers/io/virtio.h"

struct virtio_net {
    struct nic nic;
    struct virtio v;
    struct virtq rx, tx, control;
    struct io_dma headers; /* rx slots, tx slots, and the control queue's command */
    u64 first_deadline;    /* no frame that is in the device is due before it */
    u32 mode;              /* receive mode, to be told again after a reset */
    bool control_stuck;    /* it gave no answer */
};

/* Starts the device; n stays where it is until nic_stop().  Not OK: the device is off, and nothing
 * is kept.  E_NOTSUP: not a modern virtio card, or its queues are too small; E_IO: it does not
 * answer; E_NOMEM: no DMA memory. */
err_t virtio_net_start(struct virtio_net *n, const struct pci_function *f, struct io_env *env);
