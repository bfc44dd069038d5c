/* The MMIO decoder: table cases in all modes, refusals, and random encodings executed by
 * the processor itself and by insn_execute(), which must agree on memory, registers, flags. */
#include "insn_native.h"
#include "vmm/insn.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static u64 rnd(void)
{
    static u64 x = 0xda942042e4dd58b5ull;

    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x;
}

/* ---------------------------------------------------------------- decoding */

enum { LD, ST }; /* mem_dest */
enum { ES, CS, SS, DS, FS, GS };

// clang-format off
static const struct { u32 mode; const char *hex; struct insn want; } decodes[] = {
    /* mode  bytes                               operation, length, size, dest, mem_dest, ... */
    { 64, "8907",                             { INSN_MOV,   2,  4, 4, ST, .address_size = 8, .segment = DS } },
    { 64, "488907",                           { INSN_MOV,   3,  8, 8, ST, .address_size = 8, .segment = DS } },
    { 64, "668907",                           { INSN_MOV,   3,  2, 2, ST, .address_size = 8, .segment = DS } },
    { 64, "66488907",                         { INSN_MOV,   4,  8, 8, ST, .address_size = 8, .segment = DS } },
    { 64, "48668907",                         { INSN_MOV,   4,  2, 2, ST, .address_size = 8, .segment = DS } }, /* REX not last */
    { 64, "4c8b8424 78563412",                { INSN_MOV,   8,  8, 8, LD, .reg = 8, .address_size = 8, .segment = SS } },
    { 64, "418b0424",                         { INSN_MOV,   4,  4, 4, LD, .address_size = 8, .segment = DS } }, /* R12 */
    { 64, "418b4500",                         { INSN_MOV,   4,  4, 4, LD, .address_size = 8, .segment = DS } }, /* R13 */
    { 64, "8b4500",                           { INSN_MOV,   3,  4, 4, LD, .address_size = 8, .segment = SS } },
    { 64, "8b0511223344",                     { INSN_MOV,   6,  4, 4, LD, .address_size = 8, .segment = DS } }, /* RIP */
    { 64, "8b042511223344",                   { INSN_MOV,   7,  4, 4, LD, .address_size = 8, .segment = DS } },
    { 64, "678b07",                           { INSN_MOV,   3,  4, 4, LD, .address_size = 4, .segment = DS } },
    { 64, "658b07",                           { INSN_MOV,   3,  4, 4, LD, .address_size = 8, .segment = GS } },
    { 64, "268b07",                           { INSN_MOV,   3,  4, 4, LD, .address_size = 8, .segment = DS } }, /* ES: flat */
    { 64, "64268b07",                         { INSN_MOV,   4,  4, 4, LD, .address_size = 8, .segment = FS } },
    { 64, "a01122334455667788",               { INSN_MOV,   9,  1, 1, LD, .address_size = 8, .segment = DS } },
    { 64, "67a111223344",                     { INSN_MOV,   6,  4, 4, LD, .address_size = 4, .segment = DS } },
    { 64, "48a31122334455667788",             { INSN_MOV,   10, 8, 8, ST, .address_size = 8, .segment = DS } },
    { 64, "8827",                             { INSN_MOV,   2,  1, 1, ST, .reg = 0, .high_byte = true, .address_size = 8, .segment = DS } }, /* AH */
    { 64, "8a3f",                             { INSN_MOV,   2,  1, 1, LD, .reg = 3, .high_byte = true, .address_size = 8, .segment = DS } }, /* BH */
    { 64, "40883f",                           { INSN_MOV,   3,  1, 1, ST, .reg = 7, .address_size = 8, .segment = DS } }, /* DIL */
    { 64, "44883f",                           { INSN_MOV,   3,  1, 1, ST, .reg = 15, .address_size = 8, .segment = DS } },
    { 64, "48c707ffffffff",                   { INSN_MOV,   7,  8, 8, ST, true, .imm = ~0ull, .address_size = 8, .segment = DS } },
    { 64, "c707ffffffff",                     { INSN_MOV,   6,  4, 4, ST, true, .imm = 0xffffffff, .address_size = 8, .segment = DS } },
    { 64, "66c707ff80",                       { INSN_MOV,   5,  2, 2, ST, true, .imm = 0x80ff, .address_size = 8, .segment = DS } },
    { 64, "c60780",                           { INSN_MOV,   3,  1, 1, ST, true, .imm = 0x80, .address_size = 8, .segment = DS } },
    { 64, "c605112233447f",                   { INSN_MOV,   7,  1, 1, ST, true, .imm = 0x7f, .address_size = 8, .segment = DS } },
    { 64, "4883 0f fe",                       { INSN_OR,    4,  8, 8, ST, true, .imm = -2ull, .address_size = 8, .segment = DS } },
    { 64, "668327fe",                         { INSN_AND,   4,  2, 2, ST, true, .imm = 0xfffe, .address_size = 8, .segment = DS } },
    { 64, "f08107 44332211",                  { INSN_ADD,   7,  4, 4, ST, true, true, .imm = 0x11223344, .address_size = 8, .segment = DS } },
    { 64, "f04887 07",                        { INSN_XCHG,  4,  8, 8, ST, .lock = true, .address_size = 8, .segment = DS } },
    { 64, "8607",                             { INSN_XCHG,  2,  1, 1, ST, .address_size = 8, .segment = DS } },
    { 64, "0fb607",                           { INSN_MOVZX, 3,  1, 4, LD, .address_size = 8, .segment = DS } },
    { 64, "480fb707",                         { INSN_MOVZX, 4,  2, 8, LD, .address_size = 8, .segment = DS } },
    { 64, "660fb627",                         { INSN_MOVZX, 4,  1, 2, LD, .reg = 4, .address_size = 8, .segment = DS } }, /* SP, not AH */
    { 64, "480fbe07",                         { INSN_MOVSX, 4,  1, 8, LD, .address_size = 8, .segment = DS } },
    { 64, "0fbf07",                           { INSN_MOVSX, 3,  2, 4, LD, .address_size = 8, .segment = DS } },
    { 64, "486307",                           { INSN_MOVSX, 3,  4, 8, LD, .address_size = 8, .segment = DS } },
    { 64, "6307",                             { INSN_MOVSX, 2,  4, 4, LD, .address_size = 8, .segment = DS } },
    { 64, "3907",                             { INSN_CMP,   2,  4, 4, ST, .address_size = 8, .segment = DS } },
    { 64, "3b07",                             { INSN_CMP,   2,  4, 4, LD, .address_size = 8, .segment = DS } },
    { 64, "f607 80",                          { INSN_TEST,  3,  1, 1, ST, true, .imm = 0x80, .address_size = 8, .segment = DS } },
    { 64, "48f707 00000080",                  { INSN_TEST,  7,  8, 8, ST, true, .imm = 0xffffffff80000000, .address_size = 8, .segment = DS } },
    { 64, "48ab",                             { INSN_STOS,  2,  8, 8, ST, .address_size = 8, .segment = ES } },
    { 64, "f3ab",                             { INSN_STOS,  2,  4, 4, ST, .rep = true, .address_size = 8, .segment = ES } },
    { 64, "65f366a5",                         { INSN_MOVS,  4,  2, 2, ST, .rep = true, .address_size = 8, .segment = GS } },
    { 64, "64ab",                             { INSN_STOS,  2,  4, 4, ST, .address_size = 8, .segment = ES } }, /* no override */
    { 64, "ac",                               { INSN_LODS,  1,  1, 1, LD, .address_size = 8, .segment = DS } },
    { 64, "0fa30f",                           { INSN_BT,    3,  4, 4, ST, .reg = 1, .address_size = 8, .segment = DS } },
    { 64, "480fba273f",                       { INSN_BT,    5,  8, 8, ST, true, .imm = 0x3f, .address_size = 8, .segment = DS } },
    { 32, "8907",                             { INSN_MOV,   2,  4, 4, ST, .address_size = 4, .segment = DS } },
    { 32, "678907",                           { INSN_MOV,   3,  4, 4, ST, .address_size = 2, .segment = DS } },
    { 32, "66a111223344",                     { INSN_MOV,   6,  2, 2, LD, .address_size = 4, .segment = DS } },
    { 32, "67a31122",                         { INSN_MOV,   4,  4, 4, ST, .address_size = 2, .segment = DS } },
    { 32, "2e8b0511223344",                   { INSN_MOV,   7,  4, 4, LD, .address_size = 4, .segment = CS } },
    { 32, "8b0424",                           { INSN_MOV,   3,  4, 4, LD, .address_size = 4, .segment = SS } },
    { 32, "8b042d11223344",                   { INSN_MOV,   7,  4, 4, LD, .address_size = 4, .segment = DS } },
    { 32, "8b442d11",                         { INSN_MOV,   4,  4, 4, LD, .address_size = 4, .segment = SS } },
    { 16, "8907",                             { INSN_MOV,   2,  2, 2, ST, .address_size = 2, .segment = DS } },
    { 16, "668907",                           { INSN_MOV,   3,  4, 4, ST, .address_size = 2, .segment = DS } },
    { 16, "67668907",                         { INSN_MOV,   4,  4, 4, ST, .address_size = 4, .segment = DS } },
    { 16, "8a061122",                         { INSN_MOV,   4,  1, 1, LD, .address_size = 2, .segment = DS } },
    { 16, "8a4611",                           { INSN_MOV,   3,  1, 1, LD, .address_size = 2, .segment = SS } },
    { 16, "8a02",                             { INSN_MOV,   2,  1, 1, LD, .address_size = 2, .segment = SS } },
    { 16, "8a03",                             { INSN_MOV,   2,  1, 1, LD, .address_size = 2, .segment = SS } },
    { 16, "8a01",                             { INSN_MOV,   2,  1, 1, LD, .address_size = 2, .segment = DS } },
    { 16, "268a811122",                       { INSN_MOV,   5,  1, 1, LD, .address_size = 2, .segment = ES } },
    { 16, "c7064433 2211",                    { INSN_MOV,   6,  2, 2, ST, true, .imm = 0x1122, .address_size = 2, .segment = DS } },
    { 16, "66c706443322110102",               { INSN_MOV,   9,  4, 4, ST, true, .imm = 0x02011122, .address_size = 2, .segment = DS } },
    { 16, "f3a4",                             { INSN_MOVS,  2,  1, 1, ST, .rep = true, .address_size = 2, .segment = DS } },
};

