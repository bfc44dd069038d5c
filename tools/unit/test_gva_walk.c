/* The guest page-table walk: cases from the manual's figures, and random tables in all
 * modes against a second walker. */
#include "gva_slow.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FRAMES = 64 };

struct memory {
    u8 bytes[FRAMES * 4096];
    u32 reads;
};

static bool mem_read(void *ctx, gpa_t gpa, void *out, u32 len)
{
    struct memory *m = ctx;

    assert_true((len == 4 || len == 8) && gpa.v % len == 0);
    m->reads++;
    if (gpa.v > sizeof m->bytes - len)
        return false;
    memcpy(out, m->bytes + gpa.v, len);
    return true;
}

static u64 rnd(void)
{
    static u64 x = 0x2545f4914f6cdd1dull;

    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x;
}

#define PG   (1ull << 31)
#define WP   (1ull << 16)
#define PSE  (1ull << 4)
#define PAE  (1ull << 5)
#define LA57 (1ull << 12)
#define SMEP (1ull << 20)
#define SMAP (1ull << 21)
#define LMA  (1ull << 10)
#define NXE  (1ull << 11)
#define XD   (1ull << 63)
#define PWU  7ull /* present, writable, user */

struct test_case {
    u32 line;
    u64 cr0, cr4, efer, flip_cr0, flip_cr4, flip_efer;
    u64 top, pdpt, pd, pt; /* entry 0 or 1 of each level, see build(); 0 = not present */
    u64 gva;
    u32 access;
    bool user, ac, no_1g;
    err_t want;
    u64 gpa, size;
    u32 error;
};

#define L4 .cr0 = PG | WP, .cr4 = PAE, .efer = LMA | NXE
#define A4 .line = __LINE__, L4, .top = 0x2000 | PWU, .pdpt = 0x3000 | PWU
#define P4 A4, .pd = 0x4000 | PWU
#define PA .line = __LINE__, .cr0 = PG | WP, .cr4 = PAE, .efer = NXE, .pdpt = 0x3001
#define P2 .line = __LINE__, .cr0 = PG | WP, .cr4 = PSE

enum { W = GVA_WRITE, X = GVA_EXEC };

