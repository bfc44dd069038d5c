/* See kept.h.  Pure. */
#include "control/served/kept.h"
#include "lib/atomic.h"
#include "lib/mem.h"

#define GUESTS 256u

/* At its beginning. */
struct head {
    u32 at_work; /* 1 + the entry of the device whose work is being done; 0: none */
    u32 reserved;
    struct kept_guest guest[GUESTS];
};

static struct head *head;
static struct kept_device *entries;
static u32 entry_count, this_life;

/* The life before this one has died over a device's work. */
static void count_death(u32 at_work)
{
    if (at_work == 0 || at_work > entry_count)
        return;
    struct kept_device *const e = &entries[at_work - 1];

    if (e->partition != 0 && e->deaths < KEPT_DEADLY)
        e->deaths++;
}

void kept_init(void *memory, size_t bytes, u32 life)
{
    head = memory;
    entries = (struct kept_device *)(void *)(head + 1);
    entry_count = (u32)((bytes - sizeof(*head)) / sizeof(*entries));
    this_life = life;
    count_death(atomic_xchg(&head->at_work, 0));
}

struct kept_guest *kept_guest(u32 partition, u32 life)
{
    struct kept_guest *const g = &head->guest[partition % GUESTS];

    if (g->life != life)
        *g = (struct kept_guest){.life = life};
    return g;
}

static struct kept_device *use(struct kept_device *e)
{
    e->user = this_life;
    return e;
}

struct kept_device *kept_get(u32 partition, u32 life, u32 index)
{
    struct kept_device *free = NULL;

    for (u32 i = 0; i < entry_count; i++) {
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

u32 *kept_mark(void)
{
    return &head->at_work;
}

u32 kept_number(const struct kept_device *e)
{
    return (u32)(e - entries) + 1;
}

void kept_forget_left(void)
{
    for (u32 i = 0; i < entry_count; i++)
        if (entries[i].user != this_life)
            store_release(&entries[i].partition, 0);
}

void kept_forget(u32 partition, u32 but_life)
{
    for (u32 i = 0; i < entry_count; i++)
        if (entries[i].partition == partition && (but_life == 0 || entries[i].life != but_life))
            store_release(&entries[i].partition, 0);
}
