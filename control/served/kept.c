/* See kept.h. */
#include "control/served/kept.h"
#include "control/memory.h"
#include "control/rt.h"
#include "lib/atomic.h"
#include "lib/mem.h"

#define GUESTS  256u
#define ENTRIES ((MEMORY_KEPT - GUESTS * sizeof(struct kept_guest)) / sizeof(struct kept_device))

static struct kept_guest *guests;
static struct kept_device *entries;

void kept_init(void)
{
    guests = memory_kept();
    entries = (struct kept_device *)(void *)(guests + GUESTS);
}

struct kept_guest *kept_guest(u32 partition, u32 life)
{
    struct kept_guest *const g = &guests[partition % GUESTS];

    if (g->life != life)
        *g = (struct kept_guest){.life = life};
    return g;
}

static struct kept_device *use(struct kept_device *e)
{
    e->user = info->life;
    return e;
}

struct kept_device *kept_get(u32 partition, u32 life, u32 index)
{
    struct kept_device *free = NULL;

    for (u32 i = 0; i < ENTRIES; i++) {
        struct kept_device *const e = &entries[i];

        if (e->partition == partition && e->life == life && e->index == index)
            return use(e);
        if (e->partition == 0 && !free)
            free = e;
    }
    if (!free)
        return NULL;
    memset(free, 0, sizeof(*free));
    free->life = life;
    free->index = index;
    store_release(&free->partition, partition); /* a crash before this: it stays free */
    return use(free);
}

void kept_forget_left(void)
{
    for (u32 i = 0; i < ENTRIES; i++)
        if (entries[i].user != info->life)
            store_release(&entries[i].partition, 0);
}

void kept_forget(u32 partition, u32 but_life)
{
    for (u32 i = 0; i < ENTRIES; i++)
        if (entries[i].partition == partition && (but_life == 0 || entries[i].life != but_life))
            store_release(&entries[i].partition, 0);
}
