/* See lasting.h.  Pure. */
#include "control/lasting.h"
#include "lib/atomic.h"
#include "lib/mem.h"

static bool makes_sense(const struct lasting_entry *e)
{
    return e->at != 0 && e->name[0] != '\0' && strnlen(e->name, LASTING_NAME) < LASTING_NAME;
}

void lasting_begin(struct lasting *l, struct pages *p)
{
    for (u32 i = 0; i < LASTING_MAX; i++) {
        struct lasting_entry *const e = &l->entry[i];

        e->is_his = false;
        if (!makes_sense(e) || pages_reserve(p, e->at, e->pages) != OK)
            e->at = 0;
    }
}

err_t lasting_add(struct lasting *l, const char *name, u64 at, u32 pages, u32 word)
{
    const size_t len = strnlen(name, LASTING_NAME);

    if (len == LASTING_NAME)
        return E_INVAL;
    for (u32 i = 0; i < LASTING_MAX; i++) {
        struct lasting_entry *const e = &l->entry[i];

        if (e->at != 0)
            continue;
        memcpy(e->name, name, len + 1);
        e->pages = pages;
        e->word = word;
        e->is_his = true;
        store_release(&e->at, at); /* a crash before this: it is free */
        return OK;
    }
    return E_NOMEM;
}

const struct lasting_entry *lasting_take(struct lasting *l, const char *name)
{
    for (u32 i = 0; i < LASTING_MAX; i++) {
        struct lasting_entry *const e = &l->entry[i];

        if (e->at == 0 || e->is_his || strcmp(e->name, name) != 0)
            continue;
        e->is_his = true;
        return e;
    }
    return NULL;
}

const struct lasting_entry *lasting_left(const struct lasting *l)
{
    for (u32 i = 0; i < LASTING_MAX; i++)
        if (l->entry[i].at != 0 && !l->entry[i].is_his)
            return &l->entry[i];
    return NULL;
}

void lasting_remove(struct lasting *l, u64 at)
{
    for (u32 i = 0; i < LASTING_MAX; i++)
        if (l->entry[i].at == at)
            store_release(&l->entry[i].at, 0);
}
