/* The call of hv.elf for the laboratory. */
#pragma once
#include "lib/types.h"

/* Like handoff(), but hv.elf comes back: by a RET on `stack`, with the tables at `root` loaded, out
 * of VMX operation.  Control registers, descriptor tables, segments, and the MSRs PAT, EFER,
 * FS_BASE and GS_BASE are then as before; cpu_state.h has the rest.  Meanwhile the local APIC
 * delivers nothing but NMIs and what an 8259 sends.  The page of this function and the stack must
 * be identity-mapped at `root`. */
void lab_call(u64 info, u64 root, u64 entry, u64 stack);
