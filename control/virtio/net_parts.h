/* The two bigger parts of virtio-net: receiving, and the control queue.  Pure. */
#pragma once
#include "control/virtio/net.h"

/* struct net_port_ops.deliver. */
bool net_receive(struct net_port *port, const struct net_frame *frame);

/* The queue of commands: a chain each. */
enum virtio_work net_control(struct virtio_net *n, u16 queue);

static inline u16 net_rx_queue(u32 pair)
{
    return (u16)(2 * pair);
}

/* The entry of the steering table. */
static inline u32 net_peer(const struct net_mac *mac)
{
    const u8 *const b = mac->byte;

    return (u32)(b[5] ^ b[4] << 1 ^ b[3] << 3) % VIRTIO_NET_PEERS;
}
