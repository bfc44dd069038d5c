/* A virtio device as a PCI function: capabilities, and the two BARs behind them.
 * OASIS VIRTIO 1.2, "Virtio Over PCI Bus".  Pure. */
#pragma once
#include "control/virtio/device.h"

/* Where things are, for who wants a write to be a doorbell: queue n's is 4 bytes at offset
 * VIRTIO_PCI_NOTIFY_AT + 4 * n of BAR VIRTIO_PCI_BAR. */
#define VIRTIO_PCI_BAR       4u
#define VIRTIO_PCI_MSIX_BAR  0u
#define VIRTIO_PCI_NOTIFY_AT 0x3000u

/* After virtio_init(): fills in v->pci.  `class`: the three bytes of the class code; `name`: for
 * people, stays the caller's. */
void virtio_pci_init(struct virtio_device *v, const char *name, u32 class);
