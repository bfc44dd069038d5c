/* A virtio device on PCI: its registers, features, and interrupts by MSI-X.
 * OASIS VIRTIO 1.2, "Virtio Over PCI Bus", "Device Initialization". */
#pragma once
#include "abi/virtio.h"
#include "guest_tests/rt/lapic.h"
#include "guest_tests/virtio/pci.h"

#define VIRTIO_PATIENCE 2000u /* ms until a device that does not answer is called dead */

struct virtio_device {
    u32 pci; /* PCI_NONE: there is none */
    volatile struct virtio_pci_common *common;
    volatile u8 *isr, *config; /* NULL: it has none */
    volatile u8 *notify;       /* NULL: by ports, from */
    u16 notify_port;           /*   this one */
    u32 notify_multiplier;
    volatile u32 *table, *pending; /* of MSI-X; NULL: it has none */
    u32 msix;                      /* the capability; 0: none */
    u32 vectors;
    u64 features; /* negotiated */
};

/* Which structure of doorbells a driver takes. */
enum virtio_way { VIRTIO_FIRST_WAY, VIRTIO_BY_MEMORY, VIRTIO_BY_PORTS };

/* The n-th device of a type: decoding and bus mastering on, reset.  False: there is none,
 * or it lacks something that it has to have; the latter fails the test. */
bool virtio_find(struct virtio_device *v, u32 type, u32 nth);
/* Finds the registers again: a BAR has moved. */
bool virtio_locate(struct virtio_device *v);
/* Its doorbells are others, for queue_start(); virtio_locate() takes the first that there are.
 * False: it has none such. */
bool virtio_take_way(struct virtio_device *v, enum virtio_way way);
/* A write of 16 bits to the structure of doorbells. */
static inline void virtio_notify(const struct virtio_device *v, u32 offset, u16 value)
{
    if (v->notify)
        *(volatile u16 *)(void *)(v->notify + offset) = value;
    else
        outw((u16)(v->notify_port + offset), value);
}

/* False: it did not become 0 in time. */
bool virtio_reset(struct virtio_device *v);
u64 virtio_offered(struct virtio_device *v);
/* Reset, and all up to FEATURES_OK with exactly these features; whether the device agrees. */
bool virtio_negotiate(struct virtio_device *v, u64 features);
/* The same with those of `wanted` that it offers, and VERSION_1. */
bool virtio_begin(struct virtio_device *v, u64 wanted);
/* DRIVER_OK. */
void virtio_go(struct virtio_device *v);
static inline bool virtio_has(const struct virtio_device *v, u64 feature)
{
    return (v->features & feature) != 0;
}

/* ---- MSI-X ---- */

/* Entry n of the table sends `vector` to this processor; not masked. */
void virtio_msix_entry(struct virtio_device *v, u32 n, u8 vector);
void virtio_msix_mask(struct virtio_device *v, u32 n, bool masked);
/* Bits PCI_MSIX_* of the capability. */
void virtio_msix_control(struct virtio_device *v, u16 bits);
static inline bool virtio_msix_pending(const struct virtio_device *v, u32 n)
{
    return v->pending[n / 32] >> n % 32 & 1;
}
