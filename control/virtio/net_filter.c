/* Which frames a guest's network card takes; see net_filter.h.  Pure. */
#include "control/virtio/net_filter.h"
#include "lib/mem.h"

void net_filter_reset(struct net_filter *f)
{
    memset(f, 0, sizeof(*f));
    f->promiscuous = true;
}

static bool same(const struct net_mac *a, const struct net_mac *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static bool listed(const struct net_filter_list *list, const struct net_mac *mac)
{
    for (u32 i = 0; i < list->count; i++)
        if (same(&list->mac[i], mac))
            return true;
    return list->all;
}

bool net_filter_takes(const struct net_filter *f, const struct net_mac *own,
                      const struct net_mac *destination)
{
    static const struct net_mac broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

    if (f->promiscuous)
        return true;
    if (same(destination, &broadcast))
        return !f->no_broadcast;
    if (destination->byte[0] & 1)
        return !f->no_multicast && (f->all_multicast || listed(&f->multicast, destination));
    if (f->no_unicast)
        return false;
    return f->all_unicast || same(destination, own) || listed(&f->unicast, destination);
}