static const struct { u32 mode; const char *hex; err_t want; } refusals[] = {
    { 64, "",                                 E_INVAL  },
    { 64, "48",                               E_INVAL  },
    { 64, "89",                               E_INVAL  },
    { 64, "8b04",                             E_INVAL  },
    { 64, "8b05112233",                       E_INVAL  },
    { 64, "c707112233",                       E_INVAL  },
    { 64, "0f",                               E_INVAL  },
    { 64, "c7",                               E_INVAL  },
    { 64, "a011223344556677",                 E_INVAL  },
    { 64, "6666666666666666666666666666668907", E_INVAL }, /* 17 bytes */
    { 64, "66666666666666666666666666668907", E_INVAL  },  /* 16 bytes */
    { 63, "8907",                             E_INVAL  },
    { 64, "f08907",                           E_INVAL  },  /* LOCK MOV */
    { 64, "f00307",                           E_INVAL  },  /* LOCK ADD to register */
    { 64, "f03907",                           E_INVAL  },
    { 64, "f0803f01",                         E_INVAL  },  /* LOCK CMP */
    { 64, "f08507",                           E_INVAL  },
    { 64, "f0a4",                             E_INVAL  },
    { 64, "f00fa307",                         E_INVAL  },
    { 64, "89c0",                             E_NOTSUP },  /* no memory operand */
    { 64, "83c001",                           E_NOTSUP },
    { 64, "1107",                             E_NOTSUP },  /* ADC */
    { 64, "1907",                             E_NOTSUP },  /* SBB */
    { 64, "831701",                           E_NOTSUP },
    { 64, "831f01",                           E_NOTSUP },
    { 64, "f60f01",                           E_NOTSUP },  /* TEST's other encoding */
    { 64, "f617",                             E_NOTSUP },  /* NOT */
    { 64, "c60f01",                           E_NOTSUP },
    { 64, "fe07",                             E_NOTSUP },  /* INC */
    { 64, "ff07",                             E_NOTSUP },
    { 64, "0fab07",                           E_NOTSUP },  /* BTS */
    { 64, "0fba2f01",                         E_NOTSUP },
    { 64, "0fb107",                           E_NOTSUP },  /* CMPXCHG */
    { 64, "f28907",                           E_NOTSUP },  /* XACQUIRE */
    { 64, "f38907",                           E_NOTSUP },
    { 64, "f2ab",                             E_NOTSUP },  /* REPNE STOS */
    { 64, "a6",                               E_NOTSUP },  /* CMPS */
    { 64, "ae",                               E_NOTSUP },  /* SCAS */
    { 64, "666307",                           E_NOTSUP },
    { 32, "6307",                             E_NOTSUP },  /* ARPL */
    { 32, "488907",                           E_NOTSUP },  /* DEC EAX */
    { 64, "c4e2791807",                       E_NOTSUP },  /* VEX */
    { 64, "90",                               E_NOTSUP },
    { 64, "0f0b",                             E_NOTSUP },
};
// clang-format on

