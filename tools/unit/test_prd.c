/* drivers/io/prd.c: each table is compared with the bytes that went into it, one by one. */
#include "drivers/io/prd.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ENTRIES 16u

static struct prd entries[ENTRIES];
static struct prd_table t;

static int setup(void **state)
{
    (void)state;
    memset(entries, 0xee, sizeof(entries));
    prd_begin(&t, entries, ENTRIES);
    return 0;
}

static void expect(u32 i, u32 address, u32 length, bool last)
{
    assert_true(i < t.count);
    assert_int_equal(entries[i].address, address);
    assert_int_equal(entries[i].length, length & 0xffff);
    assert_int_equal(entries[i].flags, last ? PRD_LAST : 0);
}

static void test_one(void **state)
{
    (void)state;
    assert_int_equal(prd_end(&t), E_INVAL);
    assert_int_equal(prd_add(&t, 0x1000, 512), OK);
    assert_int_equal(prd_end(&t), OK);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.bytes, 512);
    expect(0, 0x1000, 512, true);
}

static void test_boundaries(void **state)
{
    (void)state;
    assert_int_equal(prd_add(&t, 0x1fffe, 4), OK);       /* across one */
    assert_int_equal(prd_add(&t, 0x30000, 0x20000), OK); /* two whole ones */
    assert_int_equal(prd_add(&t, 0x5fff0, 0x10020), OK); /* across two */
    assert_int_equal(prd_end(&t), OK);
    assert_int_equal(t.count, 7);
    expect(0, 0x1fffe, 2, false);
    expect(1, 0x20000, 2, false);
    expect(2, 0x30000, 0x10000, false);
    expect(3, 0x40000, 0x10000, false);
    expect(4, 0x5fff0, 0x10, false);
    expect(5, 0x60000, 0x10000, false);
    expect(6, 0x70000, 0x10, true);
}

static void test_joined(void **state)
{
    (void)state;
    assert_int_equal(prd_add(&t, 0x10000, 0x1000), OK);
    assert_int_equal(prd_add(&t, 0x11000, 0xf000), OK); /* makes 64 KiB */
    assert_int_equal(prd_add(&t, 0x20000, 0x1000), OK); /* behind a boundary: its own */
    assert_int_equal(prd_add(&t, 0x21000, 0x1f000), OK);
    assert_int_equal(t.count, 3);
    expect(0, 0x10000, 0x10000, false);
    expect(1, 0x20000, 0x10000, false);
    expect(2, 0x30000, 0x10000, false);
}

static void test_refused(void **state)
{
    (void)state;
    assert_int_equal(prd_add(&t, 0x1000, 0), E_INVAL);
    assert_int_equal(prd_add(&t, 0x1001, 2), E_INVAL);
    assert_int_equal(prd_add(&t, 0x1000, 3), E_INVAL);
    assert_int_equal(prd_add(&t, 4 * GiB, 2), E_RANGE);
    assert_int_equal(prd_add(&t, 4 * GiB - 2, 4), E_RANGE);
    assert_int_equal(prd_add(&t, 2, UINT64_MAX - 1), E_RANGE);
    assert_int_equal(t.count, 0);
    assert_int_equal(prd_add(&t, 4 * GiB - 2, 2), OK);
    assert_int_equal(prd_add(&t, 0x10000, ENTRIES * PRD_REGION_MAX), E_NOMEM);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.bytes, 2);
}

static void test_places(void **state)
{
    (void)state;
    assert_true(prd_place_ok(0x1000, 8));
    assert_true(prd_place_ok(0x1fff8, 1));
    assert_false(prd_place_ok(0x1fff8, 2));
    assert_false(prd_place_ok(0x1002, 1));
    assert_false(prd_place_ok(4 * GiB, 1));
    assert_false(prd_place_ok(0x1000, 0));
    assert_true(prd_place_ok(0x10000, 8192));
    assert_false(prd_place_ok(0x10000, 8193));
}

/* Random pieces, not far from each other: the table gives the same bytes in the same order. */
static void test_random(void **state)
{
    (void)state;
    srand(30);
    for (u32 round = 0; round < 2000; round++) {
        u64 bus[8], len[8];
        u32 n = 0;

        (void)setup(NULL);
        for (u32 i = 0; i < 8; i++) {
            bus[n] =
                rand() % 3 && n ? bus[n - 1] + len[n - 1] : 0xf000u + 2u * ((u32)rand() % 40000);
            len[n] = 2u * (1u + (u32)rand() % 40000);
            if (prd_add(&t, bus[n], len[n]) == OK)
                n++;
        }
        u32 piece = 0;
        u64 at = 0, sum = 0;
        for (u32 i = 0; i < t.count; i++) {
            u64 from = entries[i].address, left = entries[i].length ? entries[i].length : 0x10000;
            assert_int_equal(from / 0x10000, (from + left - 1) / 0x10000);
            sum += left;
            while (left > 0) {
                const u64 some = MIN(left, len[piece] - at);
                assert_int_equal(from, bus[piece] + at);
                from += some;
                left -= some;
                at += some;
                if (at == len[piece]) {
                    piece++;
                    at = 0;
                }
            }
        }
        assert_int_equal(piece, n);
        assert_int_equal(sum, t.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_one, setup),    cmocka_unit_test_setup(test_boundaries, setup),
        cmocka_unit_test_setup(test_joined, setup), cmocka_unit_test_setup(test_refused, setup),
        cmocka_unit_test_setup(test_places, setup), cmocka_unit_test_setup(test_random, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
