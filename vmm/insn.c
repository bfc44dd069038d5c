/* MMIO instruction decoder: prefixes, opcode, ModRM, immediate, each from one cursor that
 * cannot leave the bytes given.  A form without a row in the table is refused.
 * SDM Vol. 2A, "Instruction Format"; Vol. 2D, "Opcode Map".  Pure. */
#include "vmm/insn.h"

enum { ES, CS, SS, DS, FS, GS, NO_SEGMENT };
enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };
enum { REG_SP = 4, REG_BP = 5 };

enum form {
    FORM_MR,    /* memory is the destination, ModRM.reg the source */
    FORM_RM,    /* ModRM.reg is the destination, memory the source */
    FORM_MI,    /* memory and an immediate of the operand's size, 4 bytes at most */
    FORM_MI8,   /* memory and an 8-bit immediate */
    FORM_MOFFS, /* accumulator from absolute address */
    FORM_TO_MOFFS,
    FORM_STRING,
};

enum width { BYTE, WORD, DWORD, FULL }; /* of memory; FULL: the operand size */

#define ANY     0xff /* ModRM.reg is a register, not an opcode extension */
#define TWO(op) (0x0f00 | (op))

// clang-format off
#define ALU(base, ext, op, lockable) \
    { (base) + 0,  ANY, op, FORM_MR,  BYTE, lockable }, \
    { (base) + 1,  ANY, op, FORM_MR,  FULL, lockable }, \
    { (base) + 2,  ANY, op, FORM_RM,  BYTE, false    }, \
    { (base) + 3,  ANY, op, FORM_RM,  FULL, false    }, \
    { 0x80,        ext, op, FORM_MI,  BYTE, lockable }, \
    { 0x81,        ext, op, FORM_MI,  FULL, lockable }, \
    { 0x83,        ext, op, FORM_MI8, FULL, lockable }

/* THE instruction table. */
static const struct row {
    u16 opcode;
    u8 ext;
    u8 op, form, width;
    bool lockable;
} rows[] = {
    /* opcode     ext  operation   form           width  LOCK */
    { 0x88,       ANY, INSN_MOV,   FORM_MR,       BYTE,  false },
    { 0x89,       ANY, INSN_MOV,   FORM_MR,       FULL,  false },
    { 0x8a,       ANY, INSN_MOV,   FORM_RM,       BYTE,  false },
    { 0x8b,       ANY, INSN_MOV,   FORM_RM,       FULL,  false },
    { 0xa0,       ANY, INSN_MOV,   FORM_MOFFS,    BYTE,  false },
    { 0xa1,       ANY, INSN_MOV,   FORM_MOFFS,    FULL,  false },
    { 0xa2,       ANY, INSN_MOV,   FORM_TO_MOFFS, BYTE,  false },
    { 0xa3,       ANY, INSN_MOV,   FORM_TO_MOFFS, FULL,  false },
    { 0xc6,       0,   INSN_MOV,   FORM_MI,       BYTE,  false },
    { 0xc7,       0,   INSN_MOV,   FORM_MI,       FULL,  false },
    { TWO(0xb6),  ANY, INSN_MOVZX, FORM_RM,       BYTE,  false },
    { TWO(0xb7),  ANY, INSN_MOVZX, FORM_RM,       WORD,  false },
    { TWO(0xbe),  ANY, INSN_MOVSX, FORM_RM,       BYTE,  false },
    { TWO(0xbf),  ANY, INSN_MOVSX, FORM_RM,       WORD,  false },
    { 0x63,       ANY, INSN_MOVSX, FORM_RM,       DWORD, false },
    ALU(0x00,     0,   INSN_ADD,                         true  ),
    ALU(0x08,     1,   INSN_OR,                          true  ),
    ALU(0x20,     4,   INSN_AND,                         true  ),
    ALU(0x28,     5,   INSN_SUB,                         true  ),
    ALU(0x30,     6,   INSN_XOR,                         true  ),
    ALU(0x38,     7,   INSN_CMP,                         false ),
    { 0x84,       ANY, INSN_TEST,  FORM_MR,       BYTE,  false },
    { 0x85,       ANY, INSN_TEST,  FORM_MR,       FULL,  false },
    { 0xf6,       0,   INSN_TEST,  FORM_MI,       BYTE,  false },
    { 0xf7,       0,   INSN_TEST,  FORM_MI,       FULL,  false },
    { 0x86,       ANY, INSN_XCHG,  FORM_MR,       BYTE,  true  },
    { 0x87,       ANY, INSN_XCHG,  FORM_MR,       FULL,  true  },
    { 0xa4,       ANY, INSN_MOVS,  FORM_STRING,   BYTE,  false },
    { 0xa5,       ANY, INSN_MOVS,  FORM_STRING,   FULL,  false },
    { 0xaa,       ANY, INSN_STOS,  FORM_STRING,   BYTE,  false },
    { 0xab,       ANY, INSN_STOS,  FORM_STRING,   FULL,  false },
    { 0xac,       ANY, INSN_LODS,  FORM_STRING,   BYTE,  false },
    { 0xad,       ANY, INSN_LODS,  FORM_STRING,   FULL,  false },
    { TWO(0xa3),  ANY, INSN_BT,    FORM_MR,       FULL,  false },
    { TWO(0xba),  4,   INSN_BT,    FORM_MI8,      FULL,  false },
};
// clang-format on

