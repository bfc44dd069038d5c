/* A virtio device behind the modern PCI transport.  Virtual I/O Device (VIRTIO) Version 1.2,
 * chapters 2 "Basic Facilities of a Virtio Device", 3 "General Initialization And Device Operation"
 * and 4.1 "Virtio Over PCI Bus".  Pure.
 *
 * A driver opens the device, negotiates features, opens its queues, starts; after trouble it
 * restarts the device with the same features and queues.  */
#pragma once
#include "drivers/io/pci.h"
#include "drivers/io/virtq.h"

#define VIRTIO_QUEUES_MAX  8u
#define VIRTIO_VECTORS_MAX (1 + VIRTIO_QUEUES_MAX) /* configuration, and one each queue */

enum virtio_type { VIRTIO_NONE = 0, VIRTIO_NET = 1, VIRTIO_BLK = 2 };

/* 6 "Reserved Feature Bits". */
#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_EVENT_IDX     BIT(29)
#define VIRTIO_F_VERSION_1     BIT(32)
/* Addresses are the bus's, which is what drivers have; memory is ordered as between processors,
 * which is how drivers order it. */
#define VIRTIO_F_ACCESS_PLATFORM BIT(33)
#define VIRTIO_F_ORDER_PLATFORM  BIT(36)

struct virtio;

/* An interrupt, and what it may say. */
struct virtio_vector {
    struct virtio *v;
    struct io_irq irq;
    u32 entry; /* of the MSI-X table */
};

struct virtio {
    struct io_env *env;
    struct pci_function f;
    struct io_window common, notify, isr, device;
    u32 notify_multiplier; /* bytes */
    u64 features;          /* negotiated */

    struct virtq *queue[VIRTIO_QUEUES_MAX]; /* NULL: not used */
    u32 notify_at[VIRTIO_QUEUES_MAX];       /* offset in `notify` */

    struct pci_msix msix;
    bool messages; /* interrupts are MSI-X; else by the line */
    struct virtio_vector vector[VIRTIO_VECTORS_MAX];
    u32 vectors; /* 0: no interrupts at all */

    /* The driver's. */
    void (*on_queue)(struct virtio *v, u32 queue); /* requests may be done */
    void (*on_config)(struct virtio *v);           /* the device's configuration has changed */
    struct io_counts *counts;
};

/* What kind of virtio device a PCI function is. */
enum virtio_type virtio_type_of(const struct pci_function *f);

/* Resets a device, whatever it does, through configuration space alone: nothing is mapped, no
 * memory is taken, and it may be decoding or not.  OK: it does no more DMA.  E_NOTSUP: no modern
 * virtio device; E_IO: it does not confirm it within a second. */
err_t virtio_quieten(const struct pci_function *f);
/* Finds the device's registers and resets it.  E_NOTSUP: no modern virtio device.  E_IO: its
 * registers are not where it says, or it does not answer. */
err_t virtio_open(struct virtio *v, const struct pci_function *f, struct io_env *env);
/* v->features are those of `wanted`, and of what every driver can, that the device has.  E_NOTSUP:
 * it lacks one of `needed`, or VIRTIO_F_VERSION_1, or refuses the choice. */
err_t virtio_negotiate(struct virtio *v, u64 wanted, u64 needed);
/* Opens a queue.  E_NOENT: the device has none of that number.  Else as virtq_open(). */
err_t virtio_queue_open(struct virtio *v, u32 queue, struct virtq *q);
/* Attaches interrupts, MSI-X if possible, else the line, else none, and lets the device run.
 * E_IO: it does not keep what it was told. */
err_t virtio_start(struct virtio *v);
/* The device does nothing more, no DMA above all: it has confirmed it, or it is cut off (E_IO).
 * Its queues are as they were.  Waits for a second at most. */
err_t virtio_halt(struct virtio *v);
/* Without the device's help: it is no longer master of the bus, and has no interrupt line. */
void virtio_cut_off(struct virtio *v);
/* After virtio_halt(): the queues are empty, and the device runs again.  E_IO, E_NOTSUP: not. */
err_t virtio_restart(struct virtio *v);
/* After virtio_halt(): queues and interrupts are given back. */
void virtio_close(struct virtio *v);

/* Shows a queue's new requests to the device, and notifies it if it wants that. */
void virtio_notify(struct virtio *v, u32 queue);
/* The device asks to be reset. */
bool virtio_is_broken(const struct virtio *v);

/* A field of the device's own configuration, by its natural width: 1, 2 or 4; all ones from outside
 * of it.  The 64-bit one is of one moment; E_IO: it changed each time it was read. */
u32 virtio_config(const struct virtio *v, u32 offset, u32 width);
err_t virtio_config64(const struct virtio *v, u32 offset, u64 *value);
