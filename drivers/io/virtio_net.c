/* The virtio network driver; see virtio_net.h.  Virtual I/O Device (VIRTIO) Version 1.2, 5.1.6
 * "Device Operation".  Pure. */
#include "drivers/io/virtio_net.h"
#include "drivers/io/virtio_net_config.h"
#include "lib/fmt.h"
#include "lib/mem.h"

/* 5.1.6 "Device Operation": before each frame. */
struct net_header {
    u8 flags, gso_type;
    u16 header_len, gso_size, sum_start, sum_offset, buffers;
};
enum { FLAG_NEEDS_SUM = 1, FLAG_DATA_VALID = 2 };
enum { GSO_TCPV4 = 1, GSO_TCPV6 = 4 };
#define HEADER_ALIGN 16u

_Static_assert(sizeof(struct net_header) == NET_HEADER_LEN, "the specification's");

static struct virtio_net *net_of(struct nic *n)
{
    return CONTAINER_OF(n, struct virtio_net, nic);
}

/* ------------------------------------------------------------ sending and posting */

static struct net_header *header_at(const struct virtio_net *n, u32 queue, u32 slot)
{
    return (struct net_header *)(void *)((u8 *)n->headers.at + virtio_net_header(n, queue, slot));
}

static struct net_header header_of(const struct nic_offload *o)
{
    struct net_header h = {0};

    if (o->flags & NIC_SUM_PARTIAL) {
        h.flags = FLAG_NEEDS_SUM;
        h.sum_start = o->sum_start;
        h.sum_offset = o->sum_offset;
    }
    if (o->flags & (NIC_SEGMENT_TCP4 | NIC_SEGMENT_TCP6)) {
        h.gso_type = o->flags & NIC_SEGMENT_TCP4 ? GSO_TCPV4 : GSO_TCPV6;
        h.header_len = o->header_len;
        h.gso_size = o->segment_len;
    }
    return h;
}

static err_t net_send(struct nic *nic, struct nic_frame *f)
{
    struct virtio_net *n = net_of(nic);
    struct virtq_piece piece[VIRTQ_CHAIN_MAX];
    u32 slot;

    TRY(virtq_next(&n->tx, &slot));
    piece[0] = virtio_net_piece(n, virtio_net_header(n, NET_TX, slot), NET_HEADER_LEN);
    for (u32 i = 0; i < f->segments; i++)
        piece[i + 1] = (struct virtq_piece){f->segment[i].bus, f->segment[i].len};
    *header_at(n, NET_TX, slot) = header_of(&f->offload);
    TRY(virtq_add(&n->tx, piece, f->segments + 1, 0, f));
    f->slot = slot;
    f->deadline = io_now(n->v.env) + nic->timeout_us;
    n->first_deadline = MIN(n->first_deadline, f->deadline);
    return OK;
}

static err_t net_post(struct nic *nic, struct nic_buffer *b)
{
    struct virtio_net *n = net_of(nic);
    u32 slot;

    TRY(virtq_next(&n->rx, &slot));

    const struct virtq_piece piece[] = {
        virtio_net_piece(n, virtio_net_header(n, NET_RX, slot), NET_HEADER_LEN),
        {b->memory.bus, b->memory.len}};

    *header_at(n, NET_RX, slot) = (struct net_header){0};
    TRY(virtq_add(&n->rx, piece, 0, ARRAY_LEN(piece), b));
    b->slot = slot;
    return OK;
}

static void net_kick(struct nic *nic)
{
    struct virtio_net *n = net_of(nic);

    virtio_notify(&n->v, NET_RX);
    virtio_notify(&n->v, NET_TX);
}

static err_t net_receive_mode(struct nic *nic, u32 mode)
{
    struct virtio_net *n = net_of(nic);

    if (!(n->v.features & NET_F_CTRL_RX))
        return E_NOTSUP;
    n->mode = mode;
    return virtio_net_tell_mode(n);
}

/* ------------------------------------------------------------ giving up and starting again */

static struct nic_frame *take_frames(struct virtio_net *n, enum io_result result)
{
    const u64 now = io_now(n->v.env);
    struct nic_frame *list = NULL;

    for (u32 slot = 0; slot < n->tx.size; slot++) {
        struct nic_frame *f = virtq_token(&n->tx, slot);

        if (f == NULL)
            continue;
        f->result = result == IO_RESET && f->deadline <= now ? IO_TIMEOUT : result;
        if (f->result == IO_TIMEOUT)
            n->nic.counts.timeouts++;
        f->next = list;
        list = f;
    }
    virtq_clear(&n->tx);
    n->first_deadline = IO_NEVER;
    return list;
}

static struct nic_buffer *take_buffers(struct virtio_net *n)
{
    struct nic_buffer *list = NULL;

    for (u32 slot = 0; slot < n->rx.size; slot++) {
        struct nic_buffer *b = virtq_token(&n->rx, slot);

        if (b == NULL)
            continue;
        b->next = list;
        list = b;
    }
    virtq_clear(&n->rx);
    return list;
}

