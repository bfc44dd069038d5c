/* What tests write to a disk: blocks that say which one they are and which time they come from. */
#pragma once
#include "abi/virtio_blk.h"
#include "lib/types.h"

#define BLOCK_BYTES   4096u
#define BLOCK_WORDS   (BLOCK_BYTES / 8)
#define BLOCK_SECTORS (BLOCK_BYTES / VIRTIO_BLK_SECTOR)

/* Word i of a block that was written as the `time`-th; zeros before the first. */
static inline u64 block_word(u32 block, u32 time, u32 i)
{
    const u64 x = ((u64)time << 32 | block << 16 | i) * 0x9e3779b97f4a7c15ull;

    return time ? x ^ x >> 29 : 0;
}

static inline void block_fill(u64 *words, u32 block, u32 time)
{
    for (u32 i = 0; i < BLOCK_WORDS; i++)
        words[i] = block_word(block, time, i);
}

/* A disk's sum goes on with this block; tools/testing/kills.py computes the same. */
static inline u64 block_sum(u64 sum, u32 block, u32 time)
{
    for (u32 i = 0; i < BLOCK_WORDS; i++)
        sum = sum * 31 + block_word(block, time, i);
    return sum;
}
