/* A virtio network device: one pair of queues, a pool of buffers for what comes.
 * OASIS VIRTIO 1.2, "Network Device". */
#pragma once
#include "abi/virtio_net.h"
#include "guest_tests/virtio/queue.h"

#define NET_FRAME_MAX 1514u /* without the checksum at the end */
#define NET_ROOM      64u   /* frames in each direction */

enum { NET_RX, NET_TX };

struct net_buffer {
    struct virtio_net_header header;
    u8 frame[NET_FRAME_MAX + 10]; /* 1536 bytes in all */
};

struct net {
    struct virtio_device v;
    struct queue rx, tx;
    u8 mac[6];
    u32 sent, received;    /* frames: given to the device, taken from it */
    u16 taken;             /* the buffer of the last net_take() */
    u16 in_of[QUEUE_SIZE]; /* head -> buffer */
    struct net_buffer in[NET_ROOM], out[NET_ROOM];
};

/* The n-th network device, running, with those of `wanted` that it has; received frames interrupt
 * by entry `vector` of MSI-X, or not at all.  False: there is none. */
bool net_start(struct net *n, u32 nth, u64 wanted, u16 vector);

/* A frame of `bytes`, its addresses and its type written, for the caller to fill in the rest.  One
 * of NET_ROOM in turns; NULL: the device has it still. */
u8 *net_frame(struct net *n, const u8 to[6], u32 bytes);
/* Adds the frame of the last net_frame(), for queue_kick(&n->tx). */
void net_add(struct net *n, u32 bytes);
/* All frames that were sent are the driver's again; false: not in time. */
bool net_sent(struct net *n);

/* The next frame that has come, and its bytes; NULL: there is none.  Valid until net_give_back(),
 * which is due before the next call. */
const u8 *net_take(struct net *n, u32 *bytes);
void net_give_back(struct net *n);