// clang-format off
/* Tables: CR3 = 0x1000; linear address 0x...: index 1 at each level unless said otherwise. */
#define GVA4 ((1ull << 39) + (1ull << 30) + (1ull << 21) + 0x1abc)
#define GVAP ((1ull << 30) + (1ull << 21) + 0x1abc)
#define GVA2 ((1ull << 22) + 0x1abc)
static const struct test_case cases[] = {
    { P4, .pt = 0x12345007, .gva = GVA4, .want = OK, .gpa = 0x12345abc, .size = 4096 },
    { P4, .pt = 0, .gva = GVA4, .want = E_NOENT, .error = 0 },
    { P4, .pt = 0, .gva = GVA4, .access = W, .want = E_NOENT, .error = 2 },
    { P4, .pt = 0, .gva = GVA4, .access = W, .user = true, .want = E_NOENT, .error = 6 },
    { P4, .pt = 0, .gva = GVA4, .access = X, .user = true, .want = E_NOENT, .error = 0x14 },
    { P4, .pt = 0x5005, .gva = GVA4, .access = W, .want = E_PERM, .error = 3 },
    { P4, .pt = 0x5005, .gva = GVA4, .access = W, .flip_cr0 = WP, .want = OK, .gpa = 0x5abc, .size = 4096 },
    { P4, .pt = 0x5005, .gva = GVA4, .access = W, .flip_cr0 = WP, .user = true, .want = E_PERM, .error = 7 },
    { P4, .pt = 0x5003, .gva = GVA4, .user = true, .want = E_PERM, .error = 5 },
    { P4, .pt = 0x5003 | XD, .gva = GVA4, .access = X, .want = E_PERM, .error = 0x11 },
    { P4, .pt = 0x5003 | XD, .gva = GVA4, .want = OK, .gpa = 0x5abc, .size = 4096 },
    { P4, .pt = 0x5003 | XD, .gva = GVA4, .flip_efer = NXE, .want = E_PERM, .error = 9 },
    { P4, .pt = 0x5003 | XD, .gva = GVA4, .flip_efer = NXE, .access = X, .want = E_PERM, .error = 9 },
    { P4, .pt = 0x5007, .gva = GVA4, .access = X, .flip_cr4 = SMEP, .want = E_PERM, .error = 0x11 },
    { P4, .pt = 0x5003, .gva = GVA4, .access = X, .flip_cr4 = SMEP, .want = OK, .gpa = 0x5abc, .size = 4096 },
    { P4, .pt = 0x5007, .gva = GVA4, .flip_cr4 = SMAP, .want = E_PERM, .error = 1 },
    { P4, .pt = 0x5007, .gva = GVA4, .flip_cr4 = SMAP, .ac = true, .want = OK, .gpa = 0x5abc, .size = 4096 },
    { P4, .pt = 0x5007, .gva = GVA4, .flip_cr4 = SMAP, .user = true, .want = OK, .gpa = 0x5abc, .size = 4096 },
    { P4, .pt = 0x5007, .gva = GVA4, .flip_cr4 = SMAP, .access = X, .want = OK, .gpa = 0x5abc, .size = 4096 },
    { P4, .pt = 0x5007 | 1ull << 40, .gva = GVA4, .want = E_PERM, .error = 9 },
    { P4, .pt = 0x5007 | 1ull << 52, .gva = GVA4, .want = OK, .gpa = 0x5abc, .size = 4096 },
    { P4, .pt = 0x5007 | 1ull << 39, .gva = GVA4, .want = OK, .gpa = 0x5abc | 1ull << 39, .size = 4096 },
    { A4, .pd = 0x40200087, .gva = GVA4, .want = OK, .gpa = 0x40201abc, .size = 2 * MiB },
    { A4, .pd = 0x40201087, .gva = GVA4, .want = OK, .gpa = 0x40201abc, .size = 2 * MiB }, /* PAT */
    { A4, .pd = 0x40202087, .gva = GVA4, .want = E_PERM, .error = 9 },
    { .line = __LINE__, L4, .top = 0x2007, .pdpt = 0x80000087, .gva = GVA4, .want = OK, .gpa = 0x80201abc, .size = GiB },
    { .line = __LINE__, L4, .top = 0x2007, .pdpt = 0x80000087, .gva = GVA4, .no_1g = true, .want = E_PERM, .error = 9 },
    { .line = __LINE__, L4, .top = 0x2007, .pdpt = 0x80200087, .gva = GVA4, .want = E_PERM, .error = 9 },
    { .line = __LINE__, L4, .top = 0x2087, .gva = GVA4, .want = E_PERM, .error = 9 },
    { .line = __LINE__, L4, .top = 0x1234567007, .gva = GVA4, .want = E_IO },
    { P4, .pt = 0x5007, .gva = GVA4 | 1ull << 47, .want = E_RANGE },
    { P4, .pt = 0x5007, .gva = GVA4 | 1ull << 63, .want = E_RANGE },
    { PA, .pd = 0x4007, .pt = 0x5007, .gva = GVAP, .want = OK, .gpa = 0x5abc, .size = 4096 },
    { PA, .pd = 0x40200087, .gva = GVAP, .want = OK, .gpa = 0x40201abc, .size = 2 * MiB }, /* no PSE needed */
    { PA, .pd = 0x4007 | 1ull << 62, .gva = GVAP, .want = E_PERM, .error = 9 },
    { PA, .pd = 0x4007, .pt = 0x5007 | XD, .gva = GVAP, .access = X, .user = true, .want = E_PERM, .error = 0x15 },
    { PA, .pd = 0x4007, .pt = 0x5007, .gva = 1ull << 31, .want = E_NOENT },                /* PDPTE 2 */
    { PA, .pd = 0x4007, .pt = 0x5007, .gva = 1ull << 32, .want = E_RANGE },
    { P2, .pd = 0x4007, .pt = 0x5007, .gva = GVA2, .want = OK, .gpa = 0x5abc, .size = 4096 },
    { P2, .pd = 0x00c00087, .gva = GVA2, .want = OK, .gpa = 0xc01abc, .size = 4 * MiB },
    { P2, .pd = 0x00d02087, .gva = GVA2, .want = OK, .gpa = 0x8100c01abc, .size = 4 * MiB },  /* PSE-36 */
    { P2, .pd = 0x00e00087, .gva = GVA2, .want = E_PERM, .error = 9 },
    { P2, .pd = 0x4087, .pt = 0x5007, .flip_cr4 = PSE, .gva = GVA2, .want = OK, .gpa = 0x5abc, .size = 4096 },
    { P2, .pd = 0x4007, .pt = 0x5007, .gva = GVA2, .access = X, .user = true, .want = OK, .gpa = 0x5abc, .size = 4096 },
    { P2, .pd = 0x4007, .pt = 0x5003, .gva = GVA2, .access = X, .user = true, .want = E_PERM, .error = 5 },
    { P2, .pd = 0x4007, .pt = 0x5003, .flip_cr4 = PSE | SMEP, .gva = GVA2, .access = X, .user = true, .want = E_PERM, .error = 0x15 },
    { .line = __LINE__, .gva = 0xfffffff0, .access = W, .want = OK, .gpa = 0xfffffff0, .size = 4096 },
    { .line = __LINE__, .gva = 1ull << 32, .want = E_RANGE },
};
// clang-format on

