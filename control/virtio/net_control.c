/* virtio-net: commands of the driver.
 * OASIS VIRTIO 1.2, "Network Device", "Control Virtqueue".  Pure. */
#include "control/guest/pieces.h"
#include "control/virtio/net_parts.h"

#define COMMANDS_AT_ONCE 16u

/* The data of a command: what is behind its two bytes. */
struct data {
    const struct io_segment *piece;
    u32 pieces;
    u32 len; /* bytes, of which `at` are read */
    u32 at;
};

static bool read_data(struct data *d, void *to, u32 len)
{
    if (len > d->len - d->at)
        return false;
    d->at += len;
    return pieces_read(d->piece, d->pieces, sizeof(struct virtio_net_ctrl) + d->at - len, to,
                       len) == len;
}

/* A command with one byte, on or off. */
static bool set_mode(struct virtio_net *n, u8 command, struct data *d)
{
    struct net_filter *const f = &n->set.filter;
    bool *const modes[] = {
        [VIRTIO_NET_RX_PROMISC] = &f->promiscuous, [VIRTIO_NET_RX_ALLMULTI] = &f->all_multicast,
        [VIRTIO_NET_RX_ALLUNI] = &f->all_unicast,  [VIRTIO_NET_RX_NOMULTI] = &f->no_multicast,
        [VIRTIO_NET_RX_NOUNI] = &f->no_unicast,    [VIRTIO_NET_RX_NOBCAST] = &f->no_broadcast};
    u8 on;

    if (command >= ARRAY_LEN(modes) || !read_data(d, &on, 1))
        return false;
    *modes[command] = on != 0;
    return true;
}

/* A number of addresses, and these; those beyond the room are skipped, and all are taken then. */
static bool read_list(struct data *d, struct net_filter_list *list)
{
    u32 entries;

    if (!read_data(d, &entries, sizeof(entries)) || entries > (d->len - d->at) / NET_MAC_BYTES)
        return false;
    list->all = entries > NET_FILTER_MACS;
    list->count = list->all ? 0 : entries;
    if (list->all)
        d->at += entries * NET_MAC_BYTES;
    return list->all || read_data(d, list->mac, entries * NET_MAC_BYTES);
}

static bool set_mac(struct virtio_net *n, u8 command, struct data *d)
{
    struct net_filter_list unicast, multicast;
    struct net_mac mac;

    switch (command) {
    case VIRTIO_NET_MAC_TABLE_SET:
        if (!read_list(d, &unicast) || !read_list(d, &multicast))
            return false;
        n->set.filter.unicast = unicast;
        n->set.filter.multicast = multicast;
        return true;
    case VIRTIO_NET_MAC_ADDR_SET:
        if (!virtio_has(&n->v, VIRTIO_NET_F_CTRL_MAC_ADDR) || !read_data(d, &mac, sizeof(mac)) ||
            (mac.byte[0] & 1))
            return false;
        n->set.mac = mac;
        return true;
    default: return false;
    }
}

static bool set_pairs(struct virtio_net *n, u8 command, struct data *d)
{
    u16 pairs;

    if (command != VIRTIO_NET_MQ_PAIRS_SET || !virtio_has(&n->v, VIRTIO_NET_F_MQ) ||
        !read_data(d, &pairs, sizeof(pairs)) || pairs == 0 || pairs > n->pairs)
        return false;
    n->set.active_pairs = pairs;
    return true;
}

/* True: done.  What is not known is refused, filters for VLANs among it: the switch lets tagged
 * frames pass or not, whatever the guest says. */
static bool command(struct virtio_net *n, const struct vring_chain *c)
{
    struct virtio_net_ctrl what;
    struct data d = {.piece = c->segment, .pieces = c->outs};

    if (pieces_read(c->segment, c->outs, 0, &what, sizeof(what)) != sizeof(what))
        return false;
    d.len = c->out_bytes - (u32)sizeof(what);
    switch (what.class) {
    case VIRTIO_NET_CTRL_RX: return set_mode(n, what.command, &d);
    case VIRTIO_NET_CTRL_MAC: return set_mac(n, what.command, &d);
    case VIRTIO_NET_CTRL_MQ: return set_pairs(n, what.command, &d);
    default: return false;
    }
}

enum virtio_work net_control(struct virtio_net *n, u16 queue)
{
    struct vring_chain c = {.segment = n->room, .room = VIRTIO_NET_PIECES};

    n->v.changed = true;
    for (u32 i = 0; i < COMMANDS_AT_ONCE; i++) {
        if (!vring_take(&n->v.queue[queue].ring, &c))
            return VIRTIO_WORK_DONE;
        const u8 answer = command(n, &c) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
        virtio_give(&n->v, queue, c.head,
                    pieces_write(c.segment + c.outs, c.ins, 0, &answer, sizeof(answer)));
    }
    return VIRTIO_WORK_MORE;
}
