/* The MMIO table: its rows, their ends, and what is nobody's. */
#include "vmm/mmio.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The table once more: a row that is added or changed wants a line here. */
static const struct {
    u64 first, last;
    enum mmio_kind kind;
} want[] = {
    {0xfee00000, 0xfee00fff, MMIO_LAPIC}, /* first: by far the most frequent */
    {0xfec00000, 0xfec00fff, MMIO_IOAPIC},
    {0xa0000, 0xbffff, MMIO_OPEN_BUS},       /* VGA */
    {0xfed00000, 0xfed003ff, MMIO_OPEN_BUS}, /* HPET */
};

static void test_every_row(void **state)
{
    u32 r = 0;

    (void)state;
    for (const struct mmio_row *row; (row = mmio_row(r)); r++) {
        assert_true(r < ARRAY_LEN(want));
        assert_int_equal(row->first, want[r].first);
        assert_int_equal(row->last, want[r].last);
        assert_int_equal(row->kind, want[r].kind);
        assert_non_null(row->name);
    }
    assert_int_equal(r, ARRAY_LEN(want));
}

static enum mmio_kind find(u64 gpa, u32 len)
{
    return mmio_find((gpa_t){gpa}, len);
}

/* An access belongs to a row if all of its bytes do. */
static void test_ends_of_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        for (u32 len = 1; len <= 64; len++) {
            assert_int_equal(find(want[i].first, len), want[i].kind);
            assert_int_equal(find(want[i].last - len + 1, len), want[i].kind);
            assert_int_equal(find(want[i].first - 1, len), MMIO_NONE);
            assert_int_equal(find(want[i].last - len + 2, len), MMIO_NONE);
            assert_int_equal(find(want[i].last + 1, len), MMIO_NONE);
        }
}

static void test_pages_without_a_row(void **state)
{
    u32 pages = 0;

    (void)state;
    for (u64 gpa = 0; gpa < 8 * GiB; gpa += 4096)
        pages += find(gpa, 1) != MMIO_NONE;
    assert_int_equal(pages, 0x20 + 1 + 1 + 1);
    assert_int_equal(find(~0ull, 1), MMIO_NONE);
    assert_int_equal(find(~0ull, 2), MMIO_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_ends_of_rows),
        cmocka_unit_test(test_pages_without_a_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
