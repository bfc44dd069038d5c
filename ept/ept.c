/* Extended page tables: map, unmap, protect, look up, visit.
 *
 * Every change is made in three steps: check the whole range, reserve every table
 * that it will need, commit with steps that cannot fail.  A processor may walk the
 * tables all the while: each linked entry changes by one aligned 64-bit store, and a
 * table is complete before the entry that leads to it is written, so that every page
 * has at any instant its old or its new translation and nothing else.
 *
 * Quarantine: a linked table stays linked, even when empty, until ept_destroy(),
 * before which the caller has flushed.  Their number is bounded by the range of
 * guest-physical addresses ever mapped, and by tables_left.
 *
 * SDM Vol. 3C, "The Extended Page Table Mechanism (EPT)": "EPT Translation
 * Mechanism", "EPT Misconfigurations".  Pure. */
#include "ept/ept.h"
#include "lib/atomic.h"

#define ENTRIES   512u
#define ROOT      3u /* the level of the root's entries: 0 is 4 KiB */
#define LARGE     BIT(7)
#define ATTR_MASK 0x3full               /* R, W, X and memory type */
#define ADDR_MASK 0x000ffffffffff000ull /* 51:12 */

struct pool { /* reserved tables, chained through their first entry */
    u64 *first;
};

static u64 span(u32 level)
{
    return PAGE_SIZE << (9 * level);
}

static u64 slot(u64 gpa, u32 level)
{
    return gpa / span(level) % ENTRIES;
}

static bool present(u64 entry)
{
    return (entry & EPT_RWX) != 0;
}

static bool is_leaf(u64 entry, u32 level)
{
    return present(entry) && (level == 0 || (entry & LARGE));
}

static bool is_table(u64 entry, u32 level)
{
    return present(entry) && !is_leaf(entry, level);
}

static u64 make_leaf(u64 hpa, u64 attr, u32 level)
{
    return hpa | attr | (level ? LARGE : 0);
}

static u64 leaf_base(u64 entry, u32 level)
{
    return entry & ADDR_MASK & ~(span(level) - 1);
}

static u64 *table_of(const struct ept *e, u64 entry)
{
    return e->to_virt(e->ctx, entry & ADDR_MASK);
}

/* First address that an EPT of four levels and this processor's address width cannot translate. */
static u64 gpa_limit(const struct ept *e)
{
    return BIT(MIN(e->phys_bits, 48));
}

static bool range_ok(u64 base, u64 len, u64 limit)
{
    return base <= limit && len <= limit - base;
}

/* What could be an EPT misconfiguration is refused here, once. */
static bool attr_ok(const struct ept *e, u32 attr)
{
    const u32 type = attr & ~(u32)EPT_RWX;

    if (!(attr & EPT_R) && !(e->exec_only && (attr & EPT_RWX) == EPT_X))
        return false;
    return type == EPT_UC || type == EPT_WC || type == EPT_WT || type == EPT_WP || type == EPT_WB;
}

/* The entry at which the walk for gpa ends: a leaf, or one that is not present. */
static u64 *walk(const struct ept *e, u64 gpa, u32 *level)
{
    u64 *entry = &e->root[slot(gpa, ROOT)];
    u32 at = ROOT;

    while (at > 0 && is_table(*entry, at)) {
        at--;
        entry = &table_of(e, *entry)[slot(gpa, at)];
    }
    *level = at;
    return entry;
}

/* ---------------------------------------------------------------- reserve */

static u64 *pool_take(struct pool *pool)
{
    u64 *table = pool->first;

    if (!table) /* the check counted what the commit takes */
        __builtin_trap();
    pool->first = (u64 *)(uintptr_t)table[0];
    table[0] = 0;
    return table;
}

/* All `count` tables or none. */
static err_t pool_fill(struct ept *e, struct pool *pool, u64 count)
{
    pool->first = NULL;
    if (count > e->tables_left)
        return E_NOMEM;
    for (u64 i = 0; i < count; i++) {
        u64 *table = e->page_alloc(e->ctx);
        if (!table) {
            while (pool->first) /* no processor has seen these: no flush needed */
                e->page_free(e->ctx, pool_take(pool));
            return E_NOMEM;
        }
        table[0] = (u64)(uintptr_t)pool->first;
        pool->first = table;
    }
    e->tables_left -= count;
    return OK;
}

static void link_table(const struct ept *e, u64 *entry, const u64 *table)
{
    store_release(entry, e->to_phys(e->ctx, table) | EPT_RWX);
}

/* ---------------------------------------------------------------- map */