static size_t parse_hex(const char *hex, u8 *bytes)
{
    size_t n = 0;
    u32 value;

    for (; *hex; hex += 2) {
        while (*hex == ' ')
            hex++;
        assert_int_equal(sscanf(hex, "%2x", &value), 1);
        bytes[n++] = (u8)value;
    }
    return n;
}

static bool same(const struct insn *a, const struct insn *b)
{
    return a->op == b->op && a->len == b->len && a->size == b->size &&
           a->dest_size == b->dest_size && a->mem_dest == b->mem_dest && a->has_imm == b->has_imm &&
           a->lock == b->lock && a->rep == b->rep && a->high_byte == b->high_byte &&
           a->reg == b->reg && a->imm == b->imm && a->address_size == b->address_size &&
           a->segment == b->segment;
}

static void test_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(decodes); i++) {
        u8 bytes[32] = {0};
        struct insn got;
        const size_t len = parse_hex(decodes[i].hex, bytes);
        for (size_t given = 0; given < len; given++) { /* on the heap: nothing beyond may be read */
            u8 *part = malloc(given ? given : 1);
            assert_non_null(part);
            memcpy(part, bytes, given);
            if (insn_decode(part, given, decodes[i].mode, &got) != E_INVAL)
                fail_msg("%s: decoded from %zu bytes", decodes[i].hex, given);
            free(part);
        }
        for (size_t given = len; given <= sizeof bytes; given++)
            if (insn_decode(bytes, given, decodes[i].mode, &got) != OK ||
                !same(&got, &decodes[i].want))
                fail_msg("mode %u, %s: decoded wrongly", decodes[i].mode, decodes[i].hex);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        u8 bytes[32] = {0};
        struct insn got;
        const size_t len = parse_hex(refusals[i].hex, bytes);
        const err_t err = insn_decode(bytes, len, refusals[i].mode, &got);
        if (err != refusals[i].want)
            fail_msg("mode %u, %s: %u", refusals[i].mode, refusals[i].hex, (u32)err);
    }
}