static err_t start_again(struct virtio_net *n)
{
    n->control_stuck = false;
    TRY(virtio_restart(&n->v));
    return n->mode != 0 ? virtio_net_tell_mode(n) : OK;
}

/* The device is reset before anything comes back: it must not write memory later. */
static err_t restart(struct virtio_net *n, enum io_result result)
{
    struct nic *nic = &n->nic;
    err_t err = virtio_halt(&n->v);
    struct nic_frame *frames = take_frames(n, result);
    struct nic_buffer *buffers = take_buffers(n);

    nic->counts.resets++;
    if (err == OK)
        err = start_again(n);
    if (err != OK) {
        io_log(n->v.env, IO_LOG_ERROR, "%s: does not come back from a reset; given up", nic->name);
        virtio_cut_off(&n->v);
        nic_lose(nic);
    }
    nic_sent(nic, frames);
    nic_return(nic, buffers, IO_RESET);
    return err;
}

static err_t net_reset(struct nic *nic)
{
    return restart(net_of(nic), IO_RESET);
}

static void broken(struct virtio_net *n, const char *why)
{
    n->nic.counts.nonsense++;
    io_log(n->v.env, IO_LOG_WARN, "%s: %s; reset", n->nic.name, why);
    if (restart(n, IO_ERROR) != OK)
        io_log(n->v.env, IO_LOG_ERROR, "%s: sends and receives nothing from now on", n->nic.name);
}

static void net_stop(struct nic *nic)
{
    struct virtio_net *n = net_of(nic);

    if (n->headers.len == 0)
        return;
    if (!nic->lost && virtio_halt(&n->v) != OK)
        io_log(n->v.env, IO_LOG_WARN, "%s: no answer to the last reset; cut off", nic->name);

    struct nic_frame *frames = take_frames(n, IO_GONE);
    struct nic_buffer *buffers = take_buffers(n);

    n->v.env->ops->dma_free(n->v.env, &n->headers);
    n->headers.len = 0;
    virtio_close(&n->v);
    nic->lost = true;
    nic_sent(nic, frames);
    nic_return(nic, buffers, IO_GONE);
}

/* ------------------------------------------------------------ completing */

/* At most as many as the queue has slots: what a fast device does meanwhile is for the next call.
 */
static void drain_tx(struct virtio_net *n)
{
    struct nic_frame *list = NULL, **end = &list;
    enum virtq_taken taken = VIRTQ_TAKEN;

    for (u32 i = 0; i < n->tx.size; i++) {
        u32 slot, written;
        void *token;

        taken = virtq_take(&n->tx, &token, &slot, &written);
        if (taken != VIRTQ_TAKEN)
            break;

        struct nic_frame *f = token;

        f->result = IO_DONE;
        f->next = NULL;
        *end = f;
        end = &f->next;
    }
    nic_sent(&n->nic, list);
    if (taken == VIRTQ_BROKEN)
        broken(n, "an index, id or length in its send ring cannot be");
}

/* What the device says of a frame's checksum, if it was asked to say it. */
static struct nic_offload offload_of(const struct virtio_net *n, u32 slot, u32 len)
{
    const struct net_header *h = header_at(n, NET_RX, slot);
    const u8 flags = READ_ONCE(h->flags);
    struct nic_offload o = {0};

    if (!(n->nic.features & NIC_GIVES_SUM))
        return o;
    if (flags & FLAG_NEEDS_SUM) {
        o.sum_start = READ_ONCE(h->sum_start);
        o.sum_offset = READ_ONCE(h->sum_offset);
        o.flags = (u32)o.sum_start + o.sum_offset + 2 <= len ? NIC_SUM_PARTIAL : 0;
    } else if (flags & FLAG_DATA_VALID) {
        o.flags = NIC_SUM_GOOD;
    }
    return o;
}

static void receive(struct virtio_net *n, struct nic_buffer *b, u32 slot, u32 written)
{
    struct nic *nic = &n->nic;

    b->next = NULL;
    if (written < NET_HEADER_LEN + NIC_HEADER) {
        nic->counts.errors++;
        nic_return(nic, b, IO_ERROR);
        return;
    }

    const u32 len = written - NET_HEADER_LEN;
    const struct nic_offload o = offload_of(n, slot, len);

    nic->counts.received++;
    nic->user->received(nic, b, len, &o, IO_DONE);
}

static void drain_rx(struct virtio_net *n)
{
    for (u32 i = 0; i < n->rx.size; i++) {
        u32 slot, written;
        void *token;

        switch (virtq_take(&n->rx, &token, &slot, &written)) {
        case VIRTQ_NOTHING: return;
        case VIRTQ_BROKEN:
            broken(n, "an index, id or length in its receive ring cannot be");
            return;
        case VIRTQ_TAKEN: receive(n, token, slot, written); break;
        }
    }
}

/* What is done before the word that asks for an interrupt is seen has none: until nothing is left
 * behind that word. */
