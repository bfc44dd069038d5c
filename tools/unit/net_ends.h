/* Two guests with a virtio network card each, wire to wire, and what is on its way between them. */
#pragma once
#include "control/virtio/net.h"
#include "virtio_bus.h"

#define FIFO    512u
#define RX_SIZE 32u
#define TX_SIZE 64u
#define HEADER  12u
#define ALL     (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_RING_RESET)
#define TX_AT   (DRV_BASE + 0x20000)
#define RX_AT   (DRV_BASE + 0x60000)
#define CTRL_AT (DRV_BASE + 0x10000)
#define BUFFER  2048u

/* A guest with a card. */
struct end {
    struct virtio_net net;
    struct drv_device d;
    struct drv_queue q[5];
    struct end *other;
    u64 rx_at[RX_SIZE * 4]; /* where the buffer of a head is */
    u32 rx_len;             /* bytes of each buffer */
    bool waits;             /* it was told to wait */
};
static struct fake_bus f;
static struct grant grant;
static struct end left, right;

/* What is on its way. */
static struct {
    u32 len;
    struct virtio_net_header h;
    u8 byte[NET_FRAME_MAX];
} fifo[FIFO];
static u32 fifo_in, fifo_out;
static u64 waited;
static enum net_verdict refuse_with;
static struct net_frame last; /* its lengths and offload */

static inline struct end *end_of(struct net_port *port)
{
    return CONTAINER_OF(port, struct end, net.port);
}

static inline enum net_verdict wire_send(const struct virtio_net_wire *wire, struct net_port *port,
                                         const struct net_frame *frame)
{
    struct end *const e = end_of(port);
    u32 sum = 0;

    (void)wire;
    last = *frame;
    for (u32 i = 0; i < frame->segments; i++)
        sum += frame->segment[i].len;
    assert_int_equal(sum, frame->len);
    if (refuse_with != NET_TAKEN)
        return refuse_with;
    if (e->other->net.port.ops->deliver(&e->other->net.port, frame))
        return NET_TAKEN;
    e->waits = true;
    waited++;
    return NET_WAIT;
}

static inline void wire_ready(const struct virtio_net_wire *wire, struct net_port *port)
{
    struct end *const e = end_of(port)->other;

    (void)wire;
    if (e->waits)
        e->net.port.ops->resume(&e->net.port);
    e->waits = false;
}

static inline void make(struct end *e, struct end *other, u8 slot, u16 pairs, bool any_source)
{
    static const struct virtio_net_wire wire = {.send = wire_send, .ready = wire_ready};
    const struct virtio_net_setup setup = {.grant = &grant,
                                           .name = slot == 2 ? "left" : "right",
                                           .wire = &wire,
                                           .mac = {{2, 0, 0, 0, 0, slot}},
                                           .pairs = pairs,
                                           .any_source = any_source};
    e->other = other;
    e->waits = false;
    assert_int_equal(virtio_net_init(&e->net, &setup), OK);
    assert_int_equal(pci_bus_add(&f.bus, &e->net.v.pci, slot), OK);
}

static inline void connect(u16 pairs, bool any_source)
{
    fake_bus_init(&f);
    drv_grant(&grant);
    make(&left, &right, 2, pairs, any_source);
    make(&right, &left, 3, pairs, any_source);
    assert_int_equal(pci_bars_place(&f.bus), OK);
    drv_find(&left.d, &f, 2);
    drv_find(&right.d, &f, 3);
    fifo_in = fifo_out = 0;
    refuse_with = NET_TAKEN;
}

/* Queues 0 and 1, and the control queue. */
static inline void start(struct end *e, u64 at, u64 features)
{
    assert_true(drv_negotiate(&e->d, features));
    e->d.memory = at;
    drv_queue(&e->d, &e->q[0], 0, RX_SIZE, features);
    drv_queue(&e->d, &e->q[1], 1, TX_SIZE, features);
    if (features & VIRTIO_NET_F_CTRL_VQ)
        drv_queue(&e->d, &e->q[2], features & VIRTIO_NET_F_MQ ? 2 * e->net.pairs : 2, 8, features);
    drv_ok(&e->d);
    e->rx_len = features & VIRTIO_NET_F_MRG_RXBUF ? 256 : BUFFER;
}

/* ---- the driver ---- */

static inline void post(struct end *e)
{
    struct drv_buffer b[2];

    if (e->q[0].left < 2)
        return;
    const u16 slot = e->q[0].unused; /* its head is to be */
    const u64 at = RX_AT + slot * (u64)BUFFER;
    const u32 first = 1 + (u32)(drv_random() % (e->rx_len - 1));
    b[0] = (struct drv_buffer){at, first, true};
    b[1] = (struct drv_buffer){at + first, e->rx_len - first, true};
    e->rx_at[drv_add(&e->q[0], b, 2, 0, 0)] = at;
    if (drv_show(&e->q[0]))
        drv_kick(&e->d, 0);
}

/* A frame of `len` bytes behind a header, in pieces; into the fifo, too. */
static inline void send(struct end *e, u32 len, const struct virtio_net_header *h)
{
    u64 at = TX_AT + (e->q[1].unused % TX_SIZE) * (u64)BUFFER;
    struct drv_buffer b[6];
    u32 n = 0, left_bytes = HEADER + len;

    fifo[fifo_in % FIFO].len = len;
    fifo[fifo_in % FIFO].h = *h;
    for (u32 i = 0; i < len; i++)
        fifo[fifo_in % FIFO].byte[i] = (u8)drv_random();
    memset(fifo[fifo_in % FIFO].byte, 0xff, 6);
    drv_write(at, h, HEADER);
    drv_write(at + HEADER, fifo[fifo_in % FIFO].byte, len);
    fifo_in++;
    while (left_bytes != 0) {
        const u32 some = 1 + (u32)(drv_random() % 700),
                  here = n == 5 ? left_bytes : MIN(some, left_bytes);
        b[n++] = (struct drv_buffer){at, here, false};
        at += here, left_bytes -= here;
    }
    (void)drv_add(&e->q[1], b, n, 0, 0);
    if (drv_show(&e->q[1]))
        drv_kick(&e->d, 1);
}

/* A received frame is the oldest in the fifo. */
static inline bool receive(struct end *e, struct virtio_net_header *h)
{
    static u8 bytes[RX_SIZE * BUFFER];
    u32 head, len, total = 0;

    if (!drv_used(&e->q[0], &head, &len))
        return false;
    drv_read(h, e->rx_at[head], HEADER);
    assert_in_range(h->num_buffers, 1, RX_SIZE);
    for (u32 i = 0; i < h->num_buffers; i++) {
        assert_true(i == 0 || drv_used(&e->q[0], &head, &len));
        assert_true(len == e->rx_len || i + 1u == h->num_buffers);
        drv_read(bytes + total, e->rx_at[head], len);
        total += len;
    }
    assert_true(fifo_out != fifo_in);
    assert_int_equal(total, HEADER + fifo[fifo_out % FIFO].len);
    assert_memory_equal(bytes + HEADER, fifo[fifo_out % FIFO].byte, total - HEADER);
    fifo_out++;
    return true;
}