/* ---------------------------------------------------------------- against the processor */

#define ARITH 0x8d5ull

enum native_form { MR, RM, MI, MI8, MOFFS, STRING };

// clang-format off
static const struct form {
    u16 opcode; u8 ext, form; bool byte; u8 lockable; u64 undefined;
} forms[] = {
#define ARITHMETIC(base, ext, lock, undefined) \
    { (base), 0, MR, true, lock, undefined }, { (base) + 1, 0, MR, false, lock, undefined }, \
    { (base) + 2, 0, RM, true, 0, undefined }, { (base) + 3, 0, RM, false, 0, undefined }, \
    { 0x80, ext, MI, true, lock, undefined }, { 0x81, ext, MI, false, lock, undefined }, \
    { 0x83, ext, MI8, false, lock, undefined }
    ARITHMETIC(0x00, 0, 1, 0), ARITHMETIC(0x08, 1, 1, 0x10), ARITHMETIC(0x20, 4, 1, 0x10),
    ARITHMETIC(0x28, 5, 1, 0), ARITHMETIC(0x30, 6, 1, 0x10), ARITHMETIC(0x38, 7, 0, 0),
    { 0x88, 0, MR, true, 0, 0 },     { 0x89, 0, MR, false, 0, 0 },
    { 0x8a, 0, RM, true, 0, 0 },     { 0x8b, 0, RM, false, 0, 0 },
    { 0xa0, 0, MOFFS, true, 0, 0 },  { 0xa1, 0, MOFFS, false, 0, 0 },
    { 0xa2, 0, MOFFS, true, 0, 0 },  { 0xa3, 0, MOFFS, false, 0, 0 },
    { 0xc6, 0, MI, true, 0, 0 },     { 0xc7, 0, MI, false, 0, 0 },
    { 0xfb6, 0, RM, true, 0, 0 },    { 0xfb7, 0, RM, false, 0, 0 },
    { 0xfbe, 0, RM, true, 0, 0 },    { 0xfbf, 0, RM, false, 0, 0 },
    { 0x63, 0, RM, false, 0, 0 },
    { 0x84, 0, MR, true, 0, 0x10 },  { 0x85, 0, MR, false, 0, 0x10 },
    { 0xf6, 0, MI, true, 0, 0x10 },  { 0xf7, 0, MI, false, 0, 0x10 },
    { 0x86, 0, MR, true, 1, 0 },     { 0x87, 0, MR, false, 1, 0 },
    { 0xfa3, 0, MR, false, 0, 0x894 }, { 0xfba, 4, MI8, false, 0, 0x894 },
    { 0xa4, 0, STRING, true, 0, 0 }, { 0xa5, 0, STRING, false, 0, 0 },
    { 0xaa, 0, STRING, true, 0, 0 }, { 0xab, 0, STRING, false, 0, 0 },
    { 0xac, 0, STRING, true, 0, 0 }, { 0xad, 0, STRING, false, 0, 0 },
};
// clang-format on

