/* The hand-over page tables, read back by a walker of their own. */
#include "boot/tables.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define POOL_PAGES 64u
#define PRESENT    BIT(0)
#define WRITABLE   BIT(1)
#define UNCACHED   BIT(4)
#define LARGE      BIT(7)
#define NX         BIT(63)
#define FRAME      0x000ffffffffff000ull

static _Alignas(4096) u8 pool[POOL_PAGES * PAGE_SIZE];

/* The leaf that translates virt, and how many bytes it covers; 0: none.  It is writable only if all
 * entries on the way are. */
static u64 walk(u64 root, u64 virt, u64 *len)
{
    u64 entry = root;
    u64 writable = WRITABLE;

    for (u32 shift = 39;; shift -= 9) {
        entry = ((const u64 *)(entry & FRAME))[virt >> shift & 511];
        *len = 1ull << shift;
        writable &= entry;
        if (!(entry & PRESENT) || shift == 12 || (entry & LARGE))
            return entry & PRESENT ? (entry & ~WRITABLE) | writable : 0;
    }
}

// clang-format off
static const struct mapping typical[] = {
    /* virt, phys, len, writable, executable, device */
    {0x1000,             0x1000,     0x9f000,           true,  false, false},
    {0x100000,           0x100000,   0x3fe00000,        true,  false, false}, /* to 3ff00000, off 2 MiB */
    {0x3ff00000,         0x3ff00000, PAGE_SIZE,         false, true,  false}, /* the handoff */
    {0x3ff01000,         0x3ff01000, 3 * GiB,           true,  false, false},
    {0x180000000,        0x180000000, 2 * GiB,          true,  false, false},
    {0xfd00000000,       0xfd00000000, 0x301000,        true,  false, true},
    {0xffffffff80000000, 0x3e000000, 0x5000,            false, true,  false},
    {0xffffffff80005000, 0x3e005000, 0x2000,            false, false, false},
    {0xffffffff80007000, 0x3e007000, 0x400000,          true,  false, false},
};
// clang-format on

static void check_translation(u64 root, const struct mapping *m, u64 offset, bool gib_pages)
{
    u64 len;
    const u64 entry = walk(root, m->virt + offset, &len);

    assert_int_not_equal(entry, 0);
    assert_true(len <= (gib_pages ? GiB : LARGE_PAGE_SIZE));
    assert_int_equal((entry & FRAME & ~(len - 1)) + ((m->virt + offset) & (len - 1)),
                     m->phys + offset);
    assert_int_equal(entry & FRAME & (len - 1), 0);
    assert_int_equal(!!(entry & WRITABLE), m->writable);
    assert_int_equal(!(entry & NX), m->executable);
    assert_int_equal(!!(entry & UNCACHED), m->device);
}

static void test_typical(void **state)
{
    static const u64 unmapped[] = {0,
                                   0xfff,
                                   0xa0000,
                                   0xfffff,
                                   0xfff01000,
                                   0x17ffff000,
                                   0x200000000,
                                   0xfcfffff000,
                                   0xfd00301000,
                                   0xffffffff7ffff000,
                                   0xffffffff80407000};
    u64 root, len;

    (void)state;
    for (u32 gib_pages = 0; gib_pages < 2; gib_pages++) {
        const u64 pages = tables_pages(typical, ARRAY_LEN(typical), gib_pages);

        memset(pool, 0, sizeof(pool));
        assert_true(pages <= POOL_PAGES);
        assert_int_equal(tables_build(typical, ARRAY_LEN(typical), gib_pages, pool, pages, &root),
                         OK);
        for (size_t i = 0; i < ARRAY_LEN(typical); i++)
            for (u64 at = 0; at < typical[i].len; at += PAGE_SIZE)
                check_translation(root, &typical[i], at, gib_pages);
        for (size_t i = 0; i < ARRAY_LEN(unmapped); i++)
            assert_int_equal(walk(root, unmapped[i], &len), 0);
    }
}

static void test_largest_page(void **state)
{
    static const struct {
        struct mapping m;
        bool gib_pages;
        u64 want;
    } cases[] = {
        {{.virt = GiB, .phys = GiB, .len = GiB}, true, GiB},
        {{.virt = GiB, .phys = GiB, .len = GiB}, false, LARGE_PAGE_SIZE},
        {{.virt = GiB, .phys = GiB, .len = GiB - PAGE_SIZE}, true, LARGE_PAGE_SIZE},
        {{.virt = GiB, .phys = 2 * MiB, .len = GiB}, true, LARGE_PAGE_SIZE},
        {{.virt = 2 * MiB, .phys = PAGE_SIZE, .len = 4 * MiB}, true, PAGE_SIZE},
        {{.virt = 2 * MiB, .phys = 4 * MiB, .len = 2 * MiB - PAGE_SIZE}, true, PAGE_SIZE},
    };
    u64 root, len;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memset(pool, 0, sizeof(pool));
        assert_int_equal(tables_build(&cases[i].m, 1, cases[i].gib_pages, pool, POOL_PAGES, &root),
                         OK);
        assert_int_not_equal(walk(root, cases[i].m.virt, &len), 0);
        assert_int_equal(len, cases[i].want);
    }
}

/* A page directory per GiB is what a long mapping costs without 1 GiB pages. */
static void test_pool_suffices(void **state)
{
    static const struct mapping longest = {.virt = PAGE_SIZE, .phys = PAGE_SIZE, .len = 48 * GiB};
    u64 root;

    (void)state;
    for (u32 gib_pages = 0; gib_pages < 2; gib_pages++) {
        const u64 pages = tables_pages(&longest, 1, gib_pages);

        memset(pool, 0, sizeof(pool));
        assert_true(pages <= POOL_PAGES);
        assert_int_equal(tables_build(&longest, 1, gib_pages, pool, pages, &root), OK);
    }
}

static void test_refused(void **state)
{
    static const struct mapping overlaps[][2] = {
        {{.virt = 0, .len = 2 * PAGE_SIZE}, {.virt = PAGE_SIZE, .len = PAGE_SIZE}},
        {{.virt = 0, .len = 2 * MiB}, {.virt = PAGE_SIZE, .len = PAGE_SIZE}},
        {{.virt = PAGE_SIZE, .len = PAGE_SIZE}, {.virt = 0, .len = 2 * MiB}},
    };
    static const struct mapping one = {.virt = 0x1000, .phys = 0x1000, .len = PAGE_SIZE};
    u64 root;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(overlaps); i++) {
        memset(pool, 0, sizeof(pool));
        assert_int_equal(tables_build(overlaps[i], 2, true, pool, POOL_PAGES, &root), E_EXIST);
    }
    for (u64 pages = 0; pages < 4; pages++) {
        memset(pool, 0, sizeof(pool));
        assert_int_equal(tables_build(&one, 1, true, pool, pages, &root), E_NOMEM);
    }
    memset(pool, 0, sizeof(pool));
    assert_int_equal(tables_build(&one, 1, true, pool, 4, &root), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_typical),
        cmocka_unit_test(test_largest_page),
        cmocka_unit_test(test_pool_suffices),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
