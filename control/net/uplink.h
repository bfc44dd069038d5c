/* A physical card as a port of the switch.  Frames to it are copied into memory of its own, since a
 * port's frame ends with the call, and the card takes its time.  Pure. */
#pragma once
#include "control/net/switch.h"

#define UPLINK_SENDS    64u   /* frames on their way to the wire */
#define UPLINK_RECEIVES 64u   /* empty buffers in the card */
#define UPLINK_BUFFER   2048u /* bytes of each */

struct uplink_send {
    struct nic_frame frame;
    struct io_segment segment;
    struct uplink_send *next;
};

struct uplink {
    struct net_port port;
    struct net_switch *sw;
    struct nic *nic;
    struct nic_user user;
    struct io_dma memory;
    struct uplink_send *free;
    bool full;  /* the switch has been told so */
    u64 failed; /* frames that the card did not take, or lost */
    u32 posted; /* buffers in the card */
    struct uplink_send send[UPLINK_SENDS];
    struct nic_buffer receive[UPLINK_RECEIVES];
};

/* Attaches the card to the switch and lets it receive; it listens to all addresses, since each
 * guest has its own.  E_NOMEM: no memory for DMA, or no port; E_INVAL: a card that wants larger
 * buffers; others are nic_post()'s.  After an error nothing is attached. */
err_t uplink_open(struct uplink *u, struct net_switch *sw, struct nic *nic, bool vlan);

/* To be called at the end of each turn of the event loop: tells the card of new frames, takes what
 * has come, and looks at the link.  Returns when to call again at the latest, as nic_poll() does.
 */
u64 uplink_poll(struct uplink *u);

/* Stops the card and detaches it. */
void uplink_close(struct uplink *u);
