/* The virtio console with one port: bytes in both directions, and its size.
 * OASIS VIRTIO 1.2, "Console Device".  Pure. */
#pragma once
#include "control/virtio/device.h"

#define VIRTIO_CONSOLE_QUEUE_SIZE 64u
#define VIRTIO_CONSOLE_PIECES     64u  /* of a buffer */
#define VIRTIO_CONSOLE_BYTES      256u /* at most, at once */

struct virtio_console_ops {
    /* Output of the guest; returns how many bytes were taken.  Fewer than `len`: the other side is
     * full, and calls virtio_console_room() when it is not any more. */
    u32 (*output)(void *ctx, const u8 *bytes, u32 len);
    /* Input for the guest, which has room for `len` bytes; returns how many there are.  0: the
     * other side calls virtio_console_input() when there are some. */
    u32 (*input)(void *ctx, u8 *bytes, u32 len);
    /* A driver is there from now on, or is not any more.  May be NULL. */
    void (*driver)(void *ctx, bool is_there);
};

struct virtio_console {
    struct virtio_device v;
    const struct virtio_console_ops *ops;
    void *ctx;
    u16 cols, rows;
    u32 sent; /* bytes of the first chain of the transmit queue that were taken */
    u64 in_bytes, out_bytes;
    struct io_segment room[VIRTIO_CONSOLE_PIECES]; /* of the chain at hand */
};

void virtio_console_init(struct virtio_console *c, const struct grant *grant, const char *name,
                         const struct virtio_console_ops *ops, void *ctx);
/* There is input. */
void virtio_console_input(struct virtio_console *c);
/* Output may go on. */
void virtio_console_room(struct virtio_console *c);
void virtio_console_resize(struct virtio_console *c, u16 cols, u16 rows);
