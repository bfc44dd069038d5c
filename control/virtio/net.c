/* The virtio network device; see net.h.  Pure. */
#include "control/virtio/net.h"
#include "control/guest/pieces.h"
#include "control/virtio/net_parts.h"
#include "control/virtio/pci.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define CLASS_ETHERNET 0x020000u
#define HEADER         ((u32)sizeof(struct virtio_net_header))
#define FRAMES_AT_ONCE 64u

static struct virtio_net *net_of(struct virtio_device *v)
{
    return CONTAINER_OF(v, struct virtio_net, v);
}

/* Behind the queues of all pairs, or of the only one that the driver knows of. */
static u16 control_queue(const struct virtio_net *n)
{
    return (u16)(virtio_has(&n->v, VIRTIO_NET_F_MQ) ? 2 * n->pairs : 2);
}

/* ---- sending ---- */

/* From a chain to a frame; false: no driver may send this. */
static bool make_frame(struct virtio_net *n, const struct vring_chain *c, struct net_frame *frame)
{
    struct virtio_net_header h;

    if (pieces_read(c->segment, c->outs, 0, &h, HEADER) != HEADER || h.gso_type != 0)
        return false;
    const u32 len = c->out_bytes - HEADER;
    if (len < NIC_FRAME_MIN || len > NET_FRAME_MAX || c->outs > NET_SEGMENTS_MAX)
        return false;
    *frame = (struct net_frame){.segment = n->frame, .len = len};
    frame->segments = pieces_cut(c->segment, c->outs, HEADER, len, n->frame);
    if (!(h.flags & VIRTIO_NET_HDR_NEEDS_CSUM))
        return true;
    frame->offload = (struct nic_offload){
        .flags = NIC_SUM_PARTIAL, .sum_start = h.csum_start, .sum_offset = h.csum_offset};
    return virtio_has(&n->v, VIRTIO_NET_F_CSUM) && (u32)h.csum_start + h.csum_offset + 2 <= len;
}

static void learn(struct virtio_net *n, u16 queue, const struct net_frame *frame)
{
    struct net_mac to;

    if (n->set.active_pairs > 1 &&
        pieces_read(frame->segment, frame->segments, 0, &to, sizeof(to)) == sizeof(to))
        n->pair_of_peer[net_peer(&to)] = (u8)(queue / 2);
}

static enum virtio_work transmit(struct virtio_net *n, u16 queue)
{
    struct vring *const ring = &n->v.queue[queue].ring;
    struct vring_chain c = {.segment = n->room, .room = VIRTIO_NET_PIECES};
    struct net_frame frame;

    for (u32 i = 0; i < FRAMES_AT_ONCE; i++) {
        enum net_verdict verdict = NET_REFUSED;
        if (!vring_take(ring, &c))
            return VIRTIO_WORK_DONE;
        if (make_frame(n, &c, &frame)) {
            learn(n, queue, &frame);
            verdict = n->wire->send(n->wire, &n->port, &frame);
        } else {
            n->counters.malformed++;
        }
        if (verdict == NET_WAIT) {
            vring_untake(ring, c.head);
            n->stalled |= BIT32(queue);
            return VIRTIO_WORK_WAIT;
        }
        n->counters.sent += verdict == NET_TAKEN;
        virtio_give(&n->v, queue, c.head, 0);
    }
    return VIRTIO_WORK_MORE;
}

static void resume(struct net_port *port)
{
    struct virtio_net *const n = CONTAINER_OF(port, struct virtio_net, port);

    for (; n->stalled != 0; n->stalled &= n->stalled - 1)
        virtio_kick(&n->v, (u32)__builtin_ctz(n->stalled));
}

/* ---- queues ---- */

/* New buffers matter when a frame waits for them. */
static enum virtio_work take_word(struct virtio_net *n, u16 queue)
{
    if (n->starved & BIT32(queue)) {
        n->starved &= ~BIT32(queue);
        n->wire->ready(n->wire, &n->port);
    }
    return VIRTIO_WORK_WAIT;
}

static enum virtio_work work(struct virtio_device *v, u16 queue)
{
    struct virtio_net *const n = net_of(v);

    if (queue == control_queue(n))
        return net_control(n, queue);
    return queue % 2 ? transmit(n, queue) : take_word(n, queue);
}

static void queue_reset(struct virtio_device *v, u16 queue)
{
    net_of(v)->stalled &= ~BIT32(queue);
    (void)take_word(net_of(v), queue); /* what waits is dropped */
}

