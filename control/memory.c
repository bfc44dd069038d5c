/* See memory.h.  SDM Vol. 3A, "4-Level Paging and 5-Level Paging". */
#include "control/memory.h"
#include "control/pages.h"
#include "control/rt.h"
#include "lib/mem.h"

#define ENTRIES    512u
#define PRESENT    BIT(0)
#define WRITABLE   BIT(1)
#define UNCACHED   (BIT(3) | BIT(4)) /* PWT, PCD: PAT entry 3 */
#define LARGE      BIT(7)
#define NX         BIT(63)
#define ADDRESS    0x000ffffffffff000ull

#define KEPT_BYTES MiB /* the end of its RAM */

static struct pages pages;
static struct lasting *lasting;

static u64 *top_table(void)
{
    u64 cr3;

    __asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
    return (u64 *)(cr3 & ADDRESS);
}

static void flush(void)
{
    u64 cr3;

    __asm__ volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(cr3) : : "memory");
}

static u64 *below(const u64 *table, u64 index)
{
    return (u64 *)(table[index] & ADDRESS);
}

/* The first tables map all of its RAM, image included, for execution: that ends. */
static void forbid_execution(void)
{
    u64 *const top = top_table();

    for (u64 at = info->memory; at < info->memory + info->memory_bytes; at += LARGE_PAGE_SIZE) {
        u64 *const table = below(below(top, at / (512 * GiB) % ENTRIES), at / GiB % ENTRIES);

        table[at / LARGE_PAGE_SIZE % ENTRIES] |= NX;
    }
    flush();
}

void memory_init(void)
{
    forbid_execution();
    pages_init(&pages, info->image + info->image_bytes,
               info->memory + info->memory_bytes - KEPT_BYTES);
    lasting = (struct lasting *)(info->memory + info->memory_bytes - KEPT_BYTES);
    if (info->life == 0)
        memset(lasting, 0, KEPT_BYTES);
    lasting_begin(lasting, &pages);
}

/* Much of it takes long. */
static void clear(u8 *at, u64 len)
{
    for (; len > LARGE_PAGE_SIZE; at += LARGE_PAGE_SIZE, len -= LARGE_PAGE_SIZE) {
        memset(at, 0, LARGE_PAGE_SIZE);
        rt_alive();
    }
    memset(at, 0, len);
}

void *memory_pages(u32 count)
{
    void *const first = (void *)pages_take(&pages, count);

    if (first)
        clear(first, count * PAGE_SIZE);
    return first;
}

u64 memory_free(void)
{
    return pages.free * PAGE_SIZE;
}

void memory_pages_free(void *first, u32 count)
{
    lasting_remove(lasting, (u64)first);
    if (pages_give_back(&pages, (u64)first, count) != OK)
        die("pages are given back that were not given out");
}

void *memory_kept(void)
{
    return lasting + 1;
}

err_t memory_lasts(const char *name, const void *first, u32 count, u32 word)
{
    return lasting_add(lasting, name, (u64)first, count, word);
}

const struct lasting_entry *memory_lasting(const char *name)
{
    return lasting_take(lasting, name);
}

const struct lasting_entry *memory_left(void)
{
    return lasting_left(lasting);
}

/* The table that an entry leads to; made if there is none. */
static u64 *descend(u64 *table, u64 index)
{
    if (!(table[index] & PRESENT)) {
        const u64 *const made = memory_pages(1);

        if (!made)
            return NULL;
        table[index] = (u64)made | PRESENT | WRITABLE;
    }
    return table[index] & LARGE ? NULL : below(table, index);
}

err_t memory_window(u64 first, u64 bytes, bool device)
{
    const u64 flags = PRESENT | WRITABLE | NX | (device ? UNCACHED : 0);

    for (u64 at = first, page; at < first + bytes; at += page) {
        const u64 left = first + bytes - at;
        const bool large = IS_ALIGNED(at, LARGE_PAGE_SIZE) && left >= LARGE_PAGE_SIZE;
        u64 *table = top_table();

        page = large ? LARGE_PAGE_SIZE : PAGE_SIZE;
        for (u64 span = 512 * GiB; span > page && table; span /= ENTRIES)
            table = descend(table, at / span % ENTRIES);
        if (!table)
            return E_NOMEM;
        table[at / page % ENTRIES] = at | flags | (large ? LARGE : 0);
    }
    flush();
    return OK;
}
