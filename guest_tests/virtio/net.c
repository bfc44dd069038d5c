/* A virtio network device; see net.h. */
#include "guest_tests/virtio/net.h"

#define ETHERTYPE_HIGH 0x88u /* 0x88b5: for experiments (IEEE 802) */
#define ETHERTYPE_LOW  0xb5u

static void offer(struct net *n, u16 buffer)
{
    const struct queue_part part = {.at = &n->in[buffer], .len = sizeof(n->in[buffer]), .in = true};
    const u16 head = queue_add(&n->rx, &part, 1);

    if (EXPECT_NE(head, QUEUE_NONE))
        n->in_of[head] = buffer;
}

bool net_start(struct net *n, u32 nth, u64 wanted, u16 vector)
{
    if (!virtio_find(&n->v, VIRTIO_ID_NET, nth) ||
        !virtio_begin(&n->v, wanted | VIRTIO_NET_F_MAC) ||
        !EXPECT_TRUE(virtio_has(&n->v, VIRTIO_NET_F_MAC)) ||
        !queue_start(&n->rx, &n->v, NET_RX, QUEUE_SIZE, vector) ||
        !queue_start(&n->tx, &n->v, NET_TX, QUEUE_SIZE, VIRTIO_MSI_NO_VECTOR))
        return false;
    for (u32 i = 0; i < 6; i++)
        n->mac[i] = n->v.config[offsetof(struct virtio_net_config, mac) + i];
    n->sent = n->received = 0;
    virtio_go(&n->v);
    for (u16 i = 0; i < NET_ROOM; i++)
        offer(n, i);
    queue_kick(&n->rx);
    return true;
}

static void collect_sent(struct net *n)
{
    u32 written;

    while (queue_has(&n->tx))
        if (queue_take(&n->tx, &written) == QUEUE_NONE)
            return;
}

u8 *net_frame(struct net *n, const u8 to[6], u32 bytes)
{
    struct net_buffer *const b = &n->out[n->sent % NET_ROOM];

    collect_sent(n);
    if (bytes > NET_FRAME_MAX || n->tx.size >= n->tx.free_count + NET_ROOM)
        return NULL;
    b->header = (struct virtio_net_header){.flags = 0};
    memcpy(b->frame, to, 6);
    memcpy(b->frame + 6, n->mac, 6);
    b->frame[12] = ETHERTYPE_HIGH, b->frame[13] = ETHERTYPE_LOW;
    return b->frame;
}

void net_add(struct net *n, u32 bytes)
{
    const struct queue_part part = {.at = &n->out[n->sent % NET_ROOM],
                                    .len = (u32)sizeof(struct virtio_net_header) + bytes};

    if (EXPECT_NE(queue_add(&n->tx, &part, 1), QUEUE_NONE))
        n->sent++;
}

bool net_sent(struct net *n)
{
    const u64 start = rdtsc();

    for (collect_sent(n); n->tx.free_count < n->tx.size; collect_sent(n))
        if (rdtsc() - start > tsc_ms(VIRTIO_PATIENCE))
            return false;
    return true;
}

const u8 *net_take(struct net *n, u32 *bytes)
{
    u32 written;
    const u16 head = queue_take(&n->rx, &written);

    if (head == QUEUE_NONE || !EXPECT_TRUE(written >= sizeof(struct virtio_net_header)))
        return NULL;
    n->taken = n->in_of[head];
    n->received++;
    *bytes = written - (u32)sizeof(struct virtio_net_header);
    return n->in[n->taken].frame;
}

void net_give_back(struct net *n)
{
    offer(n, n->taken);
}
