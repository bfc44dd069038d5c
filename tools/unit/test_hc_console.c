/* vmm/hc_console.c: a guest's console at the control partition. */
#include "tools/unit/fake_control.h"
#include "vmm/hc_console.h"

#define EVENT 9u
#define HOLDS (GUEST_CONSOLE_SIZE - 1u)
#define END   (CONTROL_BASE + CONTROL_BYTES)

static bool is_pending(u32 port)
{
    return info->pending[port / 64] >> (port % 64) & 1;
}

static void type(const char *text)
{
    while (*text)
        assert_true(guest_console_type(&vm.console, (u8)*text++));
}

static void test_write(void **state)
{
    u8 got[8];

    (void)state;
    memcpy(control_ram(SCRAP), "hello", 5);
    guest_console_attend(&vm.console, READER_PORT, true);
    assert_int_equal(call(HC_console_write, PARTITION, SCRAP, 5, 0), 5);
    assert_int_equal(guest_console_peek(&vm.console, READER_PORT, got, 8), 5);
    assert_memory_equal(got, "hello", 5);
    assert_int_equal(call(HC_console_write, PARTITION, SCRAP, 0, 0), 0);
    assert_int_equal(vm.console.head, 5);
}

/* Nothing of a call that is refused is written. */
static void test_write_is_checked(void **state)
{
    static const struct {
        u64 partition, gpa, len;
        i64 result;
    } cases[] = {
        {PARTITION, SCRAP, ABI_CONSOLE_MAX + 1, ABI_EINVAL},
        {PARTITION, SCRAP, ~0ull, ABI_EINVAL},
        {PARTITION, END - 4, 5, ABI_EFAULT},
        {PARTITION, 0, 1, ABI_EFAULT},
        {PARTITION, ~0ull, 2, ABI_EFAULT},
        {NOBODY, SCRAP, 1, ABI_ENOENT},
        {0, END - 4, 5, ABI_EFAULT},
        {PARTITIONS, SCRAP, 1, ABI_ENOENT},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const u64 partition = cases[i].partition, gpa = cases[i].gpa, len = cases[i].len;

        if (call(HC_console_write, partition, gpa, len, 0) != cases[i].result ||
            call(HC_console_read, partition, gpa, len, 0) != cases[i].result)
            fail_msg("case %zu", i);
    }
    assert_int_equal(vm.console.head, 0);
    assert_int_equal(call(HC_console_write, PARTITION, END - 4, 4, 0), 4);
    boundary_leave(&vm);
    assert_int_equal(call(HC_console_write, PARTITION, SCRAP, 1, 0), ABI_EPERM);
    assert_int_equal(call(HC_console_read, PARTITION, SCRAP, 1, 0), ABI_EPERM);
    assert_int_equal(call(HC_console_events, PARTITION, EVENT, 0, 0), ABI_EPERM);
}

/* As much as there is room for; and then the event is due when there is room again. */
static void test_write_to_a_full_console(void **state)
{
    u8 got[3];

    (void)state;
    assert_int_equal(call(HC_console_events, PARTITION, EVENT, 0, 0), ABI_OK);
    guest_console_attend(&vm.console, READER_PORT, true);
    for (u32 i = 0; i < HOLDS / ABI_CONSOLE_MAX; i++)
        assert_int_equal(call(HC_console_write, PARTITION, SCRAP, ABI_CONSOLE_MAX, 0),
                         ABI_CONSOLE_MAX);
    assert_int_equal(call(HC_console_write, PARTITION, SCRAP, ABI_CONSOLE_MAX, 0),
                     HOLDS % ABI_CONSOLE_MAX);
    assert_int_equal(call(HC_console_write, PARTITION, SCRAP, ABI_CONSOLE_MAX, 0), 0);
    assert_int_equal(guest_console_news(&vm.console), 0);
    assert_int_equal(guest_console_peek(&vm.console, READER_PORT, got, 3), 3);
    guest_console_take(&vm.console, READER_PORT, 3);
    assert_int_equal(guest_console_news(&vm.console), EVENT);
    assert_int_equal(call(HC_console_write, PARTITION, SCRAP, ABI_CONSOLE_MAX, 0), 3);
}

static void test_read(void **state)
{
    const char *const got = control_ram(SCRAP);

    (void)state;
    type("first");
    assert_int_equal(call(HC_console_read, PARTITION, SCRAP, 100, 0), 0); /* it is COM1's */
    assert_int_equal(call(HC_console_events, PARTITION, EVENT, 0, 0), ABI_OK);
    assert_int_equal(call(HC_console_read, PARTITION, END - 2, 3, 0), ABI_EFAULT); /* takes none */
    assert_int_equal(call(HC_console_read, PARTITION, SCRAP, 3, 0), 3);
    assert_memory_equal(got, "fir", 4);
    assert_int_equal(call(HC_console_read, PARTITION, SCRAP, ABI_CONSOLE_MAX, 0), 2);
    assert_memory_equal(got, "str", 4);
    assert_int_equal(call(HC_console_read, PARTITION, SCRAP, ABI_CONSOLE_MAX, 0), 0);
}

