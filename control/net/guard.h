/* What a guest may say that it is.  A port that may not send from any address has to use its own
 * one: as the source of the frame, as the sender of ARP, and in the options of IPv6 Neighbor
 * Discovery. It may not say that it is a router, either (Router Advertisement, Redirect).  IP
 * addresses are not looked at: nobody has told us which are whose.
 *
 * RFC 826; RFC 4861, "Message Formats"; RFC 6980 (no fragments of such messages); RFC 7113 (a
 * message behind extension headers that are too long to be looked through is refused).  Pure. */
#pragma once
#include "control/net/port.h"

#define GUARD_BYTES 256u /* of a frame's beginning that are looked at */

/* `head`: the first MIN(len, GUARD_BYTES) bytes of a frame of `len` bytes, at least NIC_HEADER.
 * `sum_at`: where a checksum is going to be stored, 0: nowhere.  It has to be behind the headers of
 * IPv4 or IPv6, and not in ICMPv6: what is judged must not become something else. */
bool guard_allows(const u8 *head, u32 len, const struct net_mac *own, u32 sum_at);

/* The first type field says that there is a VLAN tag.  IEEE 802.1Q, "Tag Protocol Identification".
 */
bool guard_is_tagged(const u8 *head);
