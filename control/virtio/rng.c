/* The virtio entropy device; see rng.h.  Pure. */
#include "control/virtio/rng.h"
#include "control/guest/pieces.h"
#include "control/virtio/pci.h"

#define CLASS_OTHER 0x00ff00u

/* A buffer is given back with at least one byte, so it waits for an exhausted source. */
static enum virtio_work work(struct virtio_device *v, u16 queue)
{
    struct virtio_rng *const r = CONTAINER_OF(v, struct virtio_rng, v);
    struct io_segment room[VIRTIO_RNG_PIECES];
    struct vring_chain c = {.segment = room, .room = VIRTIO_RNG_PIECES};
    u8 bytes[VIRTIO_RNG_BYTES];

    r->starved = false;
    for (u32 i = 0; i < VIRTIO_RNG_QUEUE_SIZE; i++) {
        if (!vring_take(&v->queue[queue].ring, &c))
            return VIRTIO_WORK_DONE;
        const u32 wanted = MIN(c.in_bytes, VIRTIO_RNG_BYTES);
        const u32 got = wanted ? r->source(r->ctx, bytes, wanted) : 0;
        if (got == 0 && wanted != 0) {
            vring_untake(&v->queue[queue].ring, c.head);
            r->starved = true;
            return VIRTIO_WORK_WAIT;
        }
        virtio_give(v, queue, c.head, pieces_write(room + c.outs, c.ins, 0, bytes, got));
    }
    return VIRTIO_WORK_MORE;
}

static u32 config_read(struct virtio_device *v, u32 offset, unsigned width)
{
    (void)v, (void)offset, (void)width; /* it has none */
    return 0;
}

err_t virtio_rng_init(struct virtio_rng *r, const struct grant *grant, const char *name,
                      u32 (*source)(void *ctx, void *to, u32 len), void *ctx, const char **why)
{
    static const struct virtio_ops ops = {.config_read = config_read, .work = work};
    static const struct virtio_type type = {
        .ops = &ops, .type = VIRTIO_ID_RNG, .queues = 1, .queue_size = VIRTIO_RNG_QUEUE_SIZE};

    if (!source) {
        *why = "virtio-rng: this processor has no RDSEED to feed it; leave the device out";
        return E_NOTSUP;
    }
    virtio_init(&r->v, &type, grant);
    r->source = source;
    r->ctx = ctx;
    r->starved = false;
    virtio_pci_init(&r->v, name, CLASS_OTHER);
    return OK;
}
