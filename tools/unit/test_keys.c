/* What is typed at the machine's ports, with consoles of the test's own: for whom it is, and the
 * key that brings the control partition's console. */
#include "arch/x86_64/tsc.h"
#include "tools/unit/fake_guest.h"
#include "vmm/console.h"
#include "vmm/control_life.h"
#include "vmm/keys.h"
#include "vmm/outlet.h"

u64 tsc_hz = 1000000;

static struct vm other, control;
static bool control_lives, control_is_there;

static struct {
    u8 typed[OUTLETS][2048];
    u32 typed_len[OUTLETS], typed_at[OUTLETS];
    struct vm *front[OUTLETS], *beneath[OUTLETS];
    u64 wake;
} console;

struct vm *control_vm(void)
{
    return control_lives ? &control : NULL;
}

bool control_exists(void)
{
    return control_is_there;
}

bool console_get(u32 n, u8 *byte)
{
    if (console.typed_at[n] == console.typed_len[n])
        return false;
    *byte = console.typed[n][console.typed_at[n]++];
    return true;
}

struct vm *console_front(u32 n)
{
    return console.front[n];
}

void console_call(struct vm *who, u32 n)
{
    assert_ptr_equal(who, &control);
    console.beneath[n] = console.front[n];
    console.front[n] = who;
}

void console_leave_front(struct vm *who)
{
    for (u32 n = 0; n < OUTLETS; n++)
        if (console.front[n] == who)
            console.front[n] = console.beneath[n];
}

void console_wake(u64 tsc)
{
    console.wake = tsc;
}

static void type_at(u32 port, const char *text, u64 now)
{
    memcpy(console.typed[port], text, strlen(text));
    console.typed_len[port] = (u32)strlen(text);
    console.typed_at[port] = 0;
    keys_poll(now);
}

static void type(const char *text, u64 now)
{
    type_at(1, text, now);
}

static void gets_of(struct vm *who, const char *want)
{
    u8 byte;

    for (; *want; want++) {
        assert_true(guest_console_get(&who->console, &byte));
        assert_int_equal(byte, *want);
    }
    assert_false(guest_console_has_typed(&who->console));
}

static void gets(const char *want)
{
    gets_of(&vm, want);
}

static int fresh(void **state)
{
    (void)state;
    guest_new(LONG);
    guest_console_init(&other.console);
    guest_console_init(&control.console);
    control_lives = control_is_there = true;
    memset(&console, 0, sizeof(console));
    console.front[1] = console.front[OUTLET_SCREEN] = &vm;
    console.front[2] = &other;
    return 0;
}

/* Each port has its guest; what is typed where there is none is nobody's. */
static void test_ports(void **state)
{
    (void)state;
    type_at(2, "for the other", 1000);
    type("for this one", 1000);
    type_at(0, "for nobody", 2000);
    gets("for this one");
    gets_of(&other, "for the other");
    gets_of(&control, "");
    assert_int_equal(console.wake, 0);
}

static void test_key(void **state)
{
    (void)state;
    type("a\x1cls", tsc_hz);
    gets("a");
    gets_of(&control, "\x0cls"); /* its line is drawn anew */
    type("x\x1cy", 2 * tsc_hz);
    gets_of(&control, "x");
    gets("y");
    type_at(0, "\x1cz", 3 * tsc_hz); /* no guest is there */
    gets_of(&control, "\x0cz");
    type_at(2, "\x1c", 4 * tsc_hz);
    gets_of(&control, "\x0c");
    gets_of(&other, "");
}

/* Twice at once: the character itself. */
static void test_key_for_the_guest(void **state)
{
    (void)state;
    type("a\x1c\x1cz", tsc_hz);
    gets("a\x1cz");
    type("\x1c", 2 * tsc_hz);
    type("\x1c", 2 * tsc_hz + tsc_hz / 2 - 1);
    gets("\x1c");
    type("\x1c", 4 * tsc_hz);
    type("\x1c", 4 * tsc_hz + tsc_hz / 2);
    gets("");
    type("\x1cx", 4 * tsc_hz + tsc_hz / 2 + 1); /* who has just left may come back */
    gets_of(&control, "\x0c\x0c\x0c\x0cx");
}

/* Without a control partition it is a character as others. */
static void test_no_control_partition(void **state)
{
    (void)state;
    control_lives = control_is_there = false;
    type("a\x1cz", tsc_hz);
    gets("a\x1cz");
}

/* Between two lives of it, too, only twice is one for the guest. */
static void test_dead_control_partition(void **state)
{
    (void)state;
    control_lives = false;
    type("a\x1cz", tsc_hz);
    gets("az");
    type("\x1c\x1c", 3 * tsc_hz);
    gets("\x1c");
}

/* A guest that reads nothing: what was typed waits, but not the key for long. */
static void test_full(void **state)
{
    char many[401] = "";
    u8 byte;

    (void)state;
    memset(many, 'x', 400);
    type(many, 1000);
    assert_int_equal(console.typed_at[1], GUEST_CONSOLE_TYPED);
    assert_int_equal(console.wake, 1000 + tsc_hz / 10);
    keys_poll(1000 + tsc_hz);
    assert_int_equal(console.typed_at[1], GUEST_CONSOLE_TYPED);
    assert_true(guest_console_get(&vm.console, &byte));
    keys_poll(1000 + 3 * tsc_hz / 2); /* it reads */
    assert_int_equal(console.typed_at[1], GUEST_CONSOLE_TYPED + 1);
    keys_poll(1000 + 2 * tsc_hz);
    assert_int_equal(console.typed_at[1], GUEST_CONSOLE_TYPED + 1);
    console.typed[1][399] = 0x1c;
    keys_poll(1001 + 5 * tsc_hz / 2);
    assert_int_equal(console.typed_at[1], 400);
    gets_of(&control, "\x0c");
    for (u32 i = 0; i < GUEST_CONSOLE_TYPED; i++)
        assert_true(guest_console_get(&vm.console, &byte));
    gets("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_ports, fresh),
        cmocka_unit_test_setup(test_key, fresh),
        cmocka_unit_test_setup(test_key_for_the_guest, fresh),
        cmocka_unit_test_setup(test_no_control_partition, fresh),
        cmocka_unit_test_setup(test_dead_control_partition, fresh),
        cmocka_unit_test_setup(test_full, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
