/* The laboratory's guest code (guest.asm): one piece, position-independent. */
#pragma once
#include "lib/types.h"

extern const u8 lab_guest[], lab_guest_end[];

/* Series of samples of one operation.  In: RDI samples, EBP how many, R8 an address, R9D an MSR or
 * a port, R10D and R11D a value's halves; for the floor's stub R14 and R15 (enter.asm).  At the end
 * R15 is 1, and an OUT to LAB_END_PORT follows. */
#define LAB_END_PORT    0xf4u
#define LAB_BENCH(name) extern const u8 lab_bench_##name[];
#define LAB_CODE(name)  extern const u8 lab_code_##name[];
#include "vmm/lab/guest.def"

/* Where a label is from the beginning of the piece. */
static inline u32 lab_guest_offset(const u8 *label)
{
    return (u32)(label - lab_guest);
}
