/* boot/needs.c: how much memory the guests of a configuration have at once. */
#include "boot/needs.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct config config;

static void guests(u32 run, const u64 *memory, const u32 *start, u32 count)
{
    config = (struct config){.run = run, .guest_count = count};
    for (u32 i = 0; i < count; i++) {
        config.guest[i].memory = memory[i];
        config.guest[i].start = start[i];
    }
}

static void test_memory(void **state)
{
    static const u64 memory[] = {64 * MiB, 256 * MiB, 512 * MiB};
    static const u32 all[] = {CONFIG_START_BOOT, CONFIG_START_BOOT, CONFIG_START_BOOT};
    static const u32 two[] = {CONFIG_START_BOOT, CONFIG_START_BOOT, CONFIG_START_ASK};
    static const u32 none[] = {CONFIG_START_ASK, CONFIG_START_ASK, CONFIG_START_ASK};

    (void)state;
    guests(CONFIG_RUN_TOGETHER, memory, all, 3);
    assert_int_equal(needs_guest_memory(&config), 832 * MiB);
    guests(CONFIG_RUN_ONE_BY_ONE, memory, all, 3);
    assert_int_equal(needs_guest_memory(&config), 512 * MiB);
    guests(CONFIG_RUN_TOGETHER, memory, two, 3);
    assert_int_equal(needs_guest_memory(&config), 512 * MiB); /* the one that is asked for */
    guests(CONFIG_RUN_TOGETHER, memory, none, 3);
    assert_int_equal(needs_guest_memory(&config), 512 * MiB);
    guests(CONFIG_RUN_ONE_BY_ONE, memory, all, 3);
    config.control_memory = 16 * MiB; /* of nobody */
    assert_int_equal(needs_guest_memory(&config), 512 * MiB);
    config.control[0] = 'c';
    assert_int_equal(needs_guest_memory(&config), 528 * MiB);
    guests(CONFIG_RUN_TOGETHER, memory, all, 0);
    assert_int_equal(needs_guest_memory(&config), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