static void driver_ok(struct virtio_device *v)
{
    struct virtio_net *const n = net_of(v);

    n->port.sum_partial = virtio_has(v, VIRTIO_NET_F_GUEST_CSUM);
}

static void reset(struct virtio_device *v)
{
    struct virtio_net *const n = net_of(v);

    n->port.sum_partial = false;
    n->set.active_pairs = 1;
    n->set.mac = n->port.mac;
    net_filter_reset(&n->set.filter);
    memset(n->pair_of_peer, 0, sizeof(n->pair_of_peer));
}

// clang-format off
/* "Feature bit requirements". */
static const struct { u64 feature, needs; const char *text; } needs[] = {
    { VIRTIO_NET_F_MQ,            VIRTIO_NET_F_CTRL_VQ, "VIRTIO_NET_F_MQ without a control queue; FEATURES_OK refused" },
    { VIRTIO_NET_F_CTRL_RX,       VIRTIO_NET_F_CTRL_VQ, "VIRTIO_NET_F_CTRL_RX without a control queue; FEATURES_OK refused" },
    { VIRTIO_NET_F_CTRL_RX_EXTRA, VIRTIO_NET_F_CTRL_VQ, "VIRTIO_NET_F_CTRL_RX_EXTRA without a control queue; FEATURES_OK refused" },
    { VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_CTRL_VQ, "VIRTIO_NET_F_CTRL_MAC_ADDR without a control queue; FEATURES_OK refused" },
};
// clang-format on

static const char *check_features(const struct virtio_device *v, u64 features)
{
    (void)v;
    for (size_t i = 0; i < ARRAY_LEN(needs); i++)
        if ((features & needs[i].feature) && !(features & needs[i].needs))
            return needs[i].text;
    return NULL;
}

static u32 config_read(struct virtio_device *v, u32 offset, unsigned width)
{
    const struct virtio_net *const n = net_of(v);
    struct virtio_net_config config = {.status = n->link ? VIRTIO_NET_S_LINK_UP : 0,
                                       .max_virtqueue_pairs = n->pairs,
                                       .mtu = n->mtu};
    u32 value = 0;

    memcpy(config.mac, n->set.mac.byte, sizeof(config.mac));
    memcpy(&value, (const u8 *)&config + offset, width);
    return value;
}

void virtio_net_set_link(struct virtio_net *n, bool up)
{
    if (n->link == up)
        return;
    n->link = up;
    virtio_config_changed(&n->v);
}

/* ---- set-up ---- */

static u64 features_of(const struct virtio_net_setup *s)
{
    u64 features = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MTU |
                   VIRTIO_NET_F_MAC | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS |
                   VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_RX_EXTRA;

    if (s->pairs > 1)
        features |= VIRTIO_NET_F_MQ;
    /* Another address would only be of use to a guest that may send from it. */
    return s->any_source ? features | VIRTIO_NET_F_CTRL_MAC_ADDR : features;
}

err_t virtio_net_init(struct virtio_net *n, const struct virtio_net_setup *s)
{
    static const struct net_port_ops port_ops = {.deliver = net_receive, .resume = resume};
    static const struct virtio_ops ops = {.check_features = check_features,
                                          .config_read = config_read,
                                          .work = work,
                                          .queue_reset = queue_reset,
                                          .driver_ok = driver_ok,
                                          .reset = reset};
    const struct virtio_type type = {.ops = &ops,
                                     .features = features_of(s),
                                     .type = VIRTIO_ID_NET,
                                     .queues = (u16)(2 * s->pairs + 1),
                                     .queue_size = VIRTIO_NET_QUEUE_SIZE,
                                     .config_len = sizeof(struct virtio_net_config)};

    if (s->pairs == 0 || s->pairs > VIRTIO_NET_PAIRS_MAX || (s->mac.byte[0] & 1))
        return E_INVAL;
    memset(n, 0, sizeof(*n));
    virtio_init(&n->v, &type, s->grant);
    n->wire = s->wire;
    n->pairs = s->pairs;
    n->mtu = NIC_MTU;
    n->link = true;
    n->v.state = &n->set;
    n->v.state_len = sizeof(n->set);
    n->port = (struct net_port){.ops = &port_ops,
                                .context = n,
                                .mac = s->mac,
                                .any_source = s->any_source,
                                .vlan = s->vlan,
                                .link = true};
    (void)fmt_buf(n->port.name, sizeof(n->port.name), "%s", s->name);
    reset(&n->v);
    virtio_pci_init(&n->v, s->name, CLASS_ETHERNET);
    return OK;
}
