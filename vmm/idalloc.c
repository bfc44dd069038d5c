/* Small numbers by next fit over a bitmap.  Pure. */
#include "vmm/idalloc.h"

void idalloc_init(struct idalloc *a, u64 *bitmap, u32 first, u32 last)
{
    *a = (struct idalloc){.bitmap = bitmap, .first = first, .last = last, .next = first};
    for (u32 i = 0; i < IDALLOC_WORDS(last); i++)
        bitmap[i] = 0;
}

/* The first one in [from, to] that is not in use. */
static bool find(const struct idalloc *a, u32 from, u32 to, u32 *id)
{
    u64 hidden = BIT(from % 64) - 1; /* below `from` in its word */

    for (u32 word = from / 64; word <= to / 64; word++, hidden = 0) {
        const u64 unused = ~(a->bitmap[word] | hidden);
        if (!unused)
            continue;
        const u32 found = word * 64 + (u32)__builtin_ctzll(unused);
        if (found > to)
            return false;
        *id = found;
        return true;
    }
    return false;
}

err_t idalloc_take(struct idalloc *a, u32 *id)
{
    u32 found;

    if (!find(a, a->next, a->last, &found) && !find(a, a->first, a->next, &found))
        return E_NOMEM;
    a->bitmap[found / 64] |= BIT(found % 64);
    a->next = found < a->last ? found + 1 : a->first;
    a->used++;
    *id = found;
    return OK;
}

bool idalloc_in_use(const struct idalloc *a, u32 id)
{
    return id >= a->first && id <= a->last && (a->bitmap[id / 64] >> id % 64 & 1);
}

err_t idalloc_give_back(struct idalloc *a, u32 id)
{
    if (id < a->first || id > a->last)
        return E_RANGE;
    if (!idalloc_in_use(a, id))
        return E_NOENT;
    a->bitmap[id / 64] &= ~BIT(id % 64);
    a->used--;
    return OK;
}
