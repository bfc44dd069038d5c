/* The live view's key and clock, with a console of the test's own. */
#include "arch/x86_64/tsc.h"
#include "tools/unit/fake_guest.h"
#include "vmm/console.h"
#include "vmm/live.h"

u64 tsc_hz = 1000000;

static struct {
    u8 typed[128];
    u32 typed_len, typed_at;
    bool on_port, on_screen;
    u32 drawn;
    u64 wake;
    char title[100];
} console;

bool console_get(u8 *byte)
{
    if (console.typed_at == console.typed_len)
        return false;
    *byte = console.typed[console.typed_at++];
    return true;
}

void console_view(bool on_port, bool on_screen)
{
    console.on_port = on_port;
    console.on_screen = on_screen;
}

void console_view_draw(const char *rows, u32 count, size_t stride, u32 headings)
{
    assert_true(console.on_port || console.on_screen);
    assert_true(count > 20 && stride > 79 && headings);
    memcpy(console.title, rows, stride);
    console.drawn++;
}

void console_wake(u64 tsc)
{
    console.wake = tsc;
}

static void type(const char *text, u64 now)
{
    memcpy(console.typed, text, strlen(text));
    console.typed_len = (u32)strlen(text);
    console.typed_at = 0;
    live_poll(v, now);
}

static void gets(const char *want)
{
    u8 byte;

    for (; *want; want++) {
        assert_true(live_get(&byte));
        assert_int_equal(byte, *want);
    }
    assert_false(live_get(&byte));
}

static int fresh(void **state)
{
    (void)state;
    guest_new(LONG);
    memcpy(guest_config.name, "fresh", 6);
    memset(&console, 0, sizeof(console));
    live_attach(false);
    return 0;
}

static void test_not_shown(void **state)
{
    (void)state;
    type("abc", 1000);
    gets("abc");
    live_poll(v, 100 * tsc_hz);
    assert_int_equal(console.drawn, 0);
    assert_int_equal(console.wake, 0);
    assert_false(console.on_port || console.on_screen);
}

static void test_key(void **state)
{
    (void)state;
    type("a\x14", 1000);
    gets("a");
    assert_true(console.on_port && console.on_screen);
    assert_int_equal(console.drawn, 1);
    assert_memory_equal(console.title, "Lintel: guest fresh ", 20);
    assert_int_equal(console.wake, 1000 + tsc_hz);
    live_poll(v, 1000 + tsc_hz - 1);
    assert_int_equal(console.drawn, 1);
    live_poll(v, 1000 + tsc_hz);
    assert_int_equal(console.drawn, 2);
    type("not for the guest", 5 * tsc_hz);
    gets("");
    assert_int_equal(console.drawn, 3);
    type("\x14"
         "back",
         6 * tsc_hz - 1);
    gets("back");
    assert_false(console.on_port || console.on_screen);
    live_poll(v, 60 * tsc_hz);
    assert_int_equal(console.drawn, 3);
}

/* Twice at once: the character itself. */
static void test_key_for_the_guest(void **state)
{
    (void)state;
    type("a\x14\x14z", 1000);
    gets("a\x14z");
    assert_false(console.on_port);
    type("\x14", 2000);
    type("\x14", 2000 + tsc_hz / 2 - 1);
    gets("\x14");
    type("\x14", 3000 + tsc_hz);
    type("\x14", 3000 + tsc_hz + tsc_hz / 2);
    gets("");
    assert_false(console.on_port);
}

/* A guest that reads nothing: the key works, and nothing that was typed is lost. */
static void test_full(void **state)
{
    char many[101] = "";

    (void)state;
    type("0123456789\x14\x14", 1000);
    type("\x14", tsc_hz);
    assert_true(console.on_port);
    type("\x14", 2 * tsc_hz);
    memset(many, 'x', 100);
    type(many, 3 * tsc_hz);
    assert_int_equal(console.typed_at, 64 - 11);
    gets("0123456789\x14xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    live_poll(v, 4 * tsc_hz);
    assert_int_equal(console.typed_at, 100);
}

static void test_on_the_screen_always(void **state)
{
    (void)state;
    live_attach(true);
    assert_true(console.on_screen && !console.on_port);
    live_poll(v, 1000);
    assert_int_equal(console.drawn, 1);
    type("abc", 2000); /* who types there sees the guest's port */
    gets("abc");
    type("\x14", 3000);
    assert_true(console.on_screen && console.on_port);
    type("\x14", 3 * tsc_hz);
    assert_true(console.on_screen && !console.on_port);
    live_attach(false); /* the next guest */
    assert_false(console.on_screen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_not_shown, fresh),
        cmocka_unit_test_setup(test_key, fresh),
        cmocka_unit_test_setup(test_key_for_the_guest, fresh),
        cmocka_unit_test_setup(test_full, fresh),
        cmocka_unit_test_setup(test_on_the_screen_always, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
