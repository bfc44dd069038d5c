/* What the fuzzers of drivers share: the input as a stream, and a device that writes what it likes
 * into DMA memory. */
#pragma once
#include "tools/unit/fake_io.h"

struct fuzz_input {
    const u8 *at, *end;
};

/* Zeros when the input is over. */
static inline u32 fuzz_take(struct fuzz_input *in, u32 bytes)
{
    u32 value = 0;

    for (u32 i = 0; i < bytes && in->at < in->end; i++)
        value |= (u32)*in->at++ << (8 * i);
    return value;
}

/* Some bytes somewhere in the driver's memory. */
static inline void fuzz_scribble(struct fake_io *io, struct fuzz_input *in)
{
    if (io->blocks == 0)
        return;

    const struct io_dma *block = &io->block[fuzz_take(in, 1) % io->blocks];
    const u32 offset = fuzz_take(in, 3) % block->len;
    const u32 len = 1 + fuzz_take(in, 1) % 16;

    for (u32 i = 0; i < MIN(len, block->len - offset); i++)
        ((u8 *)block->at)[offset + i] = (u8)fuzz_take(in, 1);
}
