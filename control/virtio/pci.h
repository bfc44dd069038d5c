/* A virtio device as a PCI function: capabilities, and the three BARs behind them.
 * OASIS VIRTIO 1.2, "Virtio Over PCI Bus".  Pure. */
#pragma once
#include "control/virtio/device.h"

/* Where things are, for who wants a write to be a doorbell: queue n's is VIRTIO_PCI_BELL bytes at
 * offset VIRTIO_PCI_BELL * n of BAR VIRTIO_PCI_PORTS_BAR, whose capability comes first, and at
 * offset VIRTIO_PCI_NOTIFY_AT + VIRTIO_PCI_BELL * n of BAR VIRTIO_PCI_BAR, for drivers that do
 * not know ports ("Notification structure layout": a device may offer both). */
#define VIRTIO_PCI_MSIX_BAR  0u
#define VIRTIO_PCI_PORTS_BAR 2u
#define VIRTIO_PCI_BAR       4u
#define VIRTIO_PCI_NOTIFY_AT 0x3000u
#define VIRTIO_PCI_BELL      4u

/* After virtio_init(): fills in v->pci.  `class`: the three bytes of the class code; `name`: for
 * people, stays the caller's. */
void virtio_pci_init(struct virtio_device *v, const char *name, u32 class);
