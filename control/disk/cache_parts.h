/* What the files of the cache share; for the cache alone.  Pure. */
#pragma once
#include "control/disk/cache.h"

static inline u64 cache_first(const struct cache *c, const struct disk_request *r)
{
    return r->sector >> c->sector_shift;
}

static inline u64 cache_last(const struct cache *c, const struct disk_request *r)
{
    return (r->sector + r->sectors - 1) >> c->sector_shift;
}

static inline u64 *cache_changed_at(struct cache *c, u64 number)
{
    return &c->changed_at[number % CACHE_TIMES];
}

/* The sectors of a block that a request covers. */
u8 cache_sectors_of(const struct cache *c, const struct disk_request *r, u64 number);

/* The lowest run of bits that are set. */
static inline u8 cache_run_of(u8 sectors)
{
    const u32 lowest = sectors & (0u - sectors);

    return (u8)(sectors & ~(sectors + lowest));
}

/* How many bits are set.  The compiler's own would be a function of its library, which control.elf
 * does not have. */
static inline u32 cache_count(u8 sectors)
{
    u32 n = 0;

    for (u32 i = 0; i < 8; i++)
        n += sectors >> i & 1;
    return n;
}

u8 *cache_data(const struct cache *c, const struct cache_block *b);
/* Copies sectors, all of which the request covers, between it and the block's memory. */
enum cache_copy { TO_REQUEST, FROM_REQUEST };
void cache_copy(const struct cache *c, const struct disk_request *r, const struct cache_block *b,
                u8 sectors, enum cache_copy direction);

/* cache_read.c.  A read that memory has all of: done at once.  Else the blocks that are there are
 * pinned until cache_read_end(), which has the disk's answer in the request's segments. */
bool cache_read_hit(struct cache *c, const struct disk_request *r);
void cache_read_begin(struct cache *c, struct cache_job *job);
void cache_read_end(struct cache *c, struct cache_job *job, enum io_result result);

/* cache_write.c.  Starts to write back a dirty block, and dirty ones behind it.  False: no writer
 * is free, or the disk below is full. */
bool cache_write_block(struct cache *c, struct cache_block *b);
bool cache_write_oldest(struct cache *c);
/* What nobody waits for: too much that is dirty, or for too long.  Returns when to call again. */
u64 cache_write_background(struct cache *c);
bool cache_writes(const struct cache *c); /* some are on their way */
