/* The virtio entropy device: one queue of buffers to fill.
 * OASIS VIRTIO 1.2, "Entropy Device".  Pure. */
#pragma once
#include "control/virtio/device.h"

#define VIRTIO_RNG_QUEUE_SIZE 16u
#define VIRTIO_RNG_PIECES     8u   /* of a buffer */
#define VIRTIO_RNG_BYTES      256u /* of a buffer at most; a driver asks again */

struct virtio_rng {
    struct virtio_device v;
    /* Up to `len` random bytes; fewer, or 0, if the source has no more at the moment. */
    u32 (*source)(void *ctx, void *to, u32 len);
    void *ctx;
    /* The source had nothing for a buffer that waits: call virtio_kick(&r->v, 0) in a while. */
    bool starved;
};

/* E_NOTSUP: `source` is NULL, since this machine has none; *why says so. */
err_t virtio_rng_init(struct virtio_rng *r, const struct grant *grant, const char *name,
                      u32 (*source)(void *ctx, void *to, u32 len), void *ctx, const char **why);