struct cursor {
    const u8 *bytes;
    u32 len, at;
    u32 mode;
    u8 rex;
    u8 segment; /* override, or NO_SEGMENT */
    bool operand_prefix, address_prefix, lock, rep, repne;
};

static err_t peek(const struct cursor *c, u8 *byte)
{
    if (c->at >= c->len)
        return E_INVAL;
    *byte = c->bytes[c->at];
    return OK;
}

static err_t take(struct cursor *c, u8 *byte)
{
    TRY(peek(c, byte));
    c->at++;
    return OK;
}

static err_t skip(struct cursor *c, u32 count)
{
    if (count > c->len - c->at)
        return E_INVAL;
    c->at += count;
    return OK;
}

/* ---------------------------------------------------------------- prefixes */

/* 64-bit mode ignores the overrides of the segments that it treats as flat. */
static void override_segment(struct cursor *c, u8 segment)
{
    if (c->mode != 64 || segment >= FS)
        c->segment = segment;
}

static bool legacy_prefix(struct cursor *c, u8 byte)
{
    switch (byte) {
    case 0x26: override_segment(c, ES); return true;
    case 0x2e: override_segment(c, CS); return true;
    case 0x36: override_segment(c, SS); return true;
    case 0x3e: override_segment(c, DS); return true;
    case 0x64: override_segment(c, FS); return true;
    case 0x65: override_segment(c, GS); return true;
    case 0x66: c->operand_prefix = true; return true;
    case 0x67: c->address_prefix = true; return true;
    case 0xf0: c->lock = true; return true;
    case 0xf2: c->repne = true; return true;
    case 0xf3: c->rep = true; return true;
    default: return false;
    }
}

/* A REX prefix counts only right before the opcode. */
static err_t take_prefixes(struct cursor *c)
{
    u8 byte;

    for (;;) {
        TRY(peek(c, &byte));
        if (c->mode == 64 && (byte & 0xf0) == 0x40)
            c->rex = byte;
        else if (legacy_prefix(c, byte))
            c->rex = 0;
        else
            return OK;
        c->at++;
    }
}

static u8 operand_size(const struct cursor *c)
{
    if (c->rex & REX_W)
        return 8;
    return (c->mode == 16) != c->operand_prefix ? 2 : 4;
}

static u8 address_size(const struct cursor *c)
{
    if (c->mode == 64)
        return c->address_prefix ? 4 : 8;
    return (c->mode == 16) != c->address_prefix ? 2 : 4;
}

/* ---------------------------------------------------------------- opcode */

/* The cursor stands behind the opcode: the extension, if there is one, is in the next byte. */
static err_t find_row(struct cursor *c, const struct row **out)
{
    u16 opcode;
    u8 byte, modrm = 0;

    TRY(take(c, &byte));
    opcode = byte;
    if (byte == 0x0f) {
        TRY(take(c, &byte));
        opcode = TWO(byte);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].opcode != opcode)
            continue;
        if (rows[i].ext != ANY)
            TRY(peek(c, &modrm));
        if (rows[i].ext == ANY || rows[i].ext == ((modrm >> 3) & 7)) {
            *out = &rows[i];
            return OK;
        }
    }
    return E_NOTSUP;
}

/* ---------------------------------------------------------------- ModRM */

/* 16-bit addressing: [BX+SI] [BX+DI] [BP+SI] [BP+DI] [SI] [DI] [BP] [BX] */
static err_t skip_address16(struct cursor *c, u8 mod, u8 rm, u8 *segment)
{
    const bool absolute = mod == 0 && rm == 6;

    *segment = rm == 2 || rm == 3 || (rm == 6 && !absolute) ? SS : DS;
    return skip(c, absolute ? 2 : mod);
}

/* 32- and 64-bit addressing: an SIB byte if rm says so, a displacement if mod or base does. */
static err_t skip_address32(struct cursor *c, u8 mod, u8 rm, u8 *segment)
{
    static const u8 displacement[] = {0, 1, 4};
    u8 base = rm;

    if (rm == REG_SP) {
        TRY(take(c, &base));
        base &= 7;
    }
    const bool absolute = mod == 0 && base == REG_BP; /* or relative to RIP */
    const bool stack = (base == REG_SP || base == REG_BP) && !absolute && !(c->rex & REX_B);
    *segment = stack ? SS : DS;
    return skip(c, absolute ? 4 : displacement[mod]);
}

