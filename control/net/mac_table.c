/* See mac_table.h.  Pure. */
#include "control/net/mac_table.h"
#include "lib/mem.h"

static struct mac_row *set_of(struct mac_table *t, u64 mac)
{
    return t->row[(mac * 0x9e3779b97f4a7c15ull) >> 58 & (MAC_SETS - 1)];
}

static struct mac_row *row_of(struct mac_table *t, u64 mac)
{
    struct mac_row *const set = set_of(t, mac);

    for (u32 i = 0; i < MAC_WAYS; i++)
        if (set[i].mac == mac)
            return &set[i];
    return NULL;
}

/* The place to use for a new address; NULL: all have own ones. */
static struct mac_row *place_for(struct mac_table *t, u64 mac)
{
    struct mac_row *const set = set_of(t, mac), *best = NULL;

    for (u32 i = 0; i < MAC_WAYS; i++) {
        if (set[i].own)
            continue;
        if (set[i].mac == 0)
            return &set[i];
        if (!best || set[i].seen < best->seen)
            best = &set[i];
    }
    return best;
}

err_t mac_add_own(struct mac_table *t, u64 mac, u32 port)
{
    struct mac_row *row = row_of(t, mac);

    if (row && row->own)
        return E_EXIST;
    if (!row)
        row = place_for(t, mac);
    if (!row)
        return E_NOMEM;
    *row = (struct mac_row){.mac = mac, .port = port, .own = true};
    return OK;
}

bool mac_learn(struct mac_table *t, u64 mac, u32 port, u64 now)
{
    struct mac_row *row = row_of(t, mac);

    if (row && row->own)
        return row->port == port;
    if (!row)
        row = place_for(t, mac);
    if (row)
        *row = (struct mac_row){.mac = mac, .port = port, .seen = now};
    return true;
}

u32 mac_find(struct mac_table *t, u64 mac, u64 now)
{
    struct mac_row *const row = row_of(t, mac);

    if (!row)
        return MAC_NOBODY;
    if (!row->own && now - row->seen > MAC_AGE_US) {
        row->mac = 0;
        return MAC_NOBODY;
    }
    return row->port;
}

void mac_forget_port(struct mac_table *t, u32 port)
{
    for (u32 set = 0; set < MAC_SETS; set++)
        for (u32 i = 0; i < MAC_WAYS; i++)
            if (t->row[set][i].mac && t->row[set][i].port == port)
                t->row[set][i] = (struct mac_row){0};
}
