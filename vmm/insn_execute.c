/* What a decoded instruction computes: memory, register and flags.
 * SDM Vol. 1, "Status Flags"; Vol. 2, the instructions' "Flags Affected".  Pure. */
#include "vmm/insn.h"

#define CF          BIT(0)
#define PF          BIT(2)
#define AF          BIT(4)
#define ZF          BIT(6)
#define SF          BIT(7)
#define OF          BIT(11)
#define ARITH_FLAGS (CF | PF | AF | ZF | SF | OF)

static u64 mask_of(u32 size)
{
    return size >= 8 ? ~0ull : BIT(8 * size) - 1;
}

static u64 sign_of(u32 size)
{
    return BIT(8 * size - 1);
}

static u64 sign_extend(u64 value, u32 size)
{
    return value & sign_of(size) ? value | ~mask_of(size) : value & mask_of(size);
}

/* The source or destination register as an operand of `size` bytes. */
static u64 get_reg(const struct insn *i, u64 reg)
{
    return (i->high_byte ? reg >> 8 : reg) & mask_of(i->size);
}

/* A write of 4 bytes clears the upper half, one of 1 or 2 leaves the rest as it was. */
static inline __attribute__((always_inline)) u64 put_reg(const struct insn *i, u32 size, u64 old,
                                                         u64 value)
{
    if (size >= 4)
        return value & mask_of(size);
    if (i->high_byte)
        return (old & ~0xff00ull) | (value & 0xff) << 8;
    return (old & ~mask_of(size)) | (value & mask_of(size));
}

static u64 result_flags(u64 result, u32 size)
{
    const bool even = !__builtin_parity((u32)(result & 0xff));

    return (even ? PF : 0) | ((result & mask_of(size)) == 0 ? ZF : 0) |
           (result & sign_of(size) ? SF : 0);
}

/* Carry into bit 4 from the operands and the result alone; the same holds for a borrow. */
static u64 auxiliary(u64 a, u64 b, u64 result)
{
    return (a ^ b ^ result) & 0x10 ? AF : 0;
}

static u64 add_flags(u64 a, u64 b, u64 result, u32 size)
{
    return result_flags(result, size) | auxiliary(a, b, result) | (result < a ? CF : 0) |
           (~(a ^ b) & (a ^ result) & sign_of(size) ? OF : 0);
}

static u64 sub_flags(u64 a, u64 b, u64 result, u32 size)
{
    return result_flags(result, size) | auxiliary(a, b, result) | (a < b ? CF : 0) |
           ((a ^ b) & (a ^ result) & sign_of(size) ? OF : 0);
}

/* a OP b, both cut to the operand's size; logical operations leave AF undefined: cleared. */
static u64 alu(const struct insn *i, u64 a, u64 b, u64 *flags)
{
    const u64 mask = mask_of(i->size);
    u64 result;

    switch (i->op) {
    case INSN_ADD:
        result = (a + b) & mask;
        *flags = add_flags(a, b, result, i->size);
        return result;
    case INSN_SUB:
    case INSN_CMP:
        result = (a - b) & mask;
        *flags = sub_flags(a, b, result, i->size);
        return result;
    case INSN_OR: result = a | b; break;
    case INSN_XOR: result = a ^ b; break;
    default: result = a & b; break; /* AND, TEST */
    }
    *flags = result_flags(result, i->size);
    return result;
}

static void execute_alu(const struct insn *i, u64 mem, u64 reg, struct insn_effect *out)
{
    const u64 other = i->has_imm ? i->imm & mask_of(i->size) : get_reg(i, reg);
    u64 flags;
    const u64 result = alu(i, i->mem_dest ? mem : other, i->mem_dest ? other : mem, &flags);

    out->flags = (out->flags & ~ARITH_FLAGS) | flags;
    if (i->op == INSN_CMP || i->op == INSN_TEST)
        return;
    out->writes_mem = i->mem_dest;
    out->writes_reg = !i->mem_dest;
    if (i->mem_dest)
        out->mem = result;
    else
        out->reg = put_reg(i, i->size, reg, result);
}

static void store(struct insn_effect *out, u64 value)
{
    out->writes_mem = true;
    out->mem = value;
}

static inline __attribute__((always_inline)) void load(const struct insn *i,
                                                       struct insn_effect *out, u32 size, u64 value)
{
    out->writes_reg = true;
    out->reg = put_reg(i, size, out->reg, value);
}

void insn_execute(const struct insn *insn, u64 mem, u64 reg, u64 flags, struct insn_effect *out)
{
    const u64 old = mem & mask_of(insn->size);
    const u64 source = insn->has_imm ? insn->imm & mask_of(insn->size) : get_reg(insn, reg);

    *out = (struct insn_effect){.mem = old, .reg = reg, .flags = flags};
    switch (insn->op) {
    case INSN_MOV:
        if (insn->mem_dest)
            store(out, source);
        else
            load(insn, out, insn->size, old);
        return;
    case INSN_MOVZX: load(insn, out, insn->dest_size, old); return;
    case INSN_MOVSX: load(insn, out, insn->dest_size, sign_extend(old, insn->size)); return;
    case INSN_AND:
    case INSN_OR:
    case INSN_XOR:
    case INSN_ADD:
    case INSN_SUB:
    case INSN_CMP:
    case INSN_TEST: execute_alu(insn, old, reg, out); return;
    case INSN_XCHG:
        store(out, source);
        load(insn, out, insn->size, old);
        return;
    case INSN_STOS: store(out, source); return;
    case INSN_LODS: load(insn, out, insn->size, old); return;
    case INSN_MOVS: store(out, old); return;
    case INSN_BT: /* the processor has moved the address to the operand with the bit in it */
        out->flags = (flags & ~CF) | (old >> (source & (8u * insn->size - 1)) & 1 ? CF : 0);
        return;
    }
}
