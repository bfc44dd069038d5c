/* boot/clock_choice.c: which figure is the time-stamp counter's frequency. */
#include "boot/clock_choice.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define GHZ 1000000000ull

static void test_every_combination(void **state)
{
    static const struct {
        struct clock_figures figures;
        u64 want;
        const char *source;
    } cases[] = {
        /* {PIT, CPUID, firmware} */
        {{GHZ, 0, 0}, GHZ, "PIT"},
        {{GHZ, GHZ + GHZ / 100, 0}, GHZ + GHZ / 100, "CPUID leaf 0x15"},
        {{GHZ, GHZ - GHZ / 100, 5}, GHZ - GHZ / 100, "CPUID leaf 0x15"},
        {{GHZ, GHZ + GHZ / 100 + 1, 0}, GHZ, "PIT"},
        {{GHZ, GHZ - GHZ / 100 - 1, 0}, GHZ, "PIT"},
        {{GHZ, 0, GHZ + GHZ / 100}, GHZ + GHZ / 100, "firmware"},
        {{GHZ, 0, GHZ - GHZ / 100}, GHZ - GHZ / 100, "firmware"},
        {{GHZ, 0, 2 * GHZ}, GHZ, "PIT"},
        {{GHZ, 2 * GHZ, 0}, GHZ, "PIT"},
        {{GHZ, ~0ull, 0}, GHZ, "PIT"},
        {{0, GHZ, 2 * GHZ}, GHZ, "unverified"},
        {{0, 0, GHZ}, GHZ, "unverified"},
        {{0, 0, 0}, 0, "unverified"},
        {{~0ull, 1, 0}, ~0ull, "PIT"},
        {{50, 51, 0}, 50, "PIT"}, /* 1 % of it is less than a tick */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *source = "?";

        assert_int_equal(clock_choose(&cases[i].figures, &source), cases[i].want);
        assert_string_equal(source, cases[i].source);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_combination)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
