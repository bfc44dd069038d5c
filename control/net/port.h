/* The one way frames are handed on in the control partition: a port of the switch.  virtio-net and
 * the physical uplinks each stand behind one.  The rules of drivers/io/env.h hold: one call at a
 * time, no call waits.  The pieces of a frame and the offload are those of drivers/io/nic.h. */
#pragma once
#include "drivers/io/nic.h"

#define NET_MAC_BYTES    6u
#define NET_FRAME_MAX    1518u /* bytes: NIC_HEADER, a VLAN tag, NIC_MTU */
#define NET_SEGMENTS_MAX 64u

struct net_mac {
    u8 byte[NET_MAC_BYTES];
};

/* Valid during the call that hands it on; who keeps it copies it.  The segments may be a guest's
 * memory, which it may write to meanwhile: whoever decides by the bytes does so on a copy. */
struct net_frame {
    const struct io_segment *segment; /* `bus` is not used */
    u32 segments;                     /* 1 to NET_SEGMENTS_MAX, delivered: one more */
    u32 len;                    /* bytes: the sum of the segments; NIC_FRAME_MIN to NET_FRAME_MAX */
    struct nic_offload offload; /* NIC_SUM_PARTIAL and NIC_SUM_GOOD; there is no segmentation */
};

enum net_verdict {
    NET_TAKEN, /* handed on, or dropped and counted: the sender is finished with it */
    NET_WAIT,  /* the receiver has no room: keep it; the port's resume() tells when to try again */
    NET_REFUSED, /* malformed, or not allowed to this port; counted, the sender is finished */
};

struct net_port;

/* What is behind a port. */
struct net_port_ops {
    /* A frame for the owner, out of switch_send() of another port: it may not send.  False: no room
     * now; the owner calls switch_ready() when it has again. */
    bool (*deliver)(struct net_port *port, const struct net_frame *frame);
    /* An earlier switch_send() of this port said NET_WAIT, and it is worth trying again.  Never
     * called out of switch_send(). */
    void (*resume)(struct net_port *port);
};

struct net_port_counters {
    u64 in_frames, in_bytes;   /* from the owner into the switch, without the refused ones */
    u64 out_frames, out_bytes; /* delivered to the owner */
    u64 flooded;               /* of in_frames: to all ports, since nobody has the address */
    u64 in_malformed;          /* refused: lengths, positions of the checksum, segmentation */
    u64 in_spoofed;  /* refused: a source address, or an ARP or ND sender, not the port's */
    u64 in_vlan;     /* refused: tagged, and the port does not allow that */
    u64 in_waits;    /* NET_WAIT was the answer */
    u64 out_dropped; /* no room at the owner */
    u64 out_vlan;    /* not delivered: tagged, and the port does not allow that */
    u64 sums;        /* checksums completed by software for the owner */
};

/* Set by the owner before switch_attach(). */
struct net_port {
    const struct net_port_ops *ops;
    void *context;      /* the owner's */
    char name[24];      /* for people */
    struct net_mac mac; /* of a guest; of an uplink not used */
    bool uplink;        /* a wire: any source address */
    bool any_source;    /* a guest that may send from any address: a router, a bridge */
    bool vlan;          /* tagged frames pass in and out; else they are refused */
    bool sum_partial;   /* the owner takes frames with NIC_SUM_PARTIAL */
    bool link;          /* up: else nothing is delivered, and what it sends is dropped */

    /* The switch's. */
    struct net_port_counters counters;
    u32 number;
};
