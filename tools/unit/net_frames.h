/* Frames for the tests of the switch: Ethernet, ARP, IPv4 and IPv6 around what is tested. */
#pragma once
#include "control/net/port.h"
#include <string.h>

static inline void frame_put16(u8 *at, u32 value)
{
    at[0] = (u8)(value >> 8);
    at[1] = (u8)value;
}

static inline struct net_mac frame_mac(u32 n)
{
    return (struct net_mac){{0x02, 0, 0, 0, (u8)(n >> 8), (u8)n}};
}

/* Returns the header's length. */
static inline u32 frame_ethernet(u8 *at, struct net_mac to, struct net_mac from, u16 type)
{
    memcpy(at, to.byte, 6);
    memcpy(at + 6, from.byte, 6);
    frame_put16(at + 12, type);
    return 14;
}

static inline u32 frame_ipv6(u8 *at, u8 next, u32 payload)
{
    memset(at, 0, 40);
    at[0] = 0x60;
    frame_put16(at + 4, payload);
    at[6] = next;
    at[7] = 255;
    at[8] = 0xfe;
    at[9] = 0x80;
    at[23] = 1;
    at[24] = 0xff;
    at[25] = 2;
    at[39] = 1;
    return 40;
}
