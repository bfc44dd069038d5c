/* The common configuration structure of the PCI transport.
 * OASIS VIRTIO 1.2, "Common configuration structure layout".  Pure. */
#pragma once
#include "control/virtio/device.h"

/* A field is read and written with its own width, one of 64 bits in halves; all else reads as 0 and
 * is ignored. */
u32 virtio_common_read(struct virtio_device *v, u32 offset, unsigned width);
void virtio_common_write(struct virtio_device *v, u32 offset, unsigned width, u32 value);
