/* vmm/tss.c against the manual's figures and tables, said another way.  SDM Vol. 3A, "Task-State
 * Segment (TSS)", "16-Bit Task-State Segment (TSS)", "Segment Descriptors", "Exception Conditions
 * Checked During a Task Switch". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/tss.h"

#define ROUNDS 1000000u

static u32 seed = 1;

static u32 random32(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8 ^ seed << 13;
}

/* The figures, byte by byte. */
struct tss32_figure {
    u16 link, link_high;
    u32 esp0;
    u16 ss0, ss0_high;
    u32 esp1;
    u16 ss1, ss1_high;
    u32 esp2;
    u16 ss2, ss2_high;
    u32 cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
    u16 es, es_high, cs, cs_high, ss, ss_high, ds, ds_high, fs, fs_high, gs, gs_high;
    u16 ldt, ldt_high, trap, io_map;
};
_Static_assert(sizeof(struct tss32_figure) == 104, "a TSS");

struct tss16_figure {
    u16 link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags, ax, cx, dx, bx, sp, bp, si, di;
    u16 es, cs, ss, ds, ldt;
};
_Static_assert(sizeof(struct tss16_figure) == 44, "a 16-bit TSS");

static void test_layouts(void **state)
{
    (void)state;
    for (u32 type = 0; type < 16; type++) {
        const struct tss_layout *l = tss_layout(type);

        if (type == 1 || type == 3) {
            assert_int_equal(l->bytes, 44);
            assert_int_equal(l->saved, offsetof(struct tss16_figure, ldt));
            assert_false(l->has_cr3);
        } else if (type == 9 || type == 11) {
            assert_int_equal(l->bytes, 104);
            assert_int_equal(l->saved, offsetof(struct tss32_figure, ldt));
            assert_true(l->has_cr3);
        } else {
            assert_null(l);
        }
    }
}

static void check32(const struct tss32_figure *f, const struct tss_state *s)
{
    const u32 gpr[] = {f->eax, f->ecx, f->edx, f->ebx, f->esp, f->ebp, f->esi, f->edi};
    const u16 segment[] = {f->es, f->cs, f->ss, f->ds, f->fs, f->gs};

    assert_int_equal(s->eip, f->eip);
    assert_int_equal(s->eflags, f->eflags);
    assert_int_equal(s->cr3, f->cr3);
    assert_int_equal(s->ldtr, f->ldt);
    assert_int_equal(s->debug_trap, f->trap & 1);
    assert_memory_equal(s->gpr, gpr, sizeof(gpr));
    assert_memory_equal(s->segment, segment, sizeof(segment));
}

static void check16(const struct tss16_figure *f, const struct tss_state *s)
{
    const u16 gpr[] = {f->ax, f->cx, f->dx, f->bx, f->sp, f->bp, f->si, f->di};
    const u16 segment[] = {f->es, f->cs, f->ss, f->ds, 0, 0};

    assert_int_equal(s->eip, f->ip);
    assert_int_equal(s->eflags, f->flags);
    assert_int_equal(s->ldtr, f->ldt);
    assert_false(s->debug_trap);
    for (u32 i = 0; i < 8; i++)
        assert_int_equal(s->gpr[i], 0xffff0000 | gpr[i]);
    assert_memory_equal(s->segment, segment, sizeof(segment));
}

static void random_bytes(void *out, u32 len)
{
    for (u32 i = 0; i < len; i++)
        ((u8 *)out)[i] = (u8)random32();
}

/* Unpacked as the figure says; packed, only what a switch saves has changed. */
static void test_images(void **state)
{
    struct tss32_figure f32, old32;
    struct tss16_figure f16, old16;
    struct tss_state s;

    (void)state;
    for (u32 i = 0; i < ROUNDS / 4; i++) {
        random_bytes(&f32, sizeof(f32));
        random_bytes(&f16, sizeof(f16));
        tss_unpack(tss_layout(9), (const u8 *)&f32, &s);
        check32(&f32, &s);
        random_bytes(&old32, sizeof(old32));
        const struct tss32_figure was = old32;

        tss_pack(tss_layout(11), &s, (u8 *)&old32);
        assert_memory_equal(&old32, &was, offsetof(struct tss32_figure, eip));
        assert_memory_equal(&old32.ldt, &was.ldt, 8);
        assert_int_equal(old32.cs_high, was.cs_high);
        assert_int_equal(old32.gs_high, was.gs_high);
        s.cr3 = was.cr3, s.ldtr = was.ldt, s.debug_trap = was.trap & 1;
        check32(&old32, &s);

        tss_unpack(tss_layout(1), (const u8 *)&f16, &s);
        check16(&f16, &s);
        random_bytes(&old16, sizeof(old16));
        const u16 ldt = old16.ldt, ss2 = old16.ss2;

        tss_pack(tss_layout(3), &s, (u8 *)&old16);
        assert_int_equal(old16.ldt, ldt);
        assert_int_equal(old16.ss2, ss2);
        s.ldtr = ldt;
        check16(&old16, &s);
    }
}

