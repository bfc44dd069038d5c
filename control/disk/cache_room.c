/* See cache_room.h. */
#include "control/disk/cache_room.h"
#include "control/memory.h"
#include "control/rt.h"

/* At most so much, and a part of what is free, so that it is enough for several guests. */
#define BYTES_MAX (16 * MiB)
#define PART      4u

static u32 power_of_two(u32 at_most)
{
    return 1u << (31 - (u32)__builtin_clz(at_most));
}

/* The blocks' content, what is known of them, and buckets. */
static u32 bytes_of(u32 blocks)
{
    return blocks * (u32)(CACHE_BLOCK + sizeof(struct cache_block)) +
           power_of_two(blocks) * (u32)sizeof(struct cache_block *);
}

static u32 pages_of(u32 blocks)
{
    return (u32)(ALIGN_UP((u64)bytes_of(blocks), PAGE_SIZE) / PAGE_SIZE);
}

static u32 blocks_for(const struct disk *below)
{
    const u64 of_disk = below->sectors * below->sector_size / CACHE_BLOCK + 1;
    const u64 of_free = memory_free() / PART / CACHE_BLOCK;

    return (u32)MAX(MIN(MIN(of_disk, of_free), BYTES_MAX / CACHE_BLOCK), CACHE_BLOCKS_MIN);
}

static void describe(const struct io_dma *room, u32 blocks, bool resumed,
                     struct cache_memory *memory)
{
    u8 *const block = (u8 *)room->at + (u64)blocks * CACHE_BLOCK;
    u8 *const bucket = block + blocks * sizeof(struct cache_block);

    *memory = (struct cache_memory){
        .data = {room->at, room->bus, blocks * CACHE_BLOCK},
        .block = (struct cache_block *)(void *)block,
        .bucket = (struct cache_block **)(void *)bucket,
        .blocks = blocks,
        .buckets = power_of_two(blocks),
        .resumed = resumed,
    };
}

/* False: there is none, or it is no cache's. */
static bool find(const char *name, struct io_dma *room, struct cache_memory *memory)
{
    const struct lasting_entry *const e = memory_lasting(name);

    if (!e)
        return false;
    if (e->word < CACHE_BLOCKS_MIN || e->word > BYTES_MAX / CACHE_BLOCK ||
        pages_of(e->word) != e->pages) {
        memory_pages_free((void *)e->at, e->pages);
        return false;
    }
    *room = (struct io_dma){(void *)e->at, e->at, bytes_of(e->word)};
    describe(room, e->word, true, memory);
    return true;
}

err_t cache_room_open(const char *name, const struct disk *below, struct io_dma *room,
                      struct cache_memory *memory)
{
    struct io_env *const env = below->env;
    u32 n = blocks_for(below);

    if (find(name, room, memory))
        return OK;
    /* Half as many if there are not so many in one piece. */
    while (env->ops->dma_alloc(env, bytes_of(n), CACHE_BLOCK, below->bus_last, room) != OK) {
        if (n == CACHE_BLOCKS_MIN)
            return E_NOMEM;
        n = MAX(n / 2, CACHE_BLOCKS_MIN);
    }
    describe(room, n, false, memory);
    if (memory_lasts(name, room->at, pages_of(n), n) != OK)
        say("%s: no place is left to keep its cache over a crash", name);
    return OK;
}
