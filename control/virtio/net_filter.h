/* Which frames a guest's network card takes, as its driver has asked for over the control queue.
 * OASIS VIRTIO 1.2, "Network Device", "Control Virtqueue".  Pure. */
#pragma once
#include "control/net/port.h"

#define NET_FILTER_MACS 32u /* of each kind; of more, all are taken */

struct net_filter_list {
    u32 count;
    bool all; /* the driver named more than there is room for */
    struct net_mac mac[NET_FILTER_MACS];
};

struct net_filter {
    bool promiscuous, all_multicast, all_unicast, no_multicast, no_unicast, no_broadcast;
    struct net_filter_list unicast, multicast;
};

/* As after a reset, when a driver may not know of filters: everything is taken. */
void net_filter_reset(struct net_filter *f);
bool net_filter_takes(const struct net_filter *f, const struct net_mac *own,
                      const struct net_mac *destination);