static void test_descriptors(void **state)
{
    (void)state;
    for (u32 i = 0; i < ROUNDS; i++) {
        const u64 raw = (u64)random32() << 32 | random32();
        const struct segment s = segment_decode(raw);
        const u32 limit = (u32)(raw & 0xffff) | (u32)((raw >> 48 & 15) << 16);

        assert_int_equal(s.base & 0xffff, raw >> 16 & 0xffff);
        assert_int_equal(s.base >> 16 & 0xff, raw >> 32 & 0xff);
        assert_int_equal(s.base >> 24, raw >> 56);
        assert_int_equal(s.limit, raw >> 55 & 1 ? limit * 4096ull + 4095 : limit);
        assert_int_equal(s.rights & 0xff, raw >> 40 & 0xff);
        assert_int_equal(s.rights >> 12, raw >> 52 & 15);
        assert_int_equal(s.rights & 0xf00, 0);
    }
}

/* The manual's table, a line each. */
static u32 expected(enum segment_use use, u32 rpl, u32 rights, u32 cpl)
{
    const bool system = !(rights & 0x10), present = rights & 0x80, code = rights & 8;
    const bool bit_w_r = rights & 2, conforming = code && (rights & 4);
    const u32 dpl = rights >> 5 & 3;

    switch (use) {
    case SEGMENT_FOR_LDTR: return !system || (rights & 15) != 2 || !present ? 10 : 0;
    case SEGMENT_FOR_CODE:
        if (system || !code || (!conforming && dpl != rpl) || (conforming && dpl > rpl))
            return 10;
        return present ? 0 : 11;
    case SEGMENT_FOR_STACK:
        if (system || code || !bit_w_r)
            return 10;
        if (!present)
            return 12;
        return dpl != cpl || dpl != rpl ? 10 : 0;
    case SEGMENT_FOR_DATA:
        if (system || (code && !bit_w_r))
            return 10;
        if (!conforming && (dpl < rpl || dpl < cpl))
            return 10;
        return present ? 0 : 11;
    }
    return 0;
}

static void test_every_segment(void **state)
{
    (void)state;
    for (u32 use = SEGMENT_FOR_LDTR; use <= SEGMENT_FOR_DATA; use++)
        for (u32 rights = 0; rights < 256; rights++)
            for (u32 rpl = 0; rpl < 4; rpl++)
                for (u32 cpl = 0; cpl < 4; cpl++)
                    assert_int_equal(segment_check((enum segment_use)use, (u16)(0x30 | rpl),
                                                   rights | 0xc000, cpl),
                                     expected((enum segment_use)use, rpl, rights, cpl));
}

/* Byte by byte. */
static bool holds(const struct segment *s, u32 offset, u32 size)
{
    const bool down = (s->rights & 0xc) == 4;
    const u64 most = s->rights & SEGMENT_DB ? 0xffffffff : 0xffff;

    for (u64 at = offset; at < (u64)offset + size; at++)
        if (s->rights & SEGMENT_UNUSABLE || (down ? at <= s->limit || at > most : at > s->limit))
            return false;
    return true;
}

static void test_limits(void **state)
{
    static const u32 rights[] = {0x93, 0x97, 0x4093, 0x4097, 0x10000};

    (void)state;
    for (u32 i = 0; i < ROUNDS; i++) {
        const u32 limit = random32() & 1 ? random32() : random32() & 0x1ffff;
        const struct segment s = {0, limit, rights[random32() % ARRAY_LEN(rights)]};
        const u32 offset = random32() & 1 ? limit - 4 + random32() % 8 : random32() - 8;
        const u32 size = random32() & 1 ? 2 : 4;

        if (offset > ~0u - size)
            assert_false(segment_holds(&s, offset, 8));
        else
            assert_int_equal(segment_holds(&s, offset, size), holds(&s, offset, size));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),     cmocka_unit_test(test_images),
        cmocka_unit_test(test_descriptors), cmocka_unit_test(test_every_segment),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
