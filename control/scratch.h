/* The registers of the test device (abi/scratch.h).  Pure: what a command asks for is done by its
 * owner. */
#pragma once
#include "abi/scratch.h"

struct scratch {
    u8 storage[16];
    u8 wide[8];
    u32 reads, life, result;
    u32 rings[2];
};

void scratch_reset(struct scratch *s, u32 life);
/* bytes: 1, 2, 4, 8. */
u64 scratch_read(struct scratch *s, u64 offset, u32 bytes);
/* The command that was written; 0: none. */
u32 scratch_write(struct scratch *s, u64 offset, u32 bytes, u64 value);
