/* The instruction that exited, decoded.  What was decoded at the same place before is used again if
 * everything that led there is the same: registers, page-table entries, bytes. */
#pragma once
#include "lib/types.h"
#include "vmm/insn.h"

struct vcpu;

#define INSN_MEMOS  16u
#define WALK_LEVELS 5u

/* Of 64-bit code only: outside, segments and PDPTE registers would have to be compared, too. */
struct insn_memo {
    u64 rip; /* with code == NULL: empty */
    u64 cr3, efer, cs_ar;
    u32 levels; /* entries read on the way: 0 without paging */
    const u64 *entry[WALK_LEVELS];
    u64 value[WALK_LEVELS];
    const u8 *code; /* the bytes, in guest RAM: 16 of them in one page */
    u64 bytes[2];
    u64 mask[2]; /* the bytes that are the instruction's */
    struct insn insn;
};

/* E_PERM, E_NOENT, E_RANGE, E_IO: the bytes cannot be fetched; E_EXIST: they are others by now;
 * E_INVAL, E_NOTSUP: insn_decode().
 * *out: `space`, or a memo that lives until the vCPU's next exit. */
err_t insn_at_rip(struct vcpu *v, struct insn *space, const struct insn **out);
