/* What is left of a fuzzer's input, byte by byte; zeros when it is used up. */
#pragma once
#include "lib/types.h"

static const u8 *input;
static size_t input_left;

static u8 next(void)
{
    if (input_left == 0)
        return 0;
    input_left--;
    return *input++;
}

static inline u16 next16(void)
{
    const u8 low = next();

    return (u16)(low | next() << 8);
}

static inline u32 next32(void)
{
    const u32 low = next16();

    return low | (u32)next16() << 16;
}
