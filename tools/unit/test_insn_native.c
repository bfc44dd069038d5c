/* Random encodings executed by the processor itself and by insn_decode() with insn_execute(),
 * which must agree on memory, registers, flags. */
#include "insn_native.h"
#include "vmm/insn.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static u64 rnd(void)
{
    static u64 x = 0xda942042e4dd58b5ull;

    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x;
}

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
        cmocka_unit_test(test_against_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
