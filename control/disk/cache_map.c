/* See cache_map.h.  Pure. */
#include "control/disk/cache_map.h"
#include "lib/atomic.h"

/* ------------------------------------------------------------ lists, buckets */

static void list_init(struct cache_list *l)
{
    l->head.before = l->head.after = &l->head;
}

static void list_remove(struct cache_block *b)
{
    b->before->after = b->after;
    b->after->before = b->before;
}

static void list_append(struct cache_list *l, struct cache_block *b)
{
    b->after = &l->head;
    b->before = l->head.before;
    b->before->after = b;
    l->head.before = b;
}

static struct cache_block **bucket_of(const struct cache_map *m, u64 number)
{
    /* Neighbours go to different buckets; the multiplier spreads strides. */
    return &m->bucket[(number ^ (number >> 16) * 0x9e3779b1u) & (m->buckets - 1)];
}

static void unname(struct cache_map *m, struct cache_block *b)
{
    struct cache_block **at = bucket_of(m, b->number);

    while (*at != b)
        at = &(*at)->same_bucket;
    *at = b->same_bucket;
    b->named = false;
}

/* ------------------------------------------------------------ what the cache asks for */

void cache_map_init(struct cache_map *m, struct cache_block *block, u32 blocks,
                    struct cache_block **bucket, u32 buckets)
{
    *m = (struct cache_map){.block = block, .bucket = bucket, .blocks = blocks, .buckets = buckets};
    list_init(&m->clean);
    list_init(&m->unwritten);
    for (u32 i = 0; i < buckets; i++)
        bucket[i] = NULL;
    for (u32 i = 0; i < blocks; i++) {
        block[i] = (struct cache_block){0};
        list_append(&m->clean, &block[i]);
    }
}

static void name(struct cache_map *m, struct cache_block *b, u64 number)
{
    struct cache_block **const bucket = bucket_of(m, number);

    b->number = number;
    b->named = true;
    b->valid = 0;
    b->same_bucket = *bucket;
    *bucket = b;
}

void cache_map_resume(struct cache_map *m, struct cache_block *block, u32 blocks,
                      struct cache_block **bucket, u32 buckets, u64 end, u8 sectors)
{
    *m = (struct cache_map){.block = block, .bucket = bucket, .blocks = blocks, .buckets = buckets};
    list_init(&m->clean);
    list_init(&m->unwritten);
    for (u32 i = 0; i < buckets; i++)
        bucket[i] = NULL;
    for (u32 i = 0; i < blocks; i++) {
        struct cache_block *const b = &block[i];
        const u8 dirty = (b->dirty | b->writing) & sectors;
        const u64 number = b->number;

        *b = (struct cache_block){0};
        list_append(&m->clean, b);
        if (!dirty || number >= end || cache_map_find(m, number))
            continue;
        name(m, b, number);
        cache_map_dirty(m, b, dirty, 0);
    }
}

struct cache_block *cache_map_find(const struct cache_map *m, u64 number)
{
    struct cache_block *b = *bucket_of(m, number);

    while (b && b->number != number)
        b = b->same_bucket;
    return b;
}

struct cache_block *cache_map_take(struct cache_map *m, u64 number)
{
    struct cache_block *b = m->clean.head.after;

    while (b != &m->clean.head && b->pins)
        b = b->after;
    if (b == &m->clean.head)
        return NULL;
    if (b->named)
        unname(m, b);
    name(m, b, number);
    cache_map_used(m, b);
    return b;
}

void cache_map_used(struct cache_map *m, struct cache_block *b)
{
    if (b->dirty || b->writing)
        return;
    list_remove(b);
    list_append(&m->clean, b);
}

void cache_map_dirty(struct cache_map *m, struct cache_block *b, u8 sectors, u64 now)
{
    if (!b->dirty) {
        b->since = now;
        m->dirty++;
        list_remove(b);
        list_append(&m->unwritten, b);
    }
    b->valid |= sectors;
    store_release(&b->dirty, b->dirty | sectors); /* after number and content */
}

void cache_map_write_begin(struct cache_map *m, struct cache_block *b, u8 sectors)
{
    (void)m;
    list_remove(b);
    WRITE_ONCE(b->writing, sectors); /* at no moment is it neither of the two */
    WRITE_ONCE(b->dirty, b->dirty & (u8)~sectors);
}

void cache_map_write_end(struct cache_map *m, struct cache_block *b, bool written, u64 now)
{
    if (!written)
        WRITE_ONCE(b->dirty, b->dirty | b->writing);
    WRITE_ONCE(b->writing, 0);
    if (b->dirty) {
        b->since = now;
        list_append(&m->unwritten, b);
    } else {
        m->dirty--;
        list_append(&m->clean, b);
    }
}

void cache_map_forget(struct cache_block *b, u8 sectors)
{
    b->valid &= (u8)~sectors;
}

struct cache_block *cache_map_oldest_dirty(const struct cache_map *m)
{
    return m->unwritten.head.after == &m->unwritten.head ? NULL : m->unwritten.head.after;
}
