/* The MSR table: the bitmap is the table, on all 16,384 MSRs that a bitmap can name. */
#include "arch/x86_64/msr.h"
#include "vmm/policy/msr.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The SDM's layout, written a second time: four areas of 1 KiB. */
static bool exits(const u8 *bitmap, u32 msr, bool write)
{
    const u8 *area = bitmap + (msr >= 0xc0000000 ? 1024 : 0) + (write ? 2048 : 0);

    return area[(msr & 0x1fff) / 8] >> (msr & 7) & 1;
}

static void test_bitmap_is_the_table(void **state)
{
    u8 bitmap[4096];
    u32 passed = 0;

    (void)state;
    msr_bitmap_build(bitmap);
    for (u32 i = 0; i < 16384; i++) {
        const u32 msr = i < 8192 ? i : 0xc0000000 + (i - 8192);
        const struct msr_row *row = NULL;

        for (u32 r = 0; msr_row(r); r++)
            if (msr >= msr_row(r)->first && msr <= msr_row(r)->last)
                row = msr_row(r);
        assert_ptr_equal(msr_find(msr), row);
        assert_int_equal(exits(bitmap, msr, false), !(row && row->read == MSR_PASS));
        assert_int_equal(exits(bitmap, msr, true), !(row && row->write == MSR_PASS));
        passed += !exits(bitmap, msr, false);
    }
    assert_int_equal(passed, 14); /* TSC, SYSENTER x3, PAT, EFER, STAR x4, bases x3, TSC_AUX */
}

static void test_rows_are_sane(void **state)
{
    u32 slots = 0;
    bool used[MSR_HELD_MAX] = {false};

    (void)state;
    for (u32 r = 0; msr_row(r); r++) {
        const struct msr_row *row = msr_row(r);

        assert_true(row->first <= row->last);
        assert_true(r == 0 || row->first > msr_row(r - 1)->last); /* sorted, disjoint */
        assert_true(row->read != MSR_IGNORE);
        assert_non_null(row->name);
        if (row->read != MSR_HELD && row->write != MSR_HELD)
            continue;
        for (u32 n = 0; n <= row->last - row->first; n++) {
            assert_true(row->slot + n < MSR_HELD_MAX);
            assert_false(used[row->slot + n]);
            used[row->slot + n] = true;
            slots++;
        }
    }
    assert_true(slots > 0 && slots <= MSR_HELD_MAX);
}

static void test_beyond_the_windows_is_denied(void **state)
{
    static const u32 none[] = {0x2000,         0x40000000,      0xbfffffff,    0xc0002000,
                               0xc0010114,     0xffffffff,      MSR_SPEC_CTRL, MSR_VMX_BASIC,
                               MSR_X2APIC_EOI, MSR_TSC_DEADLINE};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_null(msr_find(none[i]));
}

static void test_held_values_reset(void **state)
{
    u64 held[MSR_HELD_MAX];

    (void)state;
    memset(held, 0xa5, sizeof(held));
    msr_held_reset(held);
    assert_int_equal(held[msr_find(MSR_FEATURE_CONTROL)->slot], FEATURE_CONTROL_LOCK);
    assert_int_equal(held[msr_find(MSR_MTRR_FIX4K_F8000)->slot + 7], 0x0606060606060606);
    assert_int_equal(held[msr_find(MSR_MTRR_DEF_TYPE)->slot], 0xc06);
    assert_int_equal(held[MSR_HELD_MAX - 1], 0);
}

static int setup(void **state)
{
    (void)state;
    msr_policy_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bitmap_is_the_table),
        cmocka_unit_test(test_rows_are_sane),
        cmocka_unit_test(test_beyond_the_windows_is_denied),
        cmocka_unit_test(test_held_values_reset),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