/* One random instruction and what its maker knows about it. */
struct made {
    u8 bytes[32];
    u32 len;
    u64 address; /* of the operand in memory, as ModRM says */
    u8 rex;
    bool prefix66, prefix67, rep;
};

static void put(struct made *m, u64 value, u32 count)
{
    for (u32 i = 0; i < count; i++)
        m->bytes[m->len++] = (u8)(value >> (8 * i));
}

static void make_prefixes(struct made *m, const struct form *f)
{
    static const u8 ignored[] = {0x26, 0x2e, 0x36, 0x3e};

    if (rnd() % 8 == 0)
        put(m, 0x40 + rnd() % 16, 1); /* not last: without effect, if another prefix follows */
    if (m->len || rnd() % 8 == 0)
        put(m, ignored[rnd() % 4], 1);
    if (rnd() % 4 == 0 && f->opcode != 0x63)
        m->prefix66 = true, put(m, 0x66, 1);
    if (rnd() % 8 == 0)
        m->prefix67 = true, put(m, 0x67, 1);
    if (f->lockable && rnd() % 4 == 0)
        put(m, 0xf0, 1);
    if (f->form == STRING && rnd() % 2)
        m->rep = true, put(m, 0xf3, 1);
    if (rnd() % 2) {
        m->rex = (u8)(0x40 + rnd() % 16);
        if (rnd() % 2)
            m->rex &= 0x48;
        if (m->rex)
            put(m, m->rex, 1);
    }
}

