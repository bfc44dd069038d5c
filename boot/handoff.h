/* The jump into hv.elf. */
#pragma once
#include "lib/types.h"

/* With interrupts off, the page tables at `root` (physical), the stack pointer `stack`, NX and
 * write protection on, goes to `entry` with `info` (physical) in RDI.  The page of this function
 * and the stack must be identity-mapped there. */
NORETURN void handoff(u64 info, u64 root, u64 entry, u64 stack);
