/* See net_frames.h. */
#include "guest_tests/drivers/net_frames.h"
#include "lib/mem.h"

#define TYPE_IPV4     0x0800u
#define TYPE_ARP      0x0806u
#define ETHERNET      14u
#define IP_LEN        20u
#define UDP_LEN       8u
#define ICMP_LEN      8u
#define ARP_LEN       28u
#define PROTOCOL_ICMP 1u
#define PROTOCOL_UDP  17u
#define DHCP_CLIENT   68u
#define DHCP_SERVER   67u
#define DHCP_FIXED    240u /* bytes before the options */
#define DHCP_COOKIE   0x63825363u
#define DHCP_XID      0x4c4e544cu
#define DHCP_LEN      300u /* with room for options; BOOTP's least */
#define PING_ID       0x4c54u

static const u8 everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void put16(u8 *at, u32 value)
{
    at[0] = (u8)(value >> 8);
    at[1] = (u8)value;
}

static void put32(u8 *at, u32 value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

static u32 get16(const u8 *at)
{
    return (u32)at[0] << 8 | at[1];
}

static u32 get32(const u8 *at)
{
    return get16(at) << 16 | get16(at + 2);
}

/* RFC 1071; 0 over what contains a right sum. */
static u16 checksum(const u8 *at, u32 len, u32 sum)
{
    for (u32 i = 0; i + 1 < len; i += 2)
        sum += get16(at + i);
    if (len % 2 != 0)
        sum += (u32)at[len - 1] << 8;
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (u16)~sum;
}

static void ethernet(u8 *frame, const u8 to[6], const u8 from[6], u32 type)
{
    memcpy(frame, to, 6);
    memcpy(frame + 6, from, 6);
    put16(frame + 12, type);
}

static void ipv4(u8 *ip, u32 len, u8 protocol, u32 from, u32 to)
{
    memset(ip, 0, IP_LEN);
    ip[0] = 0x45;
    put16(ip + 2, IP_LEN + len);
    ip[8] = 64;
    ip[9] = protocol;
    put32(ip + 12, from);
    put32(ip + 16, to);
    put16(ip + 10, checksum(ip, IP_LEN, 0));
}

/* The payload of an IPv4 packet of this protocol, and its length; NULL: it is none. */
static const u8 *ipv4_payload(const u8 *frame, u32 len, u8 protocol, u32 *payload_len)
{
    const u8 *ip = frame + ETHERNET;

    if (len < ETHERNET + IP_LEN || get16(frame + 12) != TYPE_IPV4 || ip[0] >> 4 != 4)
        return NULL;

    const u32 header = (u32)(ip[0] & 15) * 4, total = get16(ip + 2);

    if (header < IP_LEN || total < header || ETHERNET + total > len || ip[9] != protocol ||
        checksum(ip, header, 0) != 0)
        return NULL;
    *payload_len = total - header;
    return ip + header;
}

/* ------------------------------------------------------------ ARP */

u32 frame_arp_request(u8 *frame, const struct net_peer *self, u32 who)
{
    static const u8 fixed[8] = {0, 1, 8, 0, 6, 4, 0, 1};
    u8 *arp = frame + ETHERNET;

    ethernet(frame, everybody, self->mac, TYPE_ARP);
    memcpy(arp, fixed, sizeof(fixed));
    memcpy(arp + 8, self->mac, 6);
    put32(arp + 14, self->ip);
    memset(arp + 18, 0, 6);
    put32(arp + 24, who);
    return ETHERNET + ARP_LEN;
}

bool frame_is_arp_reply(const u8 *frame, u32 len, u32 from, u8 mac[6])
{
    const u8 *arp = frame + ETHERNET;

    if (len < ETHERNET + ARP_LEN || get16(frame + 12) != TYPE_ARP || get16(arp + 6) != 2 ||
        get32(arp + 14) != from)
        return false;
    memcpy(mac, arp + 8, 6);
    return true;
}

/* ------------------------------------------------------------ ICMP */

static u8 ping_byte(u16 number, u32 at)
{
    return (u8)(at * 7 + number);
}

u32 frame_ping(u8 *frame, const struct net_peer *self, const struct net_peer *to, u16 number,
               u32 payload)
{
    u8 *icmp = frame + ETHERNET + IP_LEN;

    ethernet(frame, to->mac, self->mac, TYPE_IPV4);
    ipv4(frame + ETHERNET, ICMP_LEN + payload, PROTOCOL_ICMP, self->ip, to->ip);
    memset(icmp, 0, ICMP_LEN);
    icmp[0] = 8;
    put16(icmp + 4, PING_ID);
    put16(icmp + 6, number);
    for (u32 i = 0; i < payload; i++)
        icmp[ICMP_LEN + i] = ping_byte(number, i);
    put16(icmp + 2, checksum(icmp, ICMP_LEN + payload, 0));
    return PING_AROUND + payload;
}

bool frame_is_pong(const u8 *frame, u32 len, const struct net_peer *self, u16 number, u32 payload)
{
    u32 icmp_len;
    const u8 *icmp = ipv4_payload(frame, len, PROTOCOL_ICMP, &icmp_len);

    if (icmp == NULL || icmp_len != ICMP_LEN + payload || icmp[0] != 0 ||
        get16(icmp + 4) != PING_ID || get16(icmp + 6) != number ||
        memcmp(frame, self->mac, 6) != 0 || checksum(icmp, icmp_len, 0) != 0)
        return false;
    for (u32 i = 0; i < payload; i++)
        if (icmp[ICMP_LEN + i] != ping_byte(number, i))
            return false;
    return true;
}

/* ------------------------------------------------------------ DHCP */

/* Options: magic cookie, message type, and what a request names; then the end. */
static void dhcp_options(u8 *at, u8 type, u32 ip, u32 server)
{
    put32(at, DHCP_COOKIE);
    at += 4;
    *at++ = 53;
    *at++ = 1;
    *at++ = type;
    if (ip != 0) {
        *at++ = 50;
        *at++ = 4;
        put32(at, ip);
        at += 4;
        *at++ = 54;
        *at++ = 4;
        put32(at, server);
        at += 4;
    }
    *at = 255;
}

u32 frame_dhcp(u8 *frame, const struct net_peer *self, u8 type, u32 ip, u32 server)
{
    u8 *udp = frame + ETHERNET + IP_LEN, *dhcp = udp + UDP_LEN;

    ethernet(frame, everybody, self->mac, TYPE_IPV4);
    ipv4(frame + ETHERNET, UDP_LEN + DHCP_LEN, PROTOCOL_UDP, 0, 0xffffffff);
    put16(udp, DHCP_CLIENT);
    put16(udp + 2, DHCP_SERVER);
    put16(udp + 4, UDP_LEN + DHCP_LEN);
    put16(udp + 6, 0); /* no checksum */
    memset(dhcp, 0, DHCP_LEN);
    dhcp[0] = 1; /* a request, by Ethernet, with addresses of 6 bytes */
    dhcp[1] = 1;
    dhcp[2] = 6;
    put32(dhcp + 4, DHCP_XID);
    put16(dhcp + 10, 0x8000); /* answer by broadcast */
    memcpy(dhcp + 28, self->mac, 6);
    dhcp_options(dhcp + DHCP_FIXED - 4, type, ip, server);
    return ETHERNET + IP_LEN + UDP_LEN + DHCP_LEN;
}

bool frame_is_dhcp(const u8 *frame, u32 len, u8 type, u32 *ip, u32 *server)
{
    u32 udp_len;
    const u8 *udp = ipv4_payload(frame, len, PROTOCOL_UDP, &udp_len);
    bool right = false;

    if (udp == NULL || udp_len < UDP_LEN + DHCP_FIXED || get16(udp + 2) != DHCP_CLIENT)
        return false;

    const u8 *dhcp = udp + UDP_LEN, *end = udp + udp_len;

    if (dhcp[0] != 2 || get32(dhcp + 4) != DHCP_XID || get32(dhcp + DHCP_FIXED - 4) != DHCP_COOKIE)
        return false;
    *ip = get32(dhcp + 16);
    *server = 0;
    for (const u8 *o = dhcp + DHCP_FIXED; o + 1 < end && *o != 255;) {
        if (*o == 0) {
            o++;
            continue;
        }
        if (o + 2 + o[1] > end)
            return false;
        if (o[0] == 53 && o[1] == 1)
            right = o[2] == type;
        if (o[0] == 54 && o[1] == 4)
            *server = get32(o + 2);
        o += 2 + o[1];
    }
    return right;
}
