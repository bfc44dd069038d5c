/* A learning switch: guests and wires are its ports (port.h).  IEEE 802.1Q, "Principles of Bridge
 * operation", without spanning trees: frames never go from one wire to another, so no ring is
 * closed.
 *
 * - An address that a frame came from is behind that port (mac_table.h).  Frames for the broadcast
 * and for multicast addresses go to all ports; those for an address that nobody has only to ports
 * behind which there may be one that is not known: wires, and guests that may send from any
 * address.
 * - A guest sends from its own address alone, unless its port allows any (guard.h); a wire may not
 * send from a guest's.
 * - What has been judged is what is delivered: the beginning of a frame is copied once.
 * - Back-pressure: where the one receiver has no room, a guest has to wait, at most
 * SWITCH_STALL_US; then frames for that receiver are dropped until it takes one again, so that who
 * does not listen stops nobody.  Frames for many, and frames from a wire, are dropped at once.
 * - A checksum that a guest has left to the hardware is completed for a receiver that did not
 *   agree to that.  Pure. */
#pragma once
#include "control/net/guard.h"
#include "control/net/mac_table.h"
#include "control/net/port.h"

#define SWITCH_PORTS    32u
#define SWITCH_STALL_US 20000u

struct switch_slot {
    struct net_port *port; /* NULL: free */
    u32 waiting;           /* a bit for each port that waits for room here */
    bool full;             /* since: */
    u64 full_since;        /* microseconds */
};

struct net_switch {
    struct switch_slot slot[SWITCH_PORTS];
    u32 waited_for; /* one bit a slot: somebody may wait for room there */
    struct mac_table macs;

    /* The frame that is handed on: its beginning, then the sender's memory; with its checksum. */
    u8 head[GUARD_BYTES];
    struct io_segment segment[NET_SEGMENTS_MAX + 1];
    u8 whole[NET_FRAME_MAX];
};

void switch_init(struct net_switch *s);

/* A port's settings count from now on; port->number is set.  E_NOMEM: no port is free, or no place
 * for its address; E_EXIST: a guest with that address is there; E_INVAL: an address that is none.
 */
err_t switch_attach(struct net_switch *s, struct net_port *port);
/* Forgets the port.  Who waits for it is told to try again. */
void switch_detach(struct net_switch *s, struct net_port *port);

/* A frame from a port's owner.  `now`: microseconds, never backwards. */
enum net_verdict switch_send(struct net_switch *s, struct net_port *from,
                             const struct net_frame *frame, u64 now);

/* The owner of a port has room again: those that wait for it are told. */
void switch_ready(struct net_switch *s, struct net_port *port);
void switch_set_link(struct net_switch *s, struct net_port *port, bool up);

/* Tells those that have waited for too long.  Returns when to call again at the latest; IO_NEVER:
 * nobody waits. */
u64 switch_poll(struct net_switch *s, u64 now);