static void put64(struct memory *m, u64 at, u64 value)
{
    memcpy(m->bytes + at, &value, 8);
}

static void build(struct memory *m, const struct test_case *c, struct gva_space *s)
{
    memset(m, 0, sizeof *m);
    *s = (struct gva_space){
        .cr0 = c->cr0 ^ c->flip_cr0,
        .cr3 = 0x1000,
        .cr4 = c->cr4 ^ c->flip_cr4,
        .efer = c->efer ^ c->flip_efer,
        .phys_bits = 40,
        .no_1g = c->no_1g,
        .user = c->user,
        .ac = c->ac,
        .read = mem_read,
        .ctx = m,
    };
    if (c->efer & LMA) {
        put64(m, 0x1008, c->top);
        put64(m, 0x2008, c->pdpt);
        put64(m, 0x3008, c->pd);
        put64(m, 0x4008, c->pt);
    } else if (c->cr4 & PAE) {
        s->pdpte[1] = c->pdpt;
        put64(m, 0x3008, c->pd);
        put64(m, 0x4008, c->pt);
    } else {
        const u32 pd = (u32)c->pd, pt = (u32)c->pt;
        memcpy(m->bytes + 0x1004, &pd, 4);
        memcpy(m->bytes + 0x4004, &pt, 4);
    }
}

static void check_case(const struct test_case *c,
                       err_t (*walk)(const struct gva_space *, u64, u32, struct gva_result *))
{
    static struct memory m;
    struct gva_space s;
    struct gva_result r;

    build(&m, c, &s);
    const err_t got = walk(&s, c->gva, c->access, &r);
    if (got != c->want)
        fail_msg("case in line %u: %u", c->line, (u32)got);
    if (got == OK && (r.gpa.v != c->gpa || r.page_size != c->size))
        fail_msg("case in line %u: %llx, %llx", c->line, (unsigned long long)r.gpa.v,
                 (unsigned long long)r.page_size);
    if ((got == E_PERM || got == E_NOENT) && r.fault_error != c->error)
        fail_msg("case in line %u: error code %x", c->line, r.fault_error);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        check_case(&cases[i], gva_walk);
        check_case(&cases[i], slow_walk);
    }
}

static void test_five_levels(void **state)
{
    (void)state;
    static struct memory m;
    struct gva_result r;
    const struct gva_space s = {.cr0 = PG,
                                .cr3 = 0x1000,
                                .cr4 = PAE | LA57,
                                .efer = LMA,
                                .phys_bits = 52,
                                .read = mem_read,
                                .ctx = &m};

    put64(&m, 0x1000 + 8 * 0x1ff, 0x2007);
    put64(&m, 0x2000 + 8 * 0x155, 0x3007);
    put64(&m, 0x3000, 0x000fffffc0000087);
    assert_int_equal(gva_walk(&s, 0x0000aa8012345678, 0, &r), E_NOENT); /* another PML5E */
    assert_int_equal(gva_walk(&s, 0xffffab0012345678, 0, &r), E_NOENT); /* another PML4E */
    assert_int_equal(gva_walk(&s, 0xffffaa8012345678, 0, &r), OK);
    assert_int_equal(r.gpa.v, 0x000fffffd2345678);
    assert_int_equal(r.page_size, GiB);
    assert_int_equal(m.reads, 1 + 2 + 3);
    assert_int_equal(gva_walk(&s, 0x0100000000000000, 0, &r), E_RANGE);
    assert_int_equal(gva_walk(&s, 0x00ffffffffffffff, 0, &r), E_NOENT);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    static struct memory m;
    struct gva_result r;
    struct gva_space s = {.phys_bits = 36, .read = mem_read, .ctx = &m};

    assert_int_equal(gva_walk(&s, 0, 0, &r), OK);
    assert_int_equal(gva_walk(&s, 0, GVA_WRITE | GVA_EXEC, &r), E_INVAL);
    assert_int_equal(gva_walk(&s, 0, 4, &r), E_INVAL);
    s.phys_bits = 31;
    assert_int_equal(gva_walk(&s, 0, 0, &r), E_INVAL);
    s.phys_bits = 53;
    assert_int_equal(gva_walk(&s, 0, 0, &r), E_INVAL);
    assert_int_equal(m.reads, 0);
}

