/* The switches between guests by name, and the machine's card behind the one called LAN_WITH_CARD.
 */
#pragma once
#include "control/manage/world.h"
#include "control/net/switch.h"
#include "control/virtio/net.h"

#define LANS          8u
#define LAN_WITH_CARD "lan"

struct lan;

/* The switch of that name, made if there is none.  NULL: LANS are there, or no memory. */
struct lan *lan_open(const char *name);
/* The guest's port joins it, or leaves.  Errors: switch_attach()'s. */
err_t lan_attach(struct lan *lan, struct net_port *port);
void lan_detach(struct lan *lan, struct net_port *port);
/* The way into the switch, for a virtio-net. */
const struct virtio_net_wire *lan_wire(const struct lan *lan);
/* Moves what waits.  When to call again at the latest, microseconds of io_now(). */
u64 lan_poll(void);
/* What the switch knows of a port; the texts of the port's owner are left out. */
void lan_facts(const struct lan *lan, const struct net_port *port, struct manage_port *facts);
/* The n-th of the machine's cards that are behind a switch; false: there are no more. */
bool lan_card(u32 n, struct manage_port *facts);
void lan_set_link(struct lan *lan, struct net_port *port, bool up);
