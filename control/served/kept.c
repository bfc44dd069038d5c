/* See kept.h. */
#include "control/served/kept.h"
#include "control/memory.h"
#include "control/rt.h"
#include "lib/atomic.h"
#include "lib/mem.h"

#define ENTRIES (MEMORY_KEPT / sizeof(struct kept_device))

static struct kept_device *entries;

void kept_init(void)
{
    entries = memory_kept();
    if (info->life == 0)
        memset(entries, 0, MEMORY_KEPT);
}

struct kept_device *kept_get(u32 partition, u32 life, u32 index)
{
    struct kept_device *free = NULL;

    for (u32 i = 0; i < ENTRIES; i++) {
        struct kept_device *const e = &entries[i];

        if (e->partition == partition && e->life == life && e->index == index)
            return e;
        if (e->partition == 0 && !free)
            free = e;
    }
    if (!free)
        return NULL;
    memset(free, 0, sizeof(*free));
    free->life = life;
    free->index = index;
    store_release(&free->partition, partition); /* a crash before this: it stays free */
    return free;
}

void kept_forget(u32 partition, u32 but_life)
{
    for (u32 i = 0; i < ENTRIES; i++)
        if (entries[i].partition == partition && (but_life == 0 || entries[i].life != but_life))
            store_release(&entries[i].partition, 0);
}
