/* The virtio network device at a port of the switch (control/net/port.h).
 * OASIS VIRTIO 1.2, "Network Device".  Pure.
 *
 * A frame goes from the sender's buffers to the receivers' in one copy, inside of one call.  A
 * checksum that a sender left to the device goes along unfinished to a receiver that takes it so.
 */
#pragma once
#include "abi/virtio_net.h"
#include "control/net/port.h"
#include "control/virtio/device.h"
#include "control/virtio/net_filter.h"

#define VIRTIO_NET_PAIRS_MAX  8u
#define VIRTIO_NET_QUEUE_SIZE 256u
#define VIRTIO_NET_PIECES     256u /* of a frame to send, of the buffers for one that is received */
#define VIRTIO_NET_MERGED_MAX 64u  /* chains that a received frame may fill */
#define VIRTIO_NET_PEERS      64u  /* a power of two: entries of the steering table */

/* The way into the switch; part of a struct of the caller's, who knows switch and clock. */
struct virtio_net_wire {
    enum net_verdict (*send)(const struct virtio_net_wire *wire, struct net_port *port,
                             const struct net_frame *frame);
    /* An earlier deliver() of this port had no room, and there is some again. */
    void (*ready)(const struct virtio_net_wire *wire, struct net_port *port);
};

struct virtio_net_counters {
    u64 sent, received;
    u64 malformed; /* frames to send that no driver may make; dropped */
    u64 filtered;  /* frames that the driver does not want */
    u64 dropped;   /* frames that no buffer is big enough for, or for a driver that is not there */
};

/* What the driver has set over the control queue. */
struct virtio_net_state {
    u16 active_pairs;
    struct net_mac mac; /* that it uses */
    struct net_filter filter;
};
_Static_assert(sizeof(struct virtio_net_state) <= VIRTIO_STATE_MAX, "it is kept over a crash");

struct virtio_net {
    struct virtio_device v;
    struct net_port port;
    const struct virtio_net_wire *wire;
    u16 pairs;
    u16 mtu;
    bool link; /* as the driver is told */
    struct virtio_net_state set;
    u32 starved;                       /* one bit a queue: a frame waits for buffers in it */
    u32 stalled;                       /*   its next frame waits for the switch */
    u8 pair_of_peer[VIRTIO_NET_PEERS]; /* that last sent to this hash of an address */
    struct virtio_net_counters counters;
    struct io_segment room[VIRTIO_NET_PIECES]; /* of the frame at hand */
    struct io_segment frame[NET_SEGMENTS_MAX];
    struct io_segment rx_room[VIRTIO_NET_PIECES];
};

/* What is the caller's, and stays. */
struct virtio_net_setup {
    const struct grant *grant;
    const char *name; /* for people */
    const struct virtio_net_wire *wire;
    struct net_mac mac;
    u16 pairs; /* of queues, 1 to VIRTIO_NET_PAIRS_MAX */
    bool any_source, vlan;
};

/* Fills in n->port, which the caller attaches to the switch.  E_INVAL: the setup is not as above.
 */
err_t virtio_net_init(struct virtio_net *n, const struct virtio_net_setup *setup);
/* Tells the driver whether the cable is in; the switch is told by the caller.  Call virtio_work()
 * afterwards. */
void virtio_net_set_link(struct virtio_net *n, bool up);
