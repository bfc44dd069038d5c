/* What of a virtio device must outlive this program, beside its queues' journals: what the driver
 * has set up.  In memory of the caller's that a crash leaves alone; the next program makes the same
 * devices and goes on.  Pure. */
#pragma once
#include "control/virtio/device.h"

struct virtio_kept_queue {
    u64 desc, driver, device;
    u16 size, vector;
    bool enabled;
};

struct virtio_kept_copy {
    u16 type, queues;
    u64 features;
    bool features_beyond;
    u8 status, generation;
    u16 config_vector, queue_select;
    u32 device_select, driver_select;
    struct virtio_kept_queue queue[VIRTIO_QUEUES_MAX];
    u8 config[PCI_CONFIG_SIZE];
    u32 msix[PCI_VECTORS_MAX][4];
    u8 state[VIRTIO_STATE_MAX]; /* of the device type */
    u64 sum;                    /* of the bytes above: what dies may write anywhere */
};

/* Written in turns, so that one is whole whenever the crash comes.  Zeros: nothing is kept. */
struct virtio_kept {
    u32 latest; /* 0: none; else 1 + the number of the copy */
    struct virtio_kept_copy copy[2];
};

/* Keeps the device as it is now, if it has changed since the last time.  To be called after
 * virtio_work(). */
void virtio_keep(struct virtio_device *v, struct virtio_kept *kept);
/* After virtio_*_init(), pci_bus_add() and virtio_use_journals(): goes on where the last program
 * has stopped; its driver notices an interrupt of each queue and one about its
 * configuration.  E_NOENT: nothing is kept, the device
 * is as after power-on; E_INVAL: what is kept is of another device or makes no sense, likewise. */
err_t virtio_restore(struct virtio_device *v, const struct virtio_kept *kept);
/* The same for a device over whose work programs die: its rings are not looked at.  If it is in use
 * it needs a reset, and `why` goes to the log; after that it is a device like any other. */
err_t virtio_restore_failed(struct virtio_device *v, const struct virtio_kept *kept,
                            const char *why);
