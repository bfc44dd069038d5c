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

/* A place behind those of lintel.conf. */
static void test_made(void **state)
{
    (void)state;
    configure("ba", CONFIG_RUN_TOGETHER);
    begins(0);
    assert_int_equal(lives_ask(&l, 2), E_NOENT);
    lives_add(&l, 2);
    nobody(); /* it is held */
    assert_int_equal(lives_ask(&l, 2), OK);
    begins(2), nobody();
    lives_end(&l, 0, false);
    assert_false(lives_are_over(&l, false));
    lives_end(&l, 2, false);
    assert_true(lives_are_over(&l, false));
    lives_forget(&l, 2);
    assert_int_equal(lives_ask(&l, 2), E_NOENT);
    assert_int_equal(l.state[2], LIFE_NONE);
    assert_int_equal(l.state[CONFIG_GUESTS_MAX - 1], LIFE_NONE);
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

/* No limit, the same one in each life, or another in each. */
static void test_exits(void **state)
{
    enum { MOST = 1000, LIVES = 20000, PART = MOST / 10 };
    struct config_guest g = {0};
    u32 in[10] = {0}, most = 0, least = MOST;

    (void)state;
    assert_true(lives_exits(&g, 0) == ~0ull);
    g.exits_seed = 7;
    assert_true(lives_exits(&g, 3) == ~0ull);
    g.exits_seed = 0;
    g.exits = MOST;
    assert_int_equal(lives_exits(&g, 0), MOST);
    assert_int_equal(lives_exits(&g, 1), MOST);
    g.exits_seed = 7;
    for (u32 life = 0; life < LIVES; life++) {
        const u64 exits = lives_exits(&g, life);

        assert_true(exits >= 1 && exits <= MOST);
        assert_int_equal(exits, lives_exits(&g, life)); /* each time */
        most = MAX(most, (u32)exits);
        least = MIN(least, (u32)exits);
        in[(exits - 1) / PART]++;
    }
    assert_int_equal(least, 1);
    assert_int_equal(most, MOST);
    for (u32 i = 0; i < 10; i++) /* 2000 each, five standard deviations of 42 */
        assert_in_range(in[i], 2000 - 5 * 42, 2000 + 5 * 42);
    g.exits = 1;
    assert_int_equal(lives_exits(&g, 5), 1);
    g.exits = 4000000000;
    g.exits_seed = 4000000000;
    assert_in_range(lives_exits(&g, ~0u), 1, 4000000000);
}

/* Neighbours are no copies of each other. */
static void test_seeds(void **state)
{
    struct config_guest a = {.exits = 1000, .exits_seed = 1}, b = {.exits = 1000, .exits_seed = 2};
    u32 same_life = 0, next_life = 0;

    (void)state;
    for (u32 life = 0; life < 1000; life++) {
        same_life += lives_exits(&a, life) == lives_exits(&b, life);
        next_life += lives_exits(&a, life + 1) == lives_exits(&b, life);
    }
    assert_in_range(same_life, 0, 8); /* one is to be expected */
    assert_in_range(next_life, 0, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_together), cmocka_unit_test(test_one_by_one),
        cmocka_unit_test(test_ask),      cmocka_unit_test(test_all_ask),
        cmocka_unit_test(test_exits),    cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
