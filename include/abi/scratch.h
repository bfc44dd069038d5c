/* A small device for tests of the boundary: the same registers as 36 ports and as a page of memory.
 *
 *   offset  bytes  what
 *   0x00    16     storage, any width
 *   0x10    4      how often this register was read, this time included
 *   0x14    4      SCRATCH_IDENT
 *   0x18    4      the control partition's life
 *   0x1c    4      write: a command (scratch_commands.def) in bits 7:0, its argument above; read:
 *                  the result of the last one
 *   0x20    4      doorbell of any width; its event counts at 0x24 (memory only)
 *   0x30    4      doorbell of 4 bytes with the value SCRATCH_BELL_VALUE; counts at 0x34 (memory
 *                  only)
 *   0x38    8      storage (memory only)
 * Other offsets read as 0 and take writes in silence. */
#pragma once
#include "lib/types.h"

#define SCRATCH_PORTS      0x5c0u /* 36 of them */
#define SCRATCH_PAGE       0xd0000000ull
#define SCRATCH_LINE       5u
#define SCRATCH_IDENT      0x4353544cu
#define SCRATCH_BELL_VALUE 7u
#define SCRATCH_STORAGE    0x00u
#define SCRATCH_READS      0x10u
#define SCRATCH_ID         0x14u
#define SCRATCH_LIFE       0x18u
#define SCRATCH_COMMAND    0x1cu
#define SCRATCH_BELL       0x20u
#define SCRATCH_RINGS      0x24u
#define SCRATCH_BELL_7     0x30u
#define SCRATCH_RINGS_7    0x34u
#define SCRATCH_WIDE       0x38u

enum scratch_command {
#define SCRATCH(number, name, text) SCRATCH_DO_##name = (number),
#include "abi/scratch_commands.def"
};
