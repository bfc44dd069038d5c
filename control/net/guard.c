/* See guard.h.  Pure. */
#include "control/net/guard.h"
#include "control/net/mac_table.h"

#define TYPE_ARP    0x0806u
#define TYPE_IPV4   0x0800u
#define TYPE_IPV6   0x86ddu
#define TYPE_VLAN   0x8100u
#define TYPE_QINQ   0x88a8u

#define HEADERS_MAX 8u /* extension headers of IPv6 that are looked through */

enum ipv6_next { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, ICMPV6 = 58, DESTINATION = 60 };

enum nd_type { SOLICIT_ROUTER = 133, ADVERTISE_ROUTER, SOLICIT, ADVERTISE, REDIRECT };

#define OPTION_SOURCE 1u /* link-layer address */
#define OPTION_TARGET 2u

/* What is left of a frame's beginning. */
struct rest {
    const u8 *at;
    u32 len;    /* bytes here */
    u32 sum_at; /* a checksum is going to be stored so many bytes from here; 0: none is */
    bool cut;   /* the frame has more than that */
};

static u16 be16(const u8 *at)
{
    return (u16)(at[0] << 8 | at[1]);
}

/* False: a checksum would be stored in what is skipped. */
static bool skip(struct rest *r, u32 bytes)
{
    r->at += bytes;
    r->len -= bytes;
    if (!r->sum_at)
        return true;
    if (r->sum_at <=
        bytes) /* 0 stays "none": a checksum at a header's very beginning is refused, too */
        return false;
    r->sum_at -= bytes;
    return true;
}

static bool is_tag(u16 type)
{
    return type == TYPE_VLAN || type == TYPE_QINQ;
}

bool guard_is_tagged(const u8 *head)
{
    return is_tag(be16(head + 12));
}

/* Any hardware and protocol: the sender's hardware address follows the fixed part. */
static bool arp_allows(const struct rest *r, const struct net_mac *own)
{
    if (r->sum_at || r->len < 8 + NET_MAC_BYTES || r->at[4] != NET_MAC_BYTES)
        return false;
    return mac_of(r->at + 8) == mac_of(own->byte);
}

/* Options: type, length in units of eight bytes, content. */
static bool options_allow(struct rest r, const struct net_mac *own)
{
    while (r.len >= 8) {
        const u32 len = r.at[1] * 8u;

        if (len == 0 || len > r.len)
            return false;
        if ((r.at[0] == OPTION_SOURCE || r.at[0] == OPTION_TARGET) &&
            mac_of(r.at + 2) != mac_of(own->byte))
            return false;
        (void)skip(&r, len);
    }
    return !r.cut;
}

static bool icmpv6_allows(struct rest r, const struct net_mac *own)
{
    if (r.sum_at)
        return false;
    if (r.len < 1)
        return !r.cut;

    const u8 type = r.at[0];
    const u32 fixed = type == SOLICIT_ROUTER ? 8 : 24;

    if (type < SOLICIT_ROUTER || type > REDIRECT)
        return true;
    if (type == ADVERTISE_ROUTER || type == REDIRECT || r.len < fixed)
        return false;
    (void)skip(&r, fixed);
    return options_allow(r, own);
}

static bool ipv6_allows(struct rest r, const struct net_mac *own)
{
    u8 next;

    if (r.len < 40)
        return !r.sum_at; /* no receiver takes it for IPv6 */
    next = r.at[6];
    if (!skip(&r, 40))
        return false;
    for (u32 i = 0; i < HEADERS_MAX; i++) {
        if (next == ICMPV6)
            return icmpv6_allows(r, own);
        if (next == FRAGMENT && (r.len < 8 || r.at[0] == ICMPV6))
            return r.len >= 8 && !r.sum_at &&
                   (be16(r.at + 2) & 0xfff8 || r.len < 9 || r.at[8] < SOLICIT_ROUTER ||
                    r.at[8] > REDIRECT);
        if (next != HOP_BY_HOP && next != ROUTING && next != DESTINATION && next != FRAGMENT)
            return true;
        if (r.len < 8)
            return false;

        const u32 len = next == FRAGMENT ? 8 : (r.at[1] + 1u) * 8;

        if (len > r.len)
            return false;
        next = r.at[0];
        if (!skip(&r, len))
            return false;
    }
    return false;
}

bool guard_allows(const u8 *head, u32 len, const struct net_mac *own, u32 sum_at)
{
    struct rest r = {head, MIN(len, GUARD_BYTES), sum_at, len > GUARD_BYTES};
    u16 type = be16(head + 12);

    if (mac_of(head + NET_MAC_BYTES) != mac_of(own->byte) || !skip(&r, NIC_HEADER))
        return false;
    for (u32 tags = 0; is_tag(type); tags++) {
        if (r.len < 4 || tags == 2)
            return false;
        type = be16(r.at + 2);
        if (!skip(&r, 4))
            return false;
    }
    switch (type) {
    case TYPE_ARP: return arp_allows(&r, own);
    case TYPE_IPV4: return r.sum_at == 0 || (r.len >= 20 && skip(&r, 20));
    case TYPE_IPV6: return ipv6_allows(r, own);
    default: return r.sum_at == 0;
    }
}
