/* The guest's general registers while it does not run: what VMX does not switch. */
#pragma once
#include "lib/types.h"

enum greg { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

/* r[] is indexed by the processor's register numbers. r[RSP] is not used: the guest's
 * RSP is in the VMCS (GS_RSP). */
struct gregs {
    u64 r[16];
    u64 host_rsp;
};

/* EAX and its like: one load. */
static inline u32 greg32(const u64 *r, enum greg which)
{
    return *(const u32 *)(const void *)&r[which];
}
