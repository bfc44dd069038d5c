/* Physical region descriptors; see prd.h.  Pure. */
#include "drivers/io/prd.h"

#define BUS_END (4 * GiB)

bool prd_place_ok(u64 bus, u32 capacity)
{
    const u64 bytes = (u64)capacity * sizeof(struct prd);

    return capacity > 0 && bytes <= PRD_REGION_MAX && IS_ALIGNED(bus, 4) && bus < BUS_END &&
           bus / PRD_REGION_MAX == (bus + bytes - 1) / PRD_REGION_MAX;
}

void prd_begin(struct prd_table *t, struct prd *entry, u32 capacity)
{
    *t = (struct prd_table){.entry = entry, .capacity = capacity};
}

static u64 length_of(const struct prd *p)
{
    return p->length ? p->length : PRD_REGION_MAX;
}

/* Bytes from `bus` to the next 64 KiB boundary. */
static u64 room_at(u64 bus)
{
    return PRD_REGION_MAX - bus % PRD_REGION_MAX;
}

/* How much of [bus, bus + len) the last region can take in. */
static u64 joinable(const struct prd_table *t, u64 bus, u64 len)
{
    if (t->count == 0)
        return 0;
    const struct prd *last = &t->last;
    /* A region that ends on a boundary takes no more. */
    if (last->address + length_of(last) != bus || IS_ALIGNED(bus, PRD_REGION_MAX))
        return 0;
    return MIN(len, room_at(bus));
}

/* Regions that [bus, bus + len) needs: one for each 64 KiB that it touches. */
static u64 regions_in(u64 bus, u64 len)
{
    return len == 0 ? 0 : (bus + len - 1) / PRD_REGION_MAX - bus / PRD_REGION_MAX + 1;
}

err_t prd_add(struct prd_table *t, u64 bus, u64 len)
{
    if (len == 0 || !IS_ALIGNED(bus, 2) || !IS_ALIGNED(len, 2))
        return E_INVAL;
    if (bus >= BUS_END || len > BUS_END - bus)
        return E_RANGE;
    const u64 joined = joinable(t, bus, len);
    if (regions_in(bus + joined, len - joined) > t->capacity - t->count)
        return E_NOMEM;

    if (joined != 0) {
        t->last.length = (u16)(length_of(&t->last) + joined); /* 65536 is 0 */
        t->entry[t->count - 1] = t->last;
    }
    for (u64 at = bus + joined; at < bus + len;) {
        const u64 piece = MIN(bus + len - at, room_at(at));
        t->last = (struct prd){.address = (u32)at, .length = (u16)piece};
        t->entry[t->count++] = t->last;
        at += piece;
    }
    t->bytes += len;
    return OK;
}

err_t prd_end(const struct prd_table *t)
{
    if (t->count == 0)
        return E_INVAL;
    t->entry[t->count - 1] = (struct prd){t->last.address, t->last.length, PRD_LAST};
    return OK;
}
