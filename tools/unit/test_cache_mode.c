/* The words for cache modes. */
#include "control/disk/cache_mode.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_words(void **state)
{
    enum cache_mode mode;

    (void)state;
    for (u32 i = 0; i < CACHE_MODES; i++) {
        assert_true(cache_mode_parse(cache_mode_name((enum cache_mode)i), &mode));
        assert_int_equal(mode, i);
    }
    assert_true(cache_mode_parse("none", &mode));
    assert_int_equal(mode, CACHE_NONE);
    assert_false(cache_mode_parse("directsync", &mode));
    assert_false(cache_mode_parse("write", &mode));
    assert_false(cache_mode_parse("", &mode));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
