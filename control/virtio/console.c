/* The virtio console; see console.h.  Pure. */
#include "control/virtio/console.h"
#include "control/guest/pieces.h"
#include "control/virtio/pci.h"
#include "lib/mem.h"

#define CLASS_CONSOLE 0x078000u

static struct virtio_console *console_of(struct virtio_device *v)
{
    return CONTAINER_OF(v, struct virtio_console, v);
}

/* What is left of a chain goes out; false: the other side is full. */
static bool send(struct virtio_console *c, const struct vring_chain *chain)
{
    u8 bytes[VIRTIO_CONSOLE_BYTES];

    for (;;) {
        const u32 len =
            pieces_read(chain->segment, chain->outs, c->sent, bytes, VIRTIO_CONSOLE_BYTES);
        if (len == 0)
            return true;
        const u32 taken = c->ops->output(c->ctx, bytes, len);
        c->sent += taken;
        c->out_bytes += taken;
        if (taken < len)
            return false;
    }
}

static enum virtio_work transmit(struct virtio_console *c)
{
    struct vring *const ring = &c->v.queue[VIRTIO_CONSOLE_TX].ring;
    struct vring_chain chain = {.segment = c->room, .room = VIRTIO_CONSOLE_PIECES};

    for (u32 i = 0; i < VIRTIO_CONSOLE_QUEUE_SIZE; i++) {
        if (!vring_take(ring, &chain))
            return VIRTIO_WORK_DONE;
        if (!send(c, &chain)) {
            vring_untake(ring, chain.head);
            return VIRTIO_WORK_WAIT;
        }
        c->sent = 0;
        virtio_give(&c->v, VIRTIO_CONSOLE_TX, chain.head, 0);
    }
    return VIRTIO_WORK_MORE;
}

/* A buffer is given back with at least one byte: it stays the driver's until there is input. */
static enum virtio_work receive(struct virtio_console *c)
{
    struct vring *const ring = &c->v.queue[VIRTIO_CONSOLE_RX].ring;
    struct vring_chain chain = {.segment = c->room, .room = VIRTIO_CONSOLE_PIECES};
    u8 bytes[VIRTIO_CONSOLE_BYTES];

    for (u32 i = 0; i < VIRTIO_CONSOLE_QUEUE_SIZE; i++) {
        if (!vring_take(ring, &chain))
            return VIRTIO_WORK_DONE;
        const u32 wanted = MIN(chain.in_bytes, VIRTIO_CONSOLE_BYTES);
        const u32 got = wanted ? c->ops->input(c->ctx, bytes, wanted) : 0;
        if (got == 0 && wanted != 0) {
            vring_untake(ring, chain.head);
            return VIRTIO_WORK_WAIT;
        }
        c->in_bytes += got;
        virtio_give(&c->v, VIRTIO_CONSOLE_RX, chain.head,
                    pieces_write(c->room + chain.outs, chain.ins, 0, bytes, got));
    }
    return VIRTIO_WORK_MORE;
}

static enum virtio_work work(struct virtio_device *v, u16 queue)
{
    return queue == VIRTIO_CONSOLE_TX ? transmit(console_of(v)) : receive(console_of(v));
}

void virtio_console_input(struct virtio_console *c)
{
    virtio_kick(&c->v, VIRTIO_CONSOLE_RX);
}

void virtio_console_room(struct virtio_console *c)
{
    virtio_kick(&c->v, VIRTIO_CONSOLE_TX);
}

void virtio_console_resize(struct virtio_console *c, u16 cols, u16 rows)
{
    c->cols = cols;
    c->rows = rows;
    virtio_config_changed(&c->v);
}

/* ---- device configuration ---- */

static u32 config_read(struct virtio_device *v, u32 offset, unsigned width)
{
    const struct virtio_console *const c = console_of(v);
    const struct virtio_console_config config = {
        .cols = c->cols, .rows = c->rows, .max_nr_ports = 1};
    u32 value = 0;

    memcpy(&value, (const u8 *)&config + offset, width);
    return value;
}

/* An emergency: a byte without a queue, which is lost if the other side is full. */
static void config_write(struct virtio_device *v, u32 offset, unsigned width, u32 value)
{
    struct virtio_console *const c = console_of(v);
    const u8 byte = (u8)value;

    if (offset == offsetof(struct virtio_console_config, emerg_wr) && width == 4)
        c->out_bytes += c->ops->output(c->ctx, &byte, 1);
}

static void queue_reset(struct virtio_device *v, u16 queue)
{
    if (queue == VIRTIO_CONSOLE_TX)
        console_of(v)->sent = 0;
}

static void driver_ok(struct virtio_device *v)
{
    const struct virtio_console *const c = console_of(v);

    if (c->ops->driver)
        c->ops->driver(c->ctx, true);
}

static void reset(struct virtio_device *v)
{
    const struct virtio_console *const c = console_of(v);

    if (c->ops->driver)
        c->ops->driver(c->ctx, false);
}

void virtio_console_init(struct virtio_console *c, const struct grant *grant, const char *name,
                         const struct virtio_console_ops *ops, void *ctx)
{
    static const struct virtio_ops device_ops = {.config_read = config_read,
                                                 .config_write = config_write,
                                                 .work = work,
                                                 .queue_reset = queue_reset,
                                                 .driver_ok = driver_ok,
                                                 .reset = reset};
    static const struct virtio_type type = {.ops = &device_ops,
                                            .features = VIRTIO_CONSOLE_F_SIZE |
                                                        VIRTIO_CONSOLE_F_EMERG_WRITE,
                                            .type = VIRTIO_ID_CONSOLE,
                                            .queues = VIRTIO_CONSOLE_QUEUES,
                                            .queue_size = VIRTIO_CONSOLE_QUEUE_SIZE,
                                            .config_len = sizeof(struct virtio_console_config)};

    virtio_init(&c->v, &type, grant);
    c->ops = ops;
    c->ctx = ctx;
    c->cols = c->rows = 0;
    c->sent = 0;
    c->in_bytes = c->out_bytes = 0;
    virtio_pci_init(&c->v, name, CLASS_CONSOLE);
}
