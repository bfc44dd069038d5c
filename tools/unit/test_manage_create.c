/* control/manage/create.c: a guest is made at the shell, whose answer waits. */
#include "tools/unit/manage_world.h"

static const char *look_at_making(void)
{
    said_nothing();
    making_look(&m.making, &world, &shell.out);
    return said;
}

/* The answer waits until the guest runs. */
static void test_create(void **state)
{
    (void)state;
    assert_string_equal(run("create new --kernel \\vm\\linux --memory 32M --vcpus 2 --console"),
                        "");
    assert_string_equal(ordered, "create 9");
    assert_string_equal(spec.name, "new");
    assert_string_equal(spec.kernel, "ide0:1:/vm/linux");
    assert_int_equal(spec.memory, 32 * MiB);
    assert_int_equal(spec.vcpus, 2);
    assert_int_equal(spec.held, 0);
    assert_true(m.making.on && m.actions.goes_on(&m));
    assert_string_equal(look_at_making(), "");
    outcome = MANAGE_MADE;
    assert_non_null(strstr(look_at_making(), "new runs\r\nits console is in front"));
    assert_string_equal(ordered, "show 9");
    assert_false(m.making.on || m.actions.goes_on(&m));
}

static void test_create_refused(void **state)
{
    (void)state;
    gives = E_NOMEM;
    assert_true(has("create new --kernel a", "no room for new\r\n"));
    assert_false(m.making.on);
    assert_true(has("create new --kernel a --json", "\"error\": \"no room for new\""));
    ordered[0] = '\0';
    volume = "";
    assert_true(has("create new --kernel a", "no disk of the control partition has"));
    assert_string_equal(ordered, "");
}

static void test_create_fails(void **state)
{
    (void)state;
    assert_string_equal(run("create new --kernel a --console --json"), "");
    outcome = MANAGE_NOT_MADE;
    assert_non_null(strstr(look_at_making(), "\"error\": \"new: it is no image\""));
    assert_string_equal(ordered, "create 9");
    assert_false(m.making.on);
}

static void test_create_held(void **state)
{
    (void)state;
    assert_true(has("create new --kernel a --paused", "new is made, and waits; 'start' starts it"));
    assert_int_equal(spec.held, 1);
    assert_false(m.making.on);
}

/* One that was made is no more; one of lintel.conf stays. */
static void test_destroy(void **state)
{
    (void)state;
    old_is_made = true;
    assert_string_equal(run("destroy old"), "old ends, and is no more\r\n");
    assert_string_equal(ordered, "forget 4");
    assert_string_equal(run("destroy db"), "db ends\r\n");
    assert_string_equal(ordered, "end 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_create, fresh),
        cmocka_unit_test_setup(test_create_refused, fresh),
        cmocka_unit_test_setup(test_create_fails, fresh),
        cmocka_unit_test_setup(test_create_held, fresh),
        cmocka_unit_test_setup(test_destroy, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
