/* virtio-net: a frame into the buffers of a guest.  Pure. */
#include "control/guest/pieces.h"
#include "control/virtio/net_parts.h"

#define HEADER ((u32)sizeof(struct virtio_net_header))

/* Buffers taken for one frame. */
struct buffers {
    u32 chains, pieces, bytes;
    u16 head[VIRTIO_NET_MERGED_MAX];
    u32 len[VIRTIO_NET_MERGED_MAX]; /* bytes of each */
};

enum taken { TAKEN, NO_ROOM, TOO_SMALL };

static void untake(struct virtio_net *n, u16 queue, struct buffers *b)
{
    for (; b->chains != 0; b->chains--)
        vring_untake(&n->v.queue[queue].ring, b->head[b->chains - 1]);
}

/* Enough for `len` bytes: one chain, or several if the driver merges them. */
static enum taken take(struct virtio_net *n, u16 queue, u32 len, struct buffers *b)
{
    const u32 most = virtio_has(&n->v, VIRTIO_NET_F_MRG_RXBUF) ? VIRTIO_NET_MERGED_MAX : 1;

    b->chains = b->pieces = b->bytes = 0;
    while (b->bytes < len) {
        struct vring_chain c = {.segment = n->rx_room + b->pieces,
                                .room = VIRTIO_NET_PIECES - b->pieces};
        if (b->chains == most || c.room == 0) {
            untake(n, queue, b);
            return TOO_SMALL;
        }
        if (!vring_take(&n->v.queue[queue].ring, &c)) {
            untake(n, queue, b);
            return NO_ROOM;
        }
        for (u32 i = 0; i < c.ins; i++) /* what the driver wrote is not looked at */
            n->rx_room[b->pieces++] = c.segment[c.outs + i];
        b->head[b->chains] = c.head;
        b->len[b->chains++] = c.in_bytes;
        b->bytes += MIN(c.in_bytes, len);
    }
    return TAKEN;
}

/* Asks the driver for more; true: it has given some meanwhile. */
static bool ask_for_buffers(struct virtio_net *n, u16 queue)
{
    n->starved |= BIT32(queue);
    return vring_want_kicks(&n->v.queue[queue].ring, true);
}

static struct virtio_net_header header_of(const struct virtio_net *n, const struct net_frame *frame,
                                          u32 chains)
{
    struct virtio_net_header h = {.num_buffers = (u16)chains};

    if (!virtio_has(&n->v, VIRTIO_NET_F_GUEST_CSUM))
        return h;
    if (frame->offload.flags & NIC_SUM_PARTIAL) {
        h.flags = VIRTIO_NET_HDR_NEEDS_CSUM;
        h.csum_start = frame->offload.sum_start;
        h.csum_offset = frame->offload.sum_offset;
    } else if (frame->offload.flags & NIC_SUM_GOOD) {
        h.flags = VIRTIO_NET_HDR_DATA_VALID;
    }
    return h;
}

static void fill(struct virtio_net *n, u16 queue, const struct net_frame *frame,
                 const struct buffers *b)
{
    const struct virtio_net_header h = header_of(n, frame, b->chains);
    u32 left = HEADER + frame->len;

    (void)pieces_write(n->rx_room, b->pieces, 0, &h, HEADER);
    (void)pieces_copy(n->rx_room, b->pieces, HEADER, frame->segment, frame->segments, frame->len);
    for (u32 i = 0; i < b->chains; i++) {
        const u32 here = MIN(left, b->len[i]);
        virtio_give(&n->v, queue, b->head[i], here);
        left -= here;
    }
    n->counters.received++;
}

/* False: there is no room. */
static bool receive(struct virtio_net *n, const struct net_frame *frame)
{
    struct net_mac address[2]; /* to, from */
    struct buffers b;
    enum taken taken;

    if (pieces_read(frame->segment, frame->segments, 0, address, sizeof(address)) !=
            sizeof(address) ||
        !net_filter_takes(&n->set.filter, &n->set.mac, &address[0])) {
        n->counters.filtered++;
        return true;
    }
    const u16 queue =
        net_rx_queue((u32)n->pair_of_peer[net_peer(&address[1])] % n->set.active_pairs);
    if (!virtio_running(&n->v, queue)) {
        n->counters.dropped++;
        return true;
    }
    taken = take(n, queue, HEADER + frame->len, &b);
    if (taken == NO_ROOM && ask_for_buffers(n, queue))
        taken = take(n, queue, HEADER + frame->len, &b);
    if (taken == TAKEN)
        fill(n, queue, frame, &b);
    else if (taken == TOO_SMALL)
        n->counters.dropped++;
    return taken != NO_ROOM;
}

bool net_receive(struct net_port *port, const struct net_frame *frame)
{
    struct virtio_net *const n = CONTAINER_OF(port, struct virtio_net, port);
    const u32 before = virtio_begin_work(&n->v);
    const bool taken = receive(n, frame);

    virtio_end_work(&n->v, before);
    return taken;
}