/* The largest leaf with which a mapping of len bytes can begin. */
static u32 best_level(const struct ept *e, u64 gpa, u64 hpa, u64 len)
{
    u32 level = e->max_leaf;

    while (level && (!IS_ALIGNED(gpa | hpa, span(level)) || len < span(level)))
        level--;
    return level;
}

/* Level of the first leaf of a mapping, given where the walk for gpa ends: a table
 * that is in the way of a large leaf makes the leaf smaller. */
static u32 leaf_level(const struct ept *e, u64 gpa, u64 hpa, u64 len, u32 end_of_walk)
{
    return MIN(best_level(e, gpa, hpa, len), end_of_walk);
}

/* E_EXIST, or the number of tables that the mapping will need. */
static err_t map_check(const struct ept *e, u64 gpa, u64 hpa, u64 len, u64 *tables)
{
    u64 counted[ROOT] = {~0ull, ~0ull, ~0ull}; /* per level: the last missing table, by number */

    *tables = 0;
    while (len) {
        u32 end;
        if (present(*walk(e, gpa, &end)))
            return E_EXIST;
        const u32 leaf = leaf_level(e, gpa, hpa, len, end);
        for (u32 level = leaf; level < end; level++) {
            const u64 number = gpa / span(level + 1);
            *tables += counted[level] != number;
            counted[level] = number;
        }
        gpa += span(leaf), hpa += span(leaf), len -= span(leaf);
    }
    return OK;
}

static void map_commit(struct ept *e, u64 gpa, u64 hpa, u64 len, u32 attr, struct pool *pool)
{
    while (len) {
        u32 level;
        u64 *entry = walk(e, gpa, &level);
        const u32 leaf = leaf_level(e, gpa, hpa, len, level);

        while (level > leaf) {
            u64 *table = pool_take(pool);
            link_table(e, entry, table);
            entry = &table[slot(gpa, --level)];
        }
        store_release(entry, make_leaf(hpa, attr, leaf));
        gpa += span(leaf), hpa += span(leaf), len -= span(leaf);
    }
}

err_t ept_map(struct ept *e, gpa_t gpa, hpa_t hpa, u64 len, u32 attr)
{
    struct pool pool;
    u64 tables;

    if (!IS_ALIGNED(gpa.v | hpa.v | len, PAGE_SIZE) || !attr_ok(e, attr))
        return E_INVAL;
    if (!range_ok(gpa.v, len, gpa_limit(e)) || !range_ok(hpa.v, len, BIT(e->phys_bits)))
        return E_RANGE;
    TRY(map_check(e, gpa.v, hpa.v, len, &tables));
    TRY(pool_fill(e, &pool, tables));
    map_commit(e, gpa.v, hpa.v, len, attr, &pool);
    return OK;
}

/* ---------------------------------------------------------------- unmap, protect */

/* Levels of the tables that must be made for a leaf to end at `gpa`: [from, to).
 * None if it does already, or if the leaf is not going to change. */
struct cut {
    u32 from, to;
};

static struct cut cut_at(const struct ept *e, u64 gpa, u64 attr)
{
    struct cut cut = {0, 0};

    if (gpa >= gpa_limit(e))
        return cut;
    const u64 entry = *walk(e, gpa, &cut.to);
    if (!present(entry) || (entry & ATTR_MASK) == attr)
        return (struct cut){0, 0};
    cut.from = cut.to;
    while (cut.from > 0 && !IS_ALIGNED(gpa, span(cut.from)))
        cut.from--;
    return cut;
}

/* Tables needed to change exactly [gpa, gpa + len): only leaves across an edge are split. */
static u64 change_check(const struct ept *e, u64 gpa, u64 len, u64 attr)
{
    const u64 end = gpa + len;
    const struct cut low = cut_at(e, gpa, attr), high = cut_at(e, end, attr);
    u64 tables = low.to - low.from;

    for (u32 level = high.from; level < high.to; level++) {
        const bool same_table = gpa / span(level + 1) == end / span(level + 1);
        tables += !(same_table && level >= low.from && level < low.to);
    }
    return tables;
}

/* Replaces a large leaf by a table of the next smaller leaves: the same translation. */
static void split(const struct ept *e, u64 *entry, u32 level, struct pool *pool)
{
    u64 *table = pool_take(pool);
    const u32 below = level - 1;
    const u64 base = leaf_base(*entry, level), attr = *entry & ATTR_MASK;

    for (u64 i = 0; i < ENTRIES; i++)
        table[i] = make_leaf(base + i * span(below), attr, below);
    link_table(e, entry, table);
}

