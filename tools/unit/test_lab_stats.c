/* vmm/lab/stats.c: known series, and random ones against counting. */
#include "vmm/lab/stats.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_known(void **state)
{
    static const struct {
        u32 count;
        u64 sample[6];
        struct lab_summary want;
    } cases[] = {
        {0, {0}, {0, 0, 0, 0}},
        {1, {7}, {7, 7, 7, 7}},
        {2, {9, 3}, {3, 3, 9, 9}},
        {3, {2, 3, 1}, {1, 2, 3, 3}},
        {4, {4, 4, 1, 4}, {1, 4, 4, 4}},
        {6, {UINT64_MAX, 0, 5, 4, 3, 2}, {0, 3, UINT64_MAX, UINT64_MAX}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        u64 sample[6];

        memcpy(sample, cases[i].sample, sizeof(sample));
        const struct lab_summary got = lab_summarize(sample, cases[i].count);

        assert_memory_equal(&got, &cases[i].want, sizeof(got));
    }
}

/* 1 to 1000 in any order: rank and value are the same. */
static void test_ranks(void **state)
{
    static u64 sample[1000];

    (void)state;
    for (u32 i = 0; i < 1000; i++)
        sample[i] = (u64)i * 367 % 1000 + 1;
    const struct lab_summary got = lab_summarize(sample, 1000);

    assert_int_equal(got.min, 1);
    assert_int_equal(got.median, 500);
    assert_int_equal(got.p99, 990);
    assert_int_equal(got.max, 1000);
}

static u32 at_most(const u64 *sample, u32 count, u64 value)
{
    u32 n = 0;

    for (u32 i = 0; i < count; i++)
        n += sample[i] <= value;
    return n;
}

static void test_random(void **state)
{
    u64 sample[64], copy[64];

    (void)state;
    srand(1);
    for (u32 round = 0; round < 2000; round++) {
        const u32 count = 1 + (u32)rand() % 64;

        for (u32 i = 0; i < count; i++)
            sample[i] = (u64)rand() % (round % 7 + 1);
        memcpy(copy, sample, sizeof(copy));
        const struct lab_summary got = lab_summarize(sample, count);

        for (u32 i = 1; i < count; i++)
            assert_true(sample[i - 1] <= sample[i]);
        for (u32 i = 0; i < count; i++) /* the same samples as before */
            assert_int_equal(at_most(copy, count, copy[i]), at_most(sample, count, copy[i]));
        assert_true(at_most(copy, count, got.median) * 2 >= count);
        assert_true(got.median == got.min || (at_most(copy, count, got.median - 1)) * 2 < count);
        assert_true(at_most(copy, count, got.p99) * 100 >= count * 99);
        assert_int_equal(at_most(copy, count, got.max), count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
