/* Which guests begin when, and when all is over. */
#include "vmm/lives.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config config;
static struct lives l;

/* A letter a guest: b starts at boot, a is to be asked for. */
static void configure(const char *guests, enum config_run run)
{
    memset(&config, 0, sizeof(config));
    config.run = run;
    for (; *guests; guests++)
        config.guest[config.guest_count++].start =
            *guests == 'a' ? CONFIG_START_ASK : CONFIG_START_BOOT;
    memset(&l, 0x5a, sizeof(l));
    lives_init(&l, &config);
}

/* The next one is this, and it begins. */
static void begins(u32 n)
{
    assert_int_equal(lives_next(&l), n);
    assert_false(lives_are_over(&l, false));
    lives_begin(&l, n);
    assert_int_equal(l.state[n], LIFE_ON);
}

static void nobody(void)
{
    assert_int_equal(lives_next(&l), LIVES_NONE);
}

static void test_together(void **state)
{
    (void)state;
    configure("bbb", CONFIG_RUN_TOGETHER);
    begins(0), begins(1), begins(2), nobody();
    lives_end(&l, 1, false);
    lives_end(&l, 0, true);
    begins(0), nobody();
    lives_end(&l, 0, false);
    assert_false(lives_are_over(&l, false));
    lives_end(&l, 2, false);
    assert_true(lives_are_over(&l, false));
    assert_false(lives_are_over(&l, true));
}

static void test_one_by_one(void **state)
{
    (void)state;
    configure("bb", CONFIG_RUN_ONE_BY_ONE);
    begins(0), nobody();
    lives_end(&l, 0, true);
    begins(0), nobody();
    lives_end(&l, 0, false);
    begins(1), nobody();
    lives_end(&l, 1, false);
    assert_true(lives_are_over(&l, false));
}

/* Guests that nobody has asked for do not keep the machine from its end, once one has lived. */
static void test_ask(void **state)
{
    (void)state;
    configure("ba", CONFIG_RUN_TOGETHER);
    begins(0), nobody();
    assert_int_equal(lives_ask(&l, 0), E_EXIST);
    assert_int_equal(lives_ask(&l, 1), OK);
    assert_int_equal(lives_ask(&l, 1), E_EXIST);
    begins(1), nobody();
    lives_end(&l, 1, false);
    lives_end(&l, 0, false);
    assert_true(lives_are_over(&l, false));
    assert_int_equal(lives_ask(&l, 0), OK);
    begins(0);

    configure("ba", CONFIG_RUN_TOGETHER);
    begins(0);
    lives_end(&l, 0, false);
    assert_true(lives_are_over(&l, false));
}

/* With no guest to start, the machine waits for somebody. */
static void test_all_ask(void **state)
{
    (void)state;
    configure("aa", CONFIG_RUN_TOGETHER);
    nobody();
    assert_false(lives_are_over(&l, false));
    assert_int_equal(lives_ask(&l, 1), OK);
    begins(1), nobody();
    lives_end(&l, 1, false);
    assert_true(lives_are_over(&l, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_together),
        cmocka_unit_test(test_one_by_one),
        cmocka_unit_test(test_ask),
        cmocka_unit_test(test_all_ask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