/* A memory operand at m->address: registers are set so that it comes out there. */
static void make_modrm(struct made *m, struct native *n, const struct form *f, u32 tail,
                       size_t start)
{
    const u8 mod = (u8)(rnd() % 3), rm = (u8)(rnd() % 8);
    const bool extension = f->form == MI || f->form == MI8;
    const u8 reg = extension ? f->ext : (u8)(rnd() % 8);
    const i32 disp8 = (i32)(rnd() % 256) - 128, disp32 = (i32)(rnd() % 0x20000000) - 0x10000000;
    u64 *r = n->state.r;

    put(m, (u64)(mod << 6 | reg << 3 | rm), 1);
    if (mod == 0 && rm == 5) { /* relative to the next instruction */
        const u64 next = (u64)n->code + start + m->len + 4 + tail;
        put(m, m->address - next, 4);
        return;
    }
    i64 offset = mod == 1 ? disp8 : mod == 2 ? disp32 : 0;
    u32 base = rm | (m->rex & 1 ? 8u : 0);
    bool has_base = true;
    if (rm == 4) {
        const u8 sib = (u8)rnd();
        const u32 index = ((sib >> 3) & 7u) | (m->rex & 2 ? 8u : 0);
        put(m, sib, 1);
        base = (sib & 7u) | (m->rex & 1 ? 8u : 0);
        has_base = !(mod == 0 && (sib & 7) == 5);
        if (index != 4 && index == base &&
            has_base) { /* one register: address = r * (1 + scale) + offset */
            const u64 times = 1 + (1ull << (sib >> 6));
            const u64 rest = (m->address - (u64)(mod == 2 ? 0 : offset)) % times;
            m->address -= rest;
            offset = mod == 2 ? 0 : offset;
            r[base] = (m->address - (u64)offset) / times;
            has_base = false;
            put(m, (u64)offset, mod == 1 ? 1 : mod == 2 ? 4 : 0);
            return;
        }
        if (index != 4) {
            r[index] = rnd() % 4096;
            offset += (i64)(r[index] << (sib >> 6));
        }
    }
    if (has_base) {
        r[base] = m->address - (u64)offset;
        put(m, (u64)(mod == 1 ? disp8 : disp32), mod == 1 ? 1 : mod == 2 ? 4 : 0);
    } else {
        put(m, m->address - (u64)offset + (u64)(mod == 1 ? disp8 : mod == 2 ? disp32 : 0), 4);
    }
    if (m->prefix67 && has_base)
        r[base] += rnd() << 32; /* upper halves do not count */
}

static u32 effective_size(const struct made *m, const struct form *f)
{
    if (f->byte)
        return 1;
    return m->rex & 8 ? 8 : m->prefix66 ? 2 : 4;
}

static void make(struct made *m, struct native *n, const struct form *f, size_t start)
{
    memset(m, 0, sizeof *m);
    m->address = (u64)n->data + 4096 + rnd() % 64;
    for (u32 i = 0; i < 16; i++)
        n->state.r[i] = rnd() % 4 ? rnd() : (u64[]){0, ~0ull, 1ull << 63, 0x80}[rnd() % 4];
    for (u32 i = 0; i < 16 && f->opcode == 0xfa3; i++) /* bit offsets within the data */
        n->state.r[i] = rnd() % 32000 - 16000;
    n->state.flags = 0x202 | (rnd() & ARITH);
    make_prefixes(m, f);
    if (f->opcode >= 0xf00)
        put(m, 0x0f, 1);
    put(m, f->opcode & 0xff, 1);
    const u32 size = effective_size(m, f);
    const u32 imm = f->form == MI8 ? 1 : f->form == MI ? (size < 4 ? size : 4) : 0;
    if (f->form == MOFFS) {
        put(m, m->address, m->prefix67 ? 4 : 8);
    } else if (f->form == STRING) {
        const u64 upper = m->prefix67 ? rnd() << 32 : 0;
        n->state.r[6] = m->address | upper; /* RSI */
        n->state.r[7] = (m->address - 256) | upper;
        if (m->rep)
            n->state.r[1] = 1 | upper;
        if (rnd() % 2)
            n->state.flags |= 0x400;
    } else {
        make_modrm(m, n, f, imm, start);
    }
    put(m, rnd() % 4 ? rnd() : (u64[]){0, ~0ull, 0x80, 1}[rnd() % 4], imm);
}

static u64 load(const void *at, u32 size)
{
    u64 value = 0;

    memcpy(&value, at, size);
    return value;
}

/* BT's register operand: a signed number of its size. */
static i64 bit_offset(const struct insn *insn, u64 reg)
{
    switch (insn->size) {
    case 2: return (int16_t)reg;
    case 4: return (i32)reg;
    default: return (i64)reg;
    }
}

