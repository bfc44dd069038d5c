/* A cache of blocks over a disk: the modes of cache_mode.h.  It is a disk itself, and belongs to
 * one user: what a guest does with the memory of its requests reaches no other's data.
 *
 * Order.  Reads never wait for writes.  Writes, discards and flushes take effect in the order in
 * which they came, as far as the memory is concerned: one that has to wait (for a block of the
 * cache, for a block that is on its way to the disk) holds up those behind it.
 * - A flush is done when everything that was dirty has been written and the disk below has been
 * flushed. An error of any of these writes is the flush's; the blocks stay dirty and are tried
 * again.
 * - A read that has to go to the disk pins the blocks that it overlaps: what is newer in memory is
 *   there still when the disk's answer comes, and is laid over it.
 * - The memory keeps what a read brought only if nothing has changed those blocks since it was
 *   submitted.
 *
 * What is done at once is told by the next disk_poll(): call it after submitting.  Reset and stop
 * wait for what is in the cache, as the time-outs of the driver below bound it; stop also writes
 * back what is dirty.  A change of the mode needs a new cache.  Pure. */
#pragma once
#include "control/disk/cache_map.h"
#include "control/disk/cache_mode.h"
#include "control/disk/done_list.h"

#define CACHE_REQUESTS   32u
#define CACHE_WRITERS    4u
#define CACHE_RUN        16u      /* blocks that one writer takes */
#define CACHE_AGE_US     5000000u /* dirty for longer: is written back */
#define CACHE_READ_LIMIT 64u      /* blocks of one request: a bit for each */
#define CACHE_TIMES      64u

struct cache;

/* A request of the user. */
struct cache_job {
    struct disk_request below; /* what the disk below is asked for it */
    struct disk_request *whole;
    struct cache *cache;
    struct cache_job *next;
    u32 copied;    /* sectors of a write */
    u64 pinned;    /* bit n: the n-th block of a read */
    u64 submitted; /* cache->changes, then */
    bool begun;
    u64 failures; /* cache->failures when it began to wait */
};

struct cache_queue {
    struct cache_job *first, **end;
};

/* A run of blocks on its way to the disk. */
struct cache_writer {
    struct disk_request below;
    struct cache *cache;
    struct cache_block *block[CACHE_RUN];
    struct io_segment segment[CACHE_RUN];
    u32 blocks;
    bool busy;
};

struct cache_counts {
    u64 hits, misses; /* reads */
    u64 written_back; /* blocks */
    u64 held_up;      /* times that a request had to wait */
};

struct cache {
    struct disk disk;
    struct disk *below;
    enum cache_mode mode;
    struct cache_map map;
    struct io_segment memory;
    u32 sector_shift; /* sectors of a block: 1 << this */

    struct cache_job *free;
    struct cache_queue held;    /* in order: wait for blocks or for the disk below */
    struct cache_queue refused; /* their request did not fit into the disk below */
    u32 busy;                   /* jobs; */
    u32 asked;                  /*   of these, in the disk below */
    u32 barriers; /* discards and zeroes that are in the disk below: no write meanwhile */
    struct done_list done;
    void (*freed)(struct cache *c); /* a block is not on its way any more */

    u64 changes;                 /* counts changes of content */
    u64 changed_at[CACHE_TIMES]; /* by block number: `changes` at the last one */
    u64 failures;                /* of writing back */
    bool sick;                   /* the last one failed: the background waits for CACHE_AGE_US */
    struct cache_counts counts;

    struct cache_job job[CACHE_REQUESTS];
    struct cache_writer writer[CACHE_WRITERS];
};

/* The memory of a cache, the caller's: `data` has CACHE_BLOCK bytes for each block and can be
 * reached by the disk below. */
struct cache_memory {
    struct io_segment data;
    struct cache_block *block;
    struct cache_block **bucket;
    u32 blocks;  /* at least CACHE_BLOCKS_MIN */
    u32 buckets; /* a power of two */
    /* An earlier program has left it, with a cache of the same disk in it, whenever that was: what
     * was not written back goes on from there. */
    bool resumed;
};

/* E_INVAL: not enough memory, or sectors that are larger than a block. */
err_t cache_open(struct cache *c, struct disk *below, enum cache_mode mode,
                 const struct cache_memory *memory);
