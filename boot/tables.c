/* The page tables that hv.elf starts on; see tables.h.
 * SDM Vol. 3A, "4-Level Paging", tables "Format of ... Entry".  Pure. */
#include "boot/tables.h"

#define PTE_P       BIT(0)
#define PTE_W       BIT(1)
#define PTE_PCD     BIT(4) /* with PWT 0 and the PAT as at reset: UC-, which an MTRR can make WC */
#define PTE_PS      BIT(7)
#define PTE_NX      BIT(63)
#define PTE_ADDRESS 0x000ffffffffff000ull

#define ENTRIES     512u
#define LEVEL_PT    1u
#define LEVEL_PML4  4u

struct pool {
    u64 next, end; /* addresses */
};

/* Bytes that an entry of this level covers. */
static u64 entry_len(u32 level)
{
    return PAGE_SIZE << (9 * (level - 1));
}

static u32 leaf_level_max(bool gib_pages)
{
    return gib_pages ? 3 : 2;
}

u64 tables_pages(const struct mapping *list, u32 count, bool gib_pages)
{
    u64 pages = 1;

    /* A mapping needs at each end one table per level at most, and between the ends a page
     * directory per GiB where there are no 1 GiB pages. */
    for (u32 i = 0; i < count; i++)
        pages += 6 + (gib_pages ? 0 : list[i].len / GiB);
    return pages;
}

static u64 take_page(struct pool *pool)
{
    const u64 page = pool->next;

    if (page == pool->end)
        return 0;
    pool->next += PAGE_SIZE;
    return page;
}

static u64 leaf(const struct mapping *m, u64 phys, u32 level)
{
    return phys | PTE_P | (m->writable ? PTE_W : 0) | (m->executable ? 0 : PTE_NX) |
           (m->device ? PTE_PCD : 0) | (level > LEVEL_PT ? PTE_PS : 0);
}

/* The largest page that fits at this address, as the level of its entry. */
static u32 level_for(u64 virt, u64 phys, u64 len, bool gib_pages)
{
    for (u32 level = leaf_level_max(gib_pages); level > LEVEL_PT; level--)
        if (IS_ALIGNED(virt | phys, entry_len(level)) && len >= entry_len(level))
            return level;
    return LEVEL_PT;
}

static err_t map_one(struct pool *pool, u64 root, const struct mapping *m, u64 done, u32 level)
{
    const u64 virt = m->virt + done;
    u64 *table = (u64 *)root;

    for (u32 l = LEVEL_PML4; l > level; l--) {
        u64 *entry = &table[virt / entry_len(l) % ENTRIES];

        if (*entry & PTE_PS)
            return E_EXIST;
        if (*entry == 0) {
            const u64 page = take_page(pool);

            if (page == 0)
                return E_NOMEM;
            *entry = page | PTE_P | PTE_W; /* the leaves decide */
        }
        table = (u64 *)(*entry & PTE_ADDRESS);
    }

    u64 *entry = &table[virt / entry_len(level) % ENTRIES];

    if (*entry != 0)
        return E_EXIST;
    *entry = leaf(m, m->phys + done, level);
    return OK;
}

err_t tables_build(const struct mapping *list, u32 count, bool gib_pages, void *pool,
                   u64 pool_pages, u64 *root)
{
    struct pool p = {.next = (u64)pool, .end = (u64)pool + pool_pages * PAGE_SIZE};

    *root = take_page(&p);
    if (*root == 0)
        return E_NOMEM;
    for (u32 i = 0; i < count; i++) {
        const struct mapping *m = &list[i];

        for (u64 done = 0; done < m->len;) {
            const u32 level = level_for(m->virt + done, m->phys + done, m->len - done, gib_pages);

            TRY(map_one(&p, *root, m, done, level));
            done += entry_len(level);
        }
    }
    return OK;
}
