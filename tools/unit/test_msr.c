/* The MSR table: the bitmap is the table, on all 16,384 MSRs that a bitmap can name. */
#include "abi/kvm.h"
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

/* In x2APIC mode four bits are other ones. */
static void test_x2apic_bitmap(void **state)
{
    u8 plain[4096], bitmap[4096];
    u32 different = 0;

    (void)state;
    msr_bitmap_build(plain);
    msr_bitmap_build(bitmap);
    msr_bitmap_pass_x2apic(bitmap);
    for (u32 i = 0; i < 4096; i++)
        different += (u32)__builtin_popcount(plain[i] ^ bitmap[i]);
    assert_int_equal(different, 4);
    assert_false(exits(bitmap, 0x808, false) || exits(bitmap, 0x808, true));
    assert_false(exits(bitmap, 0x80b, true) || exits(bitmap, 0x83f, true));
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

/* The table once more, in the manual's numbers: a row that is added or changed wants a line here.
 */
static void test_every_row(void **state)
{
    // clang-format off
    static const struct { u32 first, last; u8 read, write; u64 reset, writable; } want[] = {
        {0x010,      0x010,      MSR_PASS, MSR_CALL,   0,                  0},
        {0x017,      0x017,      MSR_HELD, MSR_DENY,   0,                  0},
        {0x01b,      0x01b,      MSR_HELD, MSR_HELD,   0xfee00900,         0},
        {0x03a,      0x03a,      MSR_HELD, MSR_DENY,   1,                  0},
        {0x03b,      0x03b,      MSR_CALL, MSR_CALL,   0,                  0},
        {0x08b,      0x08b,      MSR_HELD, MSR_IGNORE, 0,                  0},
        {0x0fe,      0x0fe,      MSR_HELD, MSR_DENY,   0x508,              0},
        {0x174,      0x176,      MSR_PASS, MSR_PASS,   0,                  0},
        {0x179,      0x179,      MSR_HELD, MSR_DENY,   0,                  0},
        {0x1a0,      0x1a0,      MSR_HELD, MSR_HELD,   0x1801,             0x400400001},
        {0x1d9,      0x1d9,      MSR_CALL, MSR_CALL,   0,                  0},
        {0x200,      0x20f,      MSR_HELD, MSR_HELD,   0,                  0xfffffffffffff},
        {0x250,      0x250,      MSR_HELD, MSR_HELD,   0x0606060606060606, ~0ull},
        {0x258,      0x259,      MSR_HELD, MSR_HELD,   0x0606060606060606, ~0ull},
        {0x268,      0x26f,      MSR_HELD, MSR_HELD,   0x0606060606060606, ~0ull},
        {0x277,      0x277,      MSR_PASS, MSR_CALL,   0,                  0},
        {0x2ff,      0x2ff,      MSR_HELD, MSR_HELD,   0xc06,              0xcff},
        {0x6e0,      0x6e0,      MSR_CALL, MSR_CALL,   0,                  0},
        {0x800,      0x83f,      MSR_APIC, MSR_APIC,   0,                  0},
        {0xda0,      0xda0,      MSR_CALL, MSR_CALL,   0,                  0},
        {0x4b564d00, 0x4b564d01, MSR_CALL, MSR_CALL,   0,                  0},
        {0x4b564d03, 0x4b564d03, MSR_CALL, MSR_CALL,   0,                  0},
        {0x4b564d04, 0x4b564d04, MSR_CALL, MSR_CALL,   0,                  0},
        {0xc0000080, 0xc0000080, MSR_PASS, MSR_CALL,   0,                  0},
        {0xc0000081, 0xc0000084, MSR_PASS, MSR_PASS,   0,                  0},
        {0xc0000100, 0xc0000102, MSR_PASS, MSR_PASS,   0,                  0},
        {0xc0000103, 0xc0000103, MSR_PASS, MSR_PASS,   0,                  0},
    };
    // clang-format on
    u32 r = 0;

    (void)state;
    for (const struct msr_row *row; (row = msr_row(r)); r++) {
        assert_true(r < ARRAY_LEN(want));
        assert_int_equal(row->first, want[r].first);
        assert_int_equal(row->last, want[r].last);
        assert_int_equal(row->read, want[r].read);
        assert_int_equal(row->write, want[r].write);
        assert_int_equal(row->other, row->first == 0x1b ? MSR_APIC : MSR_DENY);
        assert_int_equal(row->reset, want[r].reset);
        assert_int_equal(row->writable, want[r].writable);
    }
    assert_int_equal(r, ARRAY_LEN(want));
}

static void test_beyond_the_windows_is_denied(void **state)
{
    static const u32 none[] = {0x2000,     0x40000000, 0xbfffffff,    0xc0002000,
                               0xc0010114, 0xffffffff, MSR_SPEC_CTRL, MSR_VMX_BASIC,
                               0x7ff,      0x840,      0x8ff};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_true(!msr_find(none[i]) && !msr_find_beyond(none[i]));
}

/* They are where the handlers look for them alone, and in no bitmap. */
static void test_beyond_the_windows_are_kvms(void **state)
{
    u32 found = 0;

    (void)state;
    for (u32 msr = 0x4b564000; msr < 0x4b565000; msr++) {
        const struct msr_row *row = msr_find_beyond(msr);

        assert_null(msr_find(msr));
        assert_int_equal(row != NULL, msr == MSR_KVM_WALL_CLOCK || msr == MSR_KVM_SYSTEM_TIME ||
                                          msr == MSR_KVM_STEAL_TIME || msr == MSR_KVM_PV_EOI);
        if (!row)
            continue;
        assert_in_range(msr, row->first, row->last);
        assert_int_equal(row->read, MSR_CALL);
        assert_int_equal(row->write, MSR_CALL);
        found++;
    }
    assert_int_equal(found, 4);
    assert_null(msr_find_beyond(MSR_APIC_BASE));
    assert_null(msr_find_beyond(0x12));
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
    msr_held_set(held, MSR_APIC_BASE, 0xfee00c00);
    msr_held_set(held, MSR_MTRR_FIX4K_F8000, 7);
    msr_held_set(held, MSR_TSC_DEADLINE, 8); /* not held */
    assert_int_equal(held[msr_find(MSR_APIC_BASE)->slot], 0xfee00c00);
    assert_int_equal(held[msr_find(MSR_MTRR_FIX4K_C0000)->slot + 7], 7);
    msr_held_set(held, MSR_APIC_BASE, 0xfee00900);
    msr_held_set(held, MSR_MTRR_FIX4K_F8000, 0x0606060606060606);
    u64 again[MSR_HELD_MAX];
    msr_held_reset(again);
    assert_memory_equal(held, again, sizeof(held)); /* no neighbour's */
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
        cmocka_unit_test(test_x2apic_bitmap),
        cmocka_unit_test(test_rows_are_sane),
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_beyond_the_windows_is_denied),
        cmocka_unit_test(test_beyond_the_windows_are_kvms),
        cmocka_unit_test(test_held_values_reset),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
