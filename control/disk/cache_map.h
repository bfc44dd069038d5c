/* The blocks of a cache: which block of the disk is in which piece of memory, which of its sectors
 * are there, and which of these are newer than the disk's.  Pure. */
#pragma once
#include "lib/types.h"

#define CACHE_BLOCK      4096u /* bytes */
#define CACHE_BLOCKS_MIN 16u

struct cache_block {
    u64 number; /* of CACHE_BLOCK bytes of the disk, from its beginning */
    u32 pins;   /* reads that need what is in it */
    u8 valid;   /* a bit for each sector: here; */
    u8 dirty;   /*   of these: newer than below, and nobody writes them back; */
    u8 writing; /*   on their way to the disk below: they must not change */
    bool named; /* `number` counts, and it is in a bucket */
    u64 since;  /* when it became dirty: the cache's clock */
    struct cache_block *same_bucket;
    struct cache_block *before, *after; /* in one of the lists, none while `writing` */
};

/* A ring with a head. */
struct cache_list {
    struct cache_block head;
};

struct cache_map {
    struct cache_block *block;
    struct cache_block **bucket;
    u32 blocks, buckets;
    u32 dirty;                          /* blocks that are dirty or on their way */
    struct cache_list clean, unwritten; /* least recently used first; dirty for the longest first */
};

/* `buckets` is a power of two.  All memory is the caller's. */
void cache_map_init(struct cache_map *m, struct cache_block *block, u32 blocks,
                    struct cache_block **bucket, u32 buckets);
/* The same with blocks that a program before this one has left in the middle of anything: what was
 * dirty or on its way is dirty.  Numbers are below `end`, sectors are among `sectors`: what is not
 * so is no block's. */
void cache_map_resume(struct cache_map *m, struct cache_block *block, u32 blocks,
                      struct cache_block **bucket, u32 buckets, u64 end, u8 sectors);

/* The block of that number; NULL: not here. */
struct cache_block *cache_map_find(const struct cache_map *m, u64 number);

/* A block for a number that is not here: nothing valid in it.  NULL: all are dirty, on their way,
 * or pinned. */
struct cache_block *cache_map_take(struct cache_map *m, u64 number);

/* It was used: of the clean ones it goes last. */
void cache_map_used(struct cache_map *m, struct cache_block *b);

/* Sectors have got newer content. */
void cache_map_dirty(struct cache_map *m, struct cache_block *b, u8 sectors, u64 now);

/* Dirty sectors go to the disk; afterwards they are clean, or dirty again, as of now: others are
 * tried first. */
void cache_map_write_begin(struct cache_map *m, struct cache_block *b, u8 sectors);
void cache_map_write_end(struct cache_map *m, struct cache_block *b, bool written, u64 now);

/* Forgets clean sectors. */
void cache_map_forget(struct cache_block *b, u8 sectors);

/* The block that has been dirty for the longest time; NULL: none. */
struct cache_block *cache_map_oldest_dirty(const struct cache_map *m);
