/* MMIO instruction decoder: the short, fixed list of forms that an access to a
 * device register may use; everything else is refused.  Pure.
 * SDM Vol. 2, "Instruction Format". */
#pragma once
#include "lib/types.h"

#define INSN_MAX_LEN 15u

enum insn_op {
    INSN_MOV,
    INSN_MOVZX,
    INSN_MOVSX,
    INSN_AND,
    INSN_OR,
    INSN_XOR,
    INSN_ADD,
    INSN_SUB,
    INSN_CMP,
    INSN_TEST,
    INSN_XCHG,
    INSN_STOS,
    INSN_LODS,
    INSN_MOVS,
    INSN_BT
};

struct insn {
    enum insn_op op;
    u8 len;        /* bytes, prefixes included */
    u8 size;       /* of the memory operand: 1, 2, 4 or 8 bytes */
    u8 dest_size;  /* MOVZX/MOVSX: of the register; else as size */
    bool mem_dest; /* the memory operand is the first one (the destination, if there is one) */
    bool has_imm;
    bool lock, rep;
    bool high_byte;  /* 8-bit register is AH, CH, DH or BH: bits 15:8 of reg, which is then 0-3 */
    u8 reg;          /* register operand 0-15 in the processor's numbering (RAX 0, RCX 1, ...) */
    u64 imm;         /* sign-extended to the operand's size */
    u8 address_size; /* 2, 4 or 8 bytes */
    u8 segment;      /* of the memory operand: 0 ES, 1 CS, 2 SS, 3 DS, 4 FS, 5 GS */
};

/* mode: default operand/address size of the code segment in bits: 16, 32 or 64.
 * E_INVAL: truncated, longer than 15 bytes, or #UD for its LOCK; E_NOTSUP: not in the list, or
 * without a memory operand. */
err_t insn_decode(const u8 *bytes, size_t len, u32 mode, struct insn *out);

/* What the instruction does once the old memory value is known (reads of `size` bytes are
 * zero-extended). `reg` is the register operand's old 64-bit value, flags the old RFLAGS.
 * String instructions: one iteration; `reg` is RAX for STOS and LODS.  The caller steps rSI, rDI
 * and rCX.  `segment` is that of the source; the destination of MOVS and STOS is always at ES:rDI.
 * BT with a register: `mem` is the operand that the processor reaches by the bit offset. */
struct insn_effect {
    bool writes_mem, writes_reg;
    u64 mem;   /* new memory value (size bytes) */
    u64 reg;   /* new full 64-bit register value */
    u64 flags; /* new RFLAGS */
};
void insn_execute(const struct insn *insn, u64 mem, u64 reg, u64 flags, struct insn_effect *out);