static void test_events(void **state)
{
    (void)state;
    assert_int_equal(call(HC_console_events, PARTITION, ABI_EVENTS, 0, 0), ABI_EINVAL);
    assert_int_equal(call(HC_console_events, PARTITION, BIT(32) + EVENT, 0, 0), ABI_EINVAL);
    assert_int_equal(call(HC_console_events, NOBODY, EVENT, 0, 0), ABI_ENOENT);
    assert_int_equal(vm.console.event, 0);
    v->todo = 0;
    assert_int_equal(call(HC_console_events, PARTITION, EVENT, 0, 0), ABI_OK);
    assert_int_equal(vm.console.event, EVENT);
    assert_true(is_pending(EVENT));
    assert_false(v->todo & TODO_CONSOLE);
    assert_int_equal(call(HC_console_events, PARTITION, 0, 0, 0), ABI_OK);
    assert_int_equal(vm.console.event, 0);
    assert_true(v->todo & TODO_CONSOLE); /* what was typed is COM1's */
    assert_false(is_pending(0));
}

/* The control partition has one of its own, beside those of its guests. */
static void test_its_own(void **state)
{
    struct guest_console *const own = &the_control.console;
    u8 got[8];

    (void)state;
    memcpy(control_ram(SCRAP), "prompt", 6);
    guest_console_attend(own, READER_SCREEN, true);
    assert_int_equal(call(HC_console_write, 0, SCRAP, 6, 0), 6);
    assert_int_equal(guest_console_peek(own, READER_SCREEN, got, 8), 6);
    assert_memory_equal(got, "prompt", 6);
    assert_int_equal(vm.console.head, 0);
    assert_true(guest_console_type(own, 'x'));
    assert_int_equal(call(HC_console_read, 0, SCRAP, 8, 0), 0);
    assert_int_equal(call(HC_console_events, 0, EVENT, 0, 0), ABI_OK);
    assert_true(is_pending(EVENT));
    assert_int_equal(guest_console_news(own), EVENT);
    assert_int_equal(call(HC_console_read, 0, SCRAP, 8, 0), 1);
    assert_int_equal(*(char *)control_ram(SCRAP), 'x');
    assert_int_equal(the_control.lock.next, the_control.lock.serving);
    partition_remove(&vm); /* the lock of the partitions is free */
    assert_int_equal(call(HC_console_write, 0, SCRAP, 1, 0), 1);
}

/* As much as there is room for. */
static void test_typed(void **state)
{
    struct keyboard *const k = &fake_cpu.keyboard;
    u8 byte;

    (void)state;
    memcpy(control_ram(SCRAP), "abcdefghijklmnop", 16);
    assert_int_equal(call(HC_typed, SCRAP, ABI_TYPED_MAX + 1, 0, 0), ABI_EINVAL);
    assert_int_equal(call(HC_typed, SCRAP, ~0ull, 0, 0), ABI_EINVAL);
    assert_int_equal(call(HC_typed, END - 1, 2, 0, 0), ABI_EFAULT);
    assert_int_equal(call(HC_typed, SCRAP, 0, 0, 0), 0);
    assert_false(keyboard_get(k, &byte));
    assert_int_equal(call(HC_typed, SCRAP, 2, 0, 0), 2);
    assert_true(keyboard_get(k, &byte) && byte == 'a' && keyboard_get(k, &byte) && byte == 'b');
    for (u32 i = 0; i < KEYBOARD_SIZE / 16; i++)
        assert_int_equal(call(HC_typed, SCRAP, 16, 0, 0), 16);
    assert_int_equal(call(HC_typed, SCRAP, 16, 0, 0), 0);
    assert_true(keyboard_get(k, &byte) && keyboard_get(k, &byte) && keyboard_get(k, &byte));
    assert_int_equal(call(HC_typed, SCRAP, 16, 0, 0), 3);
}

/* The control partition dies. */
static void test_drop_all(void **state)
{
    (void)state;
    hc_console_drop_all(); /* nobody had it */
    assert_false(v->todo & TODO_CONSOLE);
    assert_int_equal(call(HC_console_events, PARTITION, EVENT, 0, 0), ABI_OK);
    boundary_close(false);
    hc_console_drop_all();
    assert_int_equal(vm.console.event, 0);
    assert_true(v->todo & TODO_CONSOLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_write, both_new),
        cmocka_unit_test_setup(test_write_is_checked, both_new),
        cmocka_unit_test_setup(test_write_to_a_full_console, both_new),
        cmocka_unit_test_setup(test_read, both_new),
        cmocka_unit_test_setup(test_events, both_new),
        cmocka_unit_test_setup(test_its_own, both_new),
        cmocka_unit_test_setup(test_typed, both_new),
        cmocka_unit_test_setup(test_drop_all, both_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