static bool near(i64 bit)
{
    return bit >= -16000 && bit <= 16000;
}

/* Applies what insn_execute says to copies of registers and memory. */
static void emulate(const struct insn *insn, const struct made *m, struct native_state *s, u8 *data,
                    u64 data_base)
{
    const bool string = insn->op == INSN_STOS || insn->op == INSN_LODS || insn->op == INSN_MOVS;
    const u64 mask = insn->address_size == 8 ? ~0ull : 0xffffffff;
    u64 from = m->address, to = m->address;
    struct insn_effect effect;

    if (insn->op == INSN_BT && !insn->has_imm) {
        const i64 operand_bits = 8 * insn->size, bit = bit_offset(insn, s->r[insn->reg]);
        const i64 operand = (bit - (bit & (operand_bits - 1))) / operand_bits;
        from += (u64)(operand * insn->size);
    }
    if (string)
        from = s->r[6] & mask, to = s->r[7] & mask;
    const u64 mem = insn->op == INSN_STOS ? 0 : load(data + (from - data_base), insn->size);
    insn_execute(insn, mem, s->r[insn->reg], s->flags, &effect);
    if (effect.writes_mem)
        memcpy(data + (to - data_base), &effect.mem, insn->size);
    if (effect.writes_reg)
        s->r[insn->reg] = effect.reg;
    s->flags = effect.flags;
    if (string) {
        const u64 step = s->flags & 0x400 ? 0ull - insn->size : insn->size;
        if (insn->op != INSN_STOS)
            s->r[6] = (s->r[6] + step) & mask;
        if (insn->op != INSN_LODS)
            s->r[7] = (s->r[7] + step) & mask;
        if (insn->rep)
            s->r[1] = (s->r[1] - 1) & mask;
    }
}

static void show(const struct made *m, const struct native_state *want,
                 const struct native_state *got)
{
    for (u32 i = 0; i < m->len; i++)
        print_error("%02x ", m->bytes[i]);
    print_error("\n");
    for (u32 i = 0; i < 16; i++)
        if (want->r[i] != got->r[i])
            print_error("r%u: processor %llx, we %llx\n", i, (unsigned long long)want->r[i],
                        (unsigned long long)got->r[i]);
    print_error("flags: processor %llx, we %llx\n", (unsigned long long)want->flags,
                (unsigned long long)got->flags);
}

static void one_native(struct native *n, const struct form *f, size_t start)
{
    static u8 data[sizeof n->data];
    struct made m;
    struct insn insn;

    for (u32 i = 2560; i < 5632; i += 8) {
        const u64 value = rnd() % 4 ? rnd() : (u64[]){0, ~0ull, 0x8080808080808080, 1}[rnd() % 4];
        memcpy(n->data + i, &value, 8);
    }
    do
        make(&m, n, f, start);
    while (m.len > INSN_MAX_LEN);
    if (insn_decode(m.bytes, sizeof m.bytes, 64, &insn) != OK || insn.len != m.len) {
        show(&m, &n->state, &n->state);
        fail_msg("not decoded, or to a wrong length");
    }
    if (insn.op == INSN_BT && !insn.has_imm && !near(bit_offset(&insn, n->state.r[insn.reg])))
        return; /* the register is the address, too: the bit would be far away */
    memcpy(data, n->data, sizeof data);
    struct native_state ours = n->state;
    emulate(&insn, &m, &ours, data, (u64)n->data);
    native_run(n, m.bytes, m.len);
    const u64 differ = (ours.flags ^ n->state.flags) & ARITH & ~f->undefined;
    if (memcmp(ours.r, n->state.r, sizeof ours.r) != 0 || differ ||
        memcmp(data, n->data, sizeof data) != 0) {
        show(&m, &n->state, &ours);
        fail_msg("the processor does something else");
    }
}

static void test_against_processor(void **state)
{
    (void)state;
    struct native *n = native_new();
    struct native_code c = {.n = n};
    const size_t start = native_prologue(&c);

    for (u32 i = 0; i < 200000; i++)
        one_native(n, &forms[i % ARRAY_LEN(forms)], start);
    munmap(n, sizeof *n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_against_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
