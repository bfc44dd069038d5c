/* See pages.h.  Pure. */
#include "control/pages.h"
#include "lib/mem.h"

static bool is_used(const struct pages *p, u32 page)
{
    return p->used[page / 64] >> (page % 64) & 1;
}

static void mark(struct pages *p, u32 first, u32 count, bool used)
{
    for (u32 page = first; page < first + count; page++)
        if (used)
            p->used[page / 64] |= BIT(page % 64);
        else
            p->used[page / 64] &= ~BIT(page % 64);
    p->free += used ? 0 - count : count;
}

void pages_init(struct pages *p, u64 first, u64 last)
{
    const u64 begin = ALIGN_UP(first, PAGE_SIZE), end = ALIGN_DOWN(last, PAGE_SIZE);

    memset(p, 0, sizeof(*p));
    p->first = begin;
    p->count = p->free = begin < end ? (u32)MIN((end - begin) / PAGE_SIZE, PAGES_MAX) : 0;
}

u64 pages_take(struct pages *p, u32 count)
{
    u32 run = 0;

    if (count == 0 || count > p->free)
        return 0;
    for (u32 page = 0; page < p->count; page++) {
        run = is_used(p, page) ? 0 : run + 1;
        if (run < count)
            continue;
        mark(p, page + 1 - run, run, true);
        return p->first + (u64)(page + 1 - run) * PAGE_SIZE;
    }
    return 0;
}

static bool are_mine(const struct pages *p, u64 address, u32 count)
{
    const u64 page = (address - p->first) / PAGE_SIZE;

    return address >= p->first && IS_ALIGNED(address, PAGE_SIZE) && count != 0 && page < p->count &&
           count <= p->count - page;
}

/* They go from used to free, or the other way round.  False: not all of them are as they were to
 * be. */
static bool change(struct pages *p, u64 address, u32 count, bool used)
{
    const u32 page = (u32)((address - p->first) / PAGE_SIZE);

    for (u32 i = 0; i < count; i++)
        if (is_used(p, page + i) == used)
            return false;
    mark(p, page, count, used);
    return true;
}

err_t pages_reserve(struct pages *p, u64 address, u32 count)
{
    if (!are_mine(p, address, count))
        return E_RANGE;
    return change(p, address, count, true) ? OK : E_EXIST;
}

err_t pages_give_back(struct pages *p, u64 address, u32 count)
{
    if (!are_mine(p, address, count))
        return E_RANGE;
    return change(p, address, count, false) ? OK : E_NOENT;
}