static void drain(struct virtio_net *n, u32 queue)
{
    struct virtq *q = queue == NET_RX ? &n->rx : &n->tx;
    void (*const once)(struct virtio_net *) = queue == NET_RX ? drain_rx : drain_tx;

    for (u32 round = 0; round < VIRTQ_DRAINS; round++) {
        once(n);
        if (n->nic.lost || !q->interrupts || !virtq_rearm(q))
            return;
    }
    n->first_deadline = io_now(n->v.env); /* it is as fast as we are: the rest is for nic_poll() */
}

static void on_queue(struct virtio *v, u32 queue)
{
    struct virtio_net *n = CONTAINER_OF(v, struct virtio_net, v);

    if (!n->nic.lost && queue != NET_CONTROL)
        drain(n, queue);
}

static void on_config(struct virtio *v)
{
    struct virtio_net *n = CONTAINER_OF(v, struct virtio_net, v);
    struct nic *nic = &n->nic;
    const bool link = nic->link;

    if (nic->lost)
        return;
    if (virtio_is_broken(v)) {
        broken(n, "it asks for a reset");
        return;
    }
    virtio_net_link(n);
    if (nic->link != link && nic->user != NULL && nic->user->event != NULL)
        nic->user->event(nic, NIC_LINK);
}

static u64 next_deadline(const struct virtio_net *n)
{
    u64 first = IO_NEVER;

    for (u32 slot = 0; slot < n->tx.size; slot++) {
        const struct nic_frame *f = virtq_token(&n->tx, slot);

        if (f != NULL)
            first = MIN(first, f->deadline);
    }
    return first;
}

static u64 net_poll(struct nic *nic)
{
    struct virtio_net *n = net_of(nic);

    drain(n, NET_RX);
    if (!nic->lost)
        drain(n, NET_TX);
    if (nic->lost)
        return IO_NEVER;
    if (n->first_deadline > io_now(n->v.env))
        return n->first_deadline;
    n->first_deadline = next_deadline(n);
    if (n->first_deadline <= io_now(n->v.env)) {
        io_log(n->v.env, IO_LOG_WARN, "%s: a frame not sent for %u ms; reset", nic->name,
               nic->timeout_us / 1000);
        if (restart(n, IO_RESET) != OK)
            return IO_NEVER;
    }
    return n->first_deadline;
}

static void net_interrupts(struct nic *nic, bool on)
{
    struct virtio_net *n = net_of(nic);

    (void)virtq_interrupts(&n->rx, on);
    (void)virtq_interrupts(&n->tx, on);
}

static const struct nic_ops net_ops = {.send = net_send,
                                       .post = net_post,
                                       .kick = net_kick,
                                       .poll = net_poll,
                                       .interrupts = net_interrupts,
                                       .receive_mode = net_receive_mode,
                                       .reset = net_reset,
                                       .stop = net_stop};

/* ------------------------------------------------------------ starting */

static err_t bring_up(struct virtio_net *n)
{
    struct io_env *env = n->v.env;

    /* NET_F_MAC is needed: nobody here could make an address up that is nobody else's. */
    TRY(virtio_negotiate(&n->v,
                         NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_MTU | NET_F_HOST_TSO4 |
                             NET_F_HOST_TSO6 | NET_F_STATUS | NET_F_CTRL_VQ | NET_F_CTRL_RX |
                             VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX,
                         NET_F_MAC));
    TRY(virtio_queue_open(&n->v, NET_RX, &n->rx));
    TRY(virtio_queue_open(&n->v, NET_TX, &n->tx));
    if (n->v.features & NET_F_CTRL_VQ)
        TRY(virtio_queue_open(&n->v, NET_CONTROL, &n->control));
    else
        n->v.features &= ~NET_F_CTRL_RX;
    TRY(env->ops->dma_alloc(env, virtio_net_memory(n), HEADER_ALIGN, UINT64_MAX, &n->headers));
    TRY(virtio_start(&n->v));
    virtio_net_config(n);
    return OK;
}

err_t virtio_net_start(struct virtio_net *n, const struct pci_function *f, struct io_env *env)
{
    *n = (struct virtio_net){.first_deadline = IO_NEVER};
    n->nic = (struct nic){.ops = &net_ops, .env = env, .timeout_us = NIC_TIMEOUT_US, .lost = true};
    (void)fmt_buf(n->nic.name, sizeof(n->nic.name), "virtio-net %02x:%02x.%x", f->bus, f->device,
                  f->function);
    if (virtio_type_of(f) != VIRTIO_NET)
        return E_NOTSUP;
    TRY(virtio_open(&n->v, f, env));
    n->v.on_queue = on_queue;
    n->v.on_config = on_config;
    n->v.counts = &n->nic.counts;

    const err_t err = bring_up(n);

    if (err != OK) {
        (void)virtio_halt(&n->v);
        if (n->headers.len != 0)
            env->ops->dma_free(env, &n->headers);
        n->headers.len = 0;
        virtio_close(&n->v);
    }
    n->nic.lost = err != OK;
    return err;
}