static void change_commit(struct ept *e, u64 gpa, u64 len, u64 attr, struct pool *pool)
{
    while (len) {
        u32 level;
        u64 *entry = walk(e, gpa, &level);
        const u64 step = MIN(len, span(level) - (gpa & (span(level) - 1)));

        if (present(*entry) && (*entry & ATTR_MASK) != attr) {
            e->stale = true;
            if (step < span(level)) {
                split(e, entry, level, pool);
                continue;
            }
            store_release(entry, attr ? make_leaf(leaf_base(*entry, level), attr, level) : 0);
        }
        gpa += step, len -= step;
    }
}

/* attr 0: unmap */
static err_t change(struct ept *e, u64 gpa, u64 len, u32 attr)
{
    struct pool pool;

    if (!IS_ALIGNED(gpa | len, PAGE_SIZE))
        return E_INVAL;
    if (!range_ok(gpa, len, gpa_limit(e)))
        return E_RANGE;
    if (len == 0)
        return OK;
    TRY(pool_fill(e, &pool, change_check(e, gpa, len, attr)));
    change_commit(e, gpa, len, attr, &pool);
    return OK;
}

err_t ept_unmap(struct ept *e, gpa_t gpa, u64 len)
{
    return change(e, gpa.v, len, 0);
}

err_t ept_protect(struct ept *e, gpa_t gpa, u64 len, u32 attr)
{
    return attr_ok(e, attr) ? change(e, gpa.v, len, attr) : E_INVAL;
}

/* ---------------------------------------------------------------- look up, visit */

static struct ept_leaf describe(u64 entry, u32 level, u64 within)
{
    return (struct ept_leaf){
        .hpa = {leaf_base(entry, level) + within},
        .attr = (u32)(entry & ATTR_MASK),
        .level = (u8)level,
    };
}

err_t ept_lookup(const struct ept *e, gpa_t gpa, struct ept_leaf *out)
{
    u32 level;

    if (gpa.v >= gpa_limit(e))
        return E_NOENT;
    const u64 entry = *walk(e, gpa.v, &level);
    if (!present(entry))
        return E_NOENT;
    *out = describe(entry, level, gpa.v & (span(level) - 1));
    return OK;
}

bool ept_for_each(const struct ept *e,
                  bool (*visit)(void *arg, gpa_t gpa, const struct ept_leaf *leaf), void *arg)
{
    u32 level;

    for (u64 gpa = 0; gpa < gpa_limit(e); gpa += span(level)) {
        const u64 entry = *walk(e, gpa, &level);
        if (!present(entry))
            continue;
        const struct ept_leaf leaf = describe(entry, level, 0);
        if (!visit(arg, (gpa_t){gpa}, &leaf))
            return false;
    }
    return true;
}

/* Tables in post-order, so that whoever frees them never reads a freed one. */
struct table_cursor {
    u64 *table[ROOT + 1]; /* the path from the root, by level */
    u32 next[ROOT + 1];   /* entry to look at next; ENTRIES: the table itself is due */
    u32 level;            /* > ROOT: done */
};

static struct table_cursor first_table(const struct ept *e)
{
    struct table_cursor c = {.level = ROOT};

    c.table[ROOT] = e->root;
    return c;
}

static u64 *next_table(const struct ept *e, struct table_cursor *c)
{
    while (c->level <= ROOT) {
        const u32 level = c->level;
        if (level == 0 || c->next[level] == ENTRIES) {
            c->level++;
            return c->table[level];
        }
        const u64 entry = c->table[level][c->next[level]++];
        if (is_table(entry, level)) {
            c->level--;
            c->table[c->level] = table_of(e, entry);
            c->next[c->level] = 0;
        }
    }
    return NULL;
}

bool ept_for_each_table(const struct ept *e, bool (*visit)(void *arg, const u64 *table), void *arg)
{
    struct table_cursor c = first_table(e);

    for (const u64 *table; (table = next_table(e, &c));)
        if (!visit(arg, table))
            return false;
    return true;
}

/* ---------------------------------------------------------------- life */

err_t ept_init(struct ept *e)
{
    if (e->max_leaf > 2 || e->phys_bits < 32 || e->phys_bits > 52)
        return E_INVAL;
    e->stale = false;
    e->root = e->page_alloc(e->ctx);
    return e->root ? OK : E_NOMEM;
}

void ept_destroy(struct ept *e)
{
    struct table_cursor c = first_table(e);

    for (u64 *table; (table = next_table(e, &c));)
        e->page_free(e->ctx, table);
    e->root = NULL;
}