/* ---------------------------------------------------------------- random tables */

static u64 random_entry(u32 entry_bytes)
{
    u64 e = (rnd() % (FRAMES + 1)) << 12 | (rnd() & 0xe7e) | 7;

    if (rnd() % 4)
        e |= PWU;
    else
        e &= ~(rnd() % 8);
    if (rnd() % 3)
        e &= ~0x80ull;
    else if (rnd() % 4) /* a page of any size: no reserved bit, but PAT and perhaps PSE-36's */
        e = (e & 0xfff) | 0x80 | (rnd() & 0xc0001000) | (rnd() % 8 == 0 ? rnd() & 0x1fe000 : 0);
    if (rnd() % 6 == 0)
        e |= 1ull << (rnd() % 64);
    if (rnd() % 8 == 0 && entry_bytes == 8)
        e |= XD;
    return e;
}

static u64 random_gva(u32 mode)
{
    static const u32 width[] = {32, 32, 48, 57};
    u64 gva = rnd();

    if (rnd() % 50 == 0)
        return gva;
    gva &= (1ull << width[mode]) - 1;
    if (width[mode] > 32 && gva >> (width[mode] - 1))
        gva |= ~0ull << width[mode];
    return gva;
}

static void test_random(void **state)
{
    (void)state;
    static struct memory m;
    u32 seen[9] = {0}, sizes[4] = {0};

    for (u32 n = 0; n < 600000; n++) {
        const u32 mode = (u32)(rnd() % 4);
        if (n % 2000 == 0) /* all tables look alike to all modes */
            for (u64 at = 0; at < sizeof m.bytes; at += 8)
                put64(&m, at,
                      rnd() % 4 ? random_entry(8) : random_entry(4) << 32 | random_entry(4));
        struct gva_space s = {
            .cr0 = (rnd() % 64 ? PG : 0) | (rnd() % 2 ? WP : 0),
            .cr3 =
                (rnd() % FRAMES) << 12 | (rnd() & 0xfff) | (mode ? rnd() % 2 << 63 : rnd() << 32),
            .cr4 = (rnd() & (PSE | SMEP | SMAP)) | (mode ? PAE : 0) | (mode == 3 ? LA57 : 0),
            .efer = (rnd() & NXE) | (mode >= 2 ? LMA : 0),
            .phys_bits = (u8)(rnd() % 2 ? 52 : 32 + rnd() % 21),
            .no_1g = rnd() % 4 == 0,
            .user = rnd() % 2,
            .ac = rnd() % 2,
            .read = mem_read,
            .ctx = &m,
        };
        for (u32 i = 0; i < 4; i++)
            s.pdpte[i] = (rnd() % FRAMES) << 12 | (rnd() % 8 != 0);
        const u64 gva = random_gva(mode);
        const u32 access = (u32)(rnd() % 3);
        struct gva_result fast, slow;
        const err_t got = gva_walk(&s, gva, access, &fast),
                    want = slow_walk(&s, gva, access, &slow);
        assert_int_equal(got, want);
        if (got == OK) {
            assert_int_equal(fast.gpa.v, slow.gpa.v);
            assert_int_equal(fast.page_size, slow.page_size);
            sizes[fast.page_size == GiB       ? 3
                  : fast.page_size == 4 * MiB ? 2
                  : fast.page_size == 2 * MiB ? 1
                                              : 0]++;
        }
        if (got == E_PERM || got == E_NOENT)
            assert_int_equal(fast.fault_error, slow.fault_error);
        seen[got]++;
    }
    assert_true(seen[OK] > 20000 && seen[E_PERM] > 20000 && seen[E_NOENT] > 20000);
    assert_true(seen[E_IO] > 1000 && seen[E_RANGE] > 1000);
    for (u32 i = 0; i < 4; i++)
        assert_true(sizes[i] > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_five_levels),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