static err_t take_modrm(struct cursor *c, struct insn *out)
{
    u8 modrm;

    TRY(take(c, &modrm));
    const u8 mod = modrm >> 6, rm = modrm & 7;
    out->reg = (u8)(((modrm >> 3) & 7) | (c->rex & REX_R ? 8 : 0));
    if (mod == 3)
        return E_NOTSUP; /* no memory operand */
    if (out->address_size == 2)
        return skip_address16(c, mod, rm, &out->segment);
    return skip_address32(c, mod, rm, &out->segment);
}

/* ---------------------------------------------------------------- immediate */

static u64 low_bytes(u64 value, u32 size)
{
    return size >= 8 ? value : value & (BIT(8 * size) - 1);
}

/* `count` bytes (1, 2 or 4), sign-extended and cut to the operand's size. */
static err_t take_immediate(struct cursor *c, u32 count, struct insn *out)
{
    u64 value = 0;
    u8 byte;

    for (u32 i = 0; i < count; i++) {
        TRY(take(c, &byte));
        value |= (u64)byte << (8 * i);
    }
    if (value >> (8 * count - 1))
        value |= ~0ull << (8 * count);
    out->imm = low_bytes(value, out->size);
    out->has_imm = true;
    return OK;
}

static err_t take_operands(struct cursor *c, const struct row *row, struct insn *out)
{
    switch ((enum form)row->form) {
    case FORM_MR:
    case FORM_RM: return take_modrm(c, out);
    case FORM_MI:
        TRY(take_modrm(c, out));
        out->reg = 0;
        return take_immediate(c, MIN(out->size, 4), out);
    case FORM_MI8:
        TRY(take_modrm(c, out));
        out->reg = 0;
        return take_immediate(c, 1, out);
    case FORM_MOFFS:
    case FORM_TO_MOFFS: return skip(c, out->address_size);
    case FORM_STRING: return OK;
    }
    return E_NOTSUP;
}

/* ---------------------------------------------------------------- the whole */

/* Prefixes that this instruction may not have. */
static err_t judge_prefixes(const struct cursor *c, const struct row *row)
{
    const bool to_memory = row->form == FORM_MR || row->form == FORM_MI || row->form == FORM_MI8;

    if (c->lock && !(row->lockable && to_memory))
        return E_INVAL; /* #UD */
    if (c->repne || (c->rep && row->form != FORM_STRING))
        return E_NOTSUP;
    if (row->width == DWORD && (c->mode != 64 || (c->operand_prefix && !(c->rex & REX_W))))
        return E_NOTSUP; /* ARPL; MOVSXD to 16 bits, where processors differ */
    return OK;
}

static u8 memory_size(const struct cursor *c, const struct row *row)
{
    static const u8 size[] = {[BYTE] = 1, [WORD] = 2, [DWORD] = 4};

    return row->width == FULL ? operand_size(c) : size[row->width];
}

/* An 8-bit register without REX: 4 to 7 are AH, CH, DH, BH. */
static void name_byte_register(const struct cursor *c, struct insn *out)
{
    if (out->dest_size != 1 || c->rex || out->has_imm || out->reg < 4)
        return;
    out->high_byte = true;
    out->reg &= 3;
}

err_t insn_decode(const u8 *bytes, size_t len, u32 mode, struct insn *out)
{
    struct cursor c = {
        .bytes = bytes,
        .len = (u32)MIN(len, INSN_MAX_LEN),
        .mode = mode,
        .segment = NO_SEGMENT,
    };
    const struct row *row;

    *out = (struct insn){0};
    if (mode != 16 && mode != 32 && mode != 64)
        return E_INVAL;
    TRY(take_prefixes(&c));
    TRY(find_row(&c, &row));
    TRY(judge_prefixes(&c, row));
    out->op = (enum insn_op)row->op;
    out->size = memory_size(&c, row);
    out->dest_size = out->op == INSN_MOVZX || out->op == INSN_MOVSX ? operand_size(&c) : out->size;
    out->address_size = address_size(&c);
    out->segment = out->op == INSN_STOS ? ES : DS;
    out->mem_dest = row->form != FORM_RM && row->form != FORM_MOFFS && out->op != INSN_LODS;
    out->lock = c.lock;
    out->rep = c.rep;
    TRY(take_operands(&c, row, out));
    name_byte_register(&c, out);
    if (c.segment != NO_SEGMENT && out->op != INSN_STOS)
        out->segment = c.segment;
    out->len = (u8)c.at;
    return OK;
}
