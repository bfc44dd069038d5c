/* The few protocols that the network tests speak: ARP (RFC 826), IPv4 (RFC 791), ICMP echo (RFC
 * 792), UDP (RFC 768), DHCP (RFC 2131).  All write or read one Ethernet frame. */
#pragma once
#include "lib/types.h"

#define FRAME_MAX   1514u
#define PING_AROUND 42u /* bytes of an echo request beside its payload */

struct net_peer {
    u8 mac[6];
    u32 ip; /* host byte order, as everywhere here */
};

/* Each returns the frame's length. */
u32 frame_arp_request(u8 *frame, const struct net_peer *self, u32 who);
u32 frame_ping(u8 *frame, const struct net_peer *self, const struct net_peer *to, u16 number,
               u32 payload);
/* type: 1 discover, 3 request of `ip` from the server. */
u32 frame_dhcp(u8 *frame, const struct net_peer *self, u8 type, u32 ip, u32 server);

/* Whether it is the answer; what it says. */
bool frame_is_arp_reply(const u8 *frame, u32 len, u32 from, u8 mac[6]);
bool frame_is_pong(const u8 *frame, u32 len, const struct net_peer *self, u16 number, u32 payload);
/* type: 2 offer, 5 acknowledgement. */
bool frame_is_dhcp(const u8 *frame, u32 len, u8 type, u32 *ip, u32 *server);
