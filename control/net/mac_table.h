/* Which port an address is behind.  Bounded: an address can be in four places; where they are all
 * taken, the one that was not seen for the longest time is forgotten.  A port's own address is
 * never forgotten, and never moves.  Pure. */
#pragma once
#include "control/net/port.h"
#include "lib/mem.h"

#define MAC_WAYS   4u
#define MAC_SETS   64u
#define MAC_AGE_US 300000000u /* not seen for longer: forgotten.  IEEE 802.1Q, "Ageing Time" */
#define MAC_NOBODY UINT32_MAX

struct mac_row {
    u64 mac; /* 48 bits; 0: nobody */
    u32 port;
    bool own;
    u64 seen; /* microseconds */
};

struct mac_table {
    struct mac_row row[MAC_SETS][MAC_WAYS];
};

static inline u64 mac_of(const u8 *at)
{
    u32 high;
    u16 low;

    memcpy(&high, at, sizeof(high));
    memcpy(&low, at + sizeof(high), sizeof(low));
    return (u64)__builtin_bswap32(high) << 16 | __builtin_bswap16(low);
}

/* The group bit: a multicast or the broadcast address. */
static inline bool mac_is_group(u64 mac)
{
    return mac >> 40 & 1;
}

/* A port's own address.  E_EXIST: it is another's own; E_NOMEM: its four places have own addresses.
 */
err_t mac_add_own(struct mac_table *t, u64 mac, u32 port);
/* A frame came from there.  False: it is the own address of another port. */
bool mac_learn(struct mac_table *t, u64 mac, u32 port, u64 now);
/* MAC_NOBODY: not known, or for too long. */
u32 mac_find(struct mac_table *t, u64 mac, u64 now);
/* Everything behind a port. */
void mac_forget_port(struct mac_table *t, u32 port);
