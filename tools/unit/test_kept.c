/* control/served/kept.c: entries of devices from life to life, and over whose work lives end. */
#include "control/served/kept.h"
#include "lib/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GUEST_LIFE 5u

static u64 memory[8 * KiB / sizeof(u64) + 3 * sizeof(struct kept_device) / sizeof(u64)];
static u32 life;

static void next_life(void)
{
    kept_init(memory, sizeof(memory), life++);
}

static int fresh(void **state)
{
    (void)state;
    memset(memory, 0, sizeof(memory));
    life = 0;
    next_life();
    return 0;
}

/* A life in which partition 1's device is at work when it ends. */
static void die_over(u32 index)
{
    *kept_mark() = kept_number(kept_get(1, GUEST_LIFE, index));
    next_life();
}

static void test_entries(void **state)
{
    struct kept_device *const first = kept_get(1, GUEST_LIFE, 0);

    (void)state;
    assert_non_null(first);
    first->kept.latest = 2;
    next_life();
    assert_ptr_equal(kept_get(1, GUEST_LIFE, 0), first);
    assert_int_equal(first->kept.latest, 2);
    assert_ptr_not_equal(kept_get(1, GUEST_LIFE, 1), first);
    kept_forget(1, GUEST_LIFE + 1);
    assert_int_equal(first->partition, 0);
    assert_int_equal(kept_get(1, GUEST_LIFE + 1, 0)->kept.latest, 0);
    next_life();
    assert_non_null(kept_get(2, GUEST_LIFE, 0));
    kept_forget_left(); /* that of partition 1, which nobody has asked for */
    for (u32 i = 1; i < 3; i++)
        assert_non_null(kept_get(2, GUEST_LIFE, i));
    assert_null(kept_get(2, GUEST_LIFE, 3));
}

static void test_deadly(void **state)
{
    struct kept_device *const bad = kept_get(1, GUEST_LIFE, 0), *const good =
                                                                    kept_get(1, GUEST_LIFE, 1);

    (void)state;
    for (u32 deaths = 1; deaths <= KEPT_DEADLY + 2; deaths++) {
        assert_false(deaths <= KEPT_DEADLY && kept_is_deadly(bad));
        die_over(0);
        assert_int_equal(*kept_mark(), 0);
        assert_int_equal(bad->deaths, MIN(deaths, KEPT_DEADLY));
        next_life(); /* over nobody's work */
        if (deaths < KEPT_DEADLY)
            die_over(1);
        kept_absolve(good);
    }
    assert_true(kept_is_deadly(bad));
    assert_int_equal(good->deaths, 0);
    kept_absolve(bad);
    assert_false(kept_is_deadly(bad));
}

/* The guest's next life has a device that has killed nobody. */
static void test_new_life(void **state)
{
    (void)state;
    for (u32 i = 0; i < KEPT_DEADLY; i++)
        die_over(0);
    assert_true(kept_is_deadly(kept_get(1, GUEST_LIFE, 0)));
    assert_false(kept_is_deadly(kept_get(1, GUEST_LIFE + 1, 0)));
}

/* What dies may have written anywhere; and a device may be gone. */
static void test_wrong_marks(void **state)
{
    static const u32 marks[] = {2, 4, 0x7fffffff, 0xffffffff};
    struct kept_device *const e = kept_get(1, GUEST_LIFE, 0);

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(marks); i++) {
        *kept_mark() = marks[i];
        next_life();
        assert_int_equal(*kept_mark(), 0);
        assert_int_equal(e->deaths, 0);
    }
    kept_forget(1, 0);
    *kept_mark() = 1;
    next_life();
    assert_int_equal(e->deaths, 0);
}

static void test_guests(void **state)
{
    (void)state;
    kept_guest(3, GUEST_LIFE)->address = 42;
    next_life();
    assert_int_equal(kept_guest(3, GUEST_LIFE)->address, 42);
    assert_int_equal(kept_guest(3, GUEST_LIFE + 1)->address, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_entries, fresh),
        cmocka_unit_test_setup(test_deadly, fresh),
        cmocka_unit_test_setup(test_new_life, fresh),
        cmocka_unit_test_setup(test_wrong_marks, fresh),
        cmocka_unit_test_setup(test_guests, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
