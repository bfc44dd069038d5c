/* Device clocks against exact 128-bit division. */
#include "vmm/dev/clock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const u64 device_hz[] = {1, 32768, 1193182, 3579545, 1000000000};
static const u64 tsc_hz[] = {1, 1000, 1000000, 1193182, 4000000, 50000000, 2400000001, 5000000000};

static u64 random64(void)
{
    return (u64)random() << 42 ^ (u64)random() << 21 ^ (u64)random();
}

static void test_count_is_exact(void **state)
{
    (void)state;
    srandom(1);
    for (size_t d = 0; d < ARRAY_LEN(device_hz); d++)
        for (size_t t = 0; t < ARRAY_LEN(tsc_hz); t++) {
            struct clock c;
            const u64 origin = random64();
            clock_init(&c, device_hz[d], tsc_hz[t], origin);
            for (unsigned i = 0; i < 5000; i++) {
                const u64 ticks = random64() >> (1 + random() % 60);
                const u64 want = (u64)((unsigned __int128)ticks * device_hz[d] / tsc_hz[t]);
                const u64 got = clock_count(&c, origin + ticks);
                /* Rounded down: one less is possible only when the division is exact. */
                if (got != want)
                    assert_int_equal(got + 1, want);
            }
        }
}

static void test_when_is_the_first_tick(void **state)
{
    (void)state;
    srandom(2);
    for (size_t d = 0; d < ARRAY_LEN(device_hz); d++)
        for (size_t t = 0; t < ARRAY_LEN(tsc_hz); t++) {
            struct clock c;
            clock_init(&c, device_hz[d], tsc_hz[t], 12345);
            for (unsigned i = 0; i < 5000; i++) {
                const u64 count = random64() >> (14 + random() % 50);
                const u64 when = clock_when(&c, count);
                if (when == CLOCK_NEVER)
                    continue;
                assert_true(clock_count(&c, when) >= count);
                if (when > 12345)
                    assert_true(clock_count(&c, when - 1) < count);
            }
        }
}

static void test_edges_of_time(void **state)
{
    (void)state;
    struct clock c;
    clock_init(&c, 1193182, 3000000000, 1000);
    assert_int_equal(clock_count(&c, 999), 0); /* before the origin */
    assert_int_equal(clock_count(&c, 0), 0);
    assert_int_equal(clock_when(&c, 0), 1000);
    assert_true(clock_when(&c, ~0ull) == CLOCK_NEVER);
    assert_true(clock_when(&c, 1ull << 62) == CLOCK_NEVER);
    clock_init(&c, 1193182, 3000000000, ~0ull - 10);
    assert_true(clock_when(&c, 1000) == CLOCK_NEVER); /* past the end of the TSC */
    clock_init(&c, 1193182, 0, 0); /* a broken frequency divides nothing by zero */
    assert_int_equal(clock_count(&c, 1), 1193182);
    clock_init(&c, 1193182, ~0ull, 0);
    assert_int_equal(clock_count(&c, 1), 0);
}

/* After a year at 3 GHz the clock is right to one period. */
static void test_no_drift(void **state)
{
    (void)state;
    struct clock c;
    const u64 tsc = 2999999999, seconds = 365 * 86400;
    clock_init(&c, 1193182, tsc, 0);
    assert_in_range(clock_count(&c, tsc * seconds), 1193182 * seconds - 1, 1193182 * seconds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count_is_exact),
        cmocka_unit_test(test_when_is_the_first_tick),
        cmocka_unit_test(test_edges_of_time),
        cmocka_unit_test(test_no_drift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
