/* The live view's key and clock, and what is typed for guests, with consoles of the test's own. */
#include "arch/x86_64/tsc.h"
#include "tools/unit/fake_guest.h"
#include "vmm/console.h"
#include "vmm/cpu_share.h"
#include "vmm/keys.h"
#include "vmm/live.h"
#include "vmm/monitor.h"
#include "vmm/outlet.h"

u64 tsc_hz = 1000000;

static struct vm other; /* at another port */
static struct config_guest other_config;

static struct {
    u8 typed[OUTLETS][2048];
    u32 typed_len[OUTLETS], typed_at[OUTLETS];
    struct vm *front[OUTLETS];
    bool covered[OUTLETS];
    u32 covers[OUTLETS];
    char said[4096];
    u32 said_len;
    u32 drawn[OUTLETS];
    char title[OUTLETS][100];
    u64 wake;
} console;

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

void console_cover(u32 n, bool covered)
{
    console.covers[n] += covered && !console.covered[n];
    console.covered[n] = covered;
}

void console_draw(u32 n, const char *rows, u32 count, size_t stride, u32 headings)
{
    assert_true(console.covered[n]);
    assert_true(count > 20 && stride > 79 && (headings || monitor_is_open()));
    memcpy(console.title[n], rows, stride);
    console.drawn[n]++;
}

void console_wake(u64 tsc)
{
    console.wake = tsc;
}

u32 console_say(u32 n, const char *text, u32 len)
{
    assert_true(console.covered[n] && console.said_len + len < sizeof(console.said));
    memcpy(console.said + console.said_len, text, len);
    console.said_len += len;
    return len;
}

u32 console_covers(u32 n)
{
    return console.covers[n];
}

static void poll(u64 now)
{
    keys_poll(now);
    if (monitor_is_open()) {
        live_hide();
        monitor_poll();
    } else {
        live_poll(now);
    }
}

static void type_at(u32 port, const char *text, u64 now)
{
    memcpy(console.typed[port], text, strlen(text));
    console.typed_len[port] = (u32)strlen(text);
    console.typed_at[port] = 0;
    poll(now);
}

static void type(const char *text, u64 now)
{
    type_at(1, text, now);
}

static void guest_gets(struct vm *who, const char *want)
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
    guest_gets(&vm, want);
}

static int fresh(void **state)
{
    (void)state;
    monitor_close(); /* the test before's */
    live_forget(&vm);
    live_forget(&other);
    guest_new(LONG);
    memcpy(guest_config.name, "fresh", 6);
    other.config = &other_config;
    other.vcpus = 1;
    other.vcpu[0] = v;
    memcpy(other_config.name, "other", 6);
    other_config.live = CONFIG_OFF;
    guest_console_init(&other.console);
    memset(&console, 0, sizeof(console));
    console.front[1] = console.front[OUTLET_SCREEN] = &vm;
    console.front[2] = &other;
    poll(1);
    return 0;
}

static void test_not_shown(void **state)
{
    (void)state;
    type("abc", 1000);
    gets("abc");
    poll(100 * tsc_hz);
    assert_int_equal(console.drawn[1] + console.drawn[OUTLET_SCREEN], 0);
    assert_int_equal(console.wake, 0);
    assert_false(console.covered[1] || console.covered[OUTLET_SCREEN]);
}

static void test_key(void **state)
{
    (void)state;
    type("a\x14", 1000);
    gets("a");
    assert_true(console.covered[1] && console.covered[OUTLET_SCREEN]);
    assert_int_equal(console.drawn[1], 1);
    assert_int_equal(console.drawn[OUTLET_SCREEN], 1);
    assert_memory_equal(console.title[1], "Lintel: guest fresh ", 20);
    assert_int_equal(console.wake, 1000 + tsc_hz);
    poll(1000 + tsc_hz - 1);
    assert_int_equal(console.drawn[1], 1);
    poll(1000 + tsc_hz);
    assert_int_equal(console.drawn[1], 2);
    type("not for the guest", 5 * tsc_hz);
    gets("");
    assert_int_equal(console.drawn[1], 3);
    type("\x14"
         "back",
         6 * tsc_hz - 1);
    gets("back");
    assert_false(console.covered[1] || console.covered[OUTLET_SCREEN]);
    poll(60 * tsc_hz);
    assert_int_equal(console.drawn[1], 3);
}

/* Twice at once: the character itself. */
static void test_key_for_the_guest(void **state)
{
    (void)state;
    type("a\x14\x14z", 1000);
    gets("a\x14z");
    assert_false(console.covered[1]);
    type("\x14", 2000);
    type("\x14", 2000 + tsc_hz / 2 - 1);
    gets("\x14");
    type("\x14", 3000 + tsc_hz);
    type("\x14", 3000 + tsc_hz + tsc_hz / 2);
    gets("");
    assert_false(console.covered[1]);
}

/* Each port has its guest; the view is of the one where the key was typed last. */
static void test_ports(void **state)
{
    (void)state;
    type_at(2, "for the other", 1000);
    type("for this one", 1000);
    gets("for this one");
    guest_gets(&other, "for the other");
    type_at(0, "for nobody\x14", 2000);
    assert_false(console.covered[0] || console.covered[OUTLET_SCREEN]);
    type_at(2, "\x14", 3000);
    assert_memory_equal(console.title[2], "Lintel: guest other ", 20);
    assert_memory_equal(console.title[OUTLET_SCREEN], "Lintel: guest other ", 20);
    assert_false(console.covered[1]);
    type("still\x14", 4000);
    gets("still");
    assert_true(console.covered[1] && !console.covered[2]);
    assert_memory_equal(console.title[OUTLET_SCREEN], "Lintel: guest fresh ", 20);
    type_at(2, "again", 5000);
    guest_gets(&other, "again");
}

/* A guest that reads nothing: what was typed waits, but not the keys for long. */
static void test_full(void **state)
{
    char many[401] = "";
    u8 byte;

    (void)state;
    memset(many, 'x', 400);
    type(many, 1000);
    assert_int_equal(console.typed_at[1], GUEST_CONSOLE_TYPED);
    poll(1000 + tsc_hz);
    assert_int_equal(console.typed_at[1], GUEST_CONSOLE_TYPED);
    assert_true(guest_console_get(&vm.console, &byte));
    poll(1000 + 3 * tsc_hz / 2); /* it reads */
    assert_int_equal(console.typed_at[1], GUEST_CONSOLE_TYPED + 1);
    poll(1000 + 2 * tsc_hz);
    assert_int_equal(console.typed_at[1], GUEST_CONSOLE_TYPED + 1);
    console.typed[1][399] = 0x14;
    poll(1001 + 5 * tsc_hz / 2);
    assert_int_equal(console.typed_at[1], 400);
    assert_true(console.covered[1]);
    for (u32 i = 0; i < GUEST_CONSOLE_TYPED; i++)
        assert_true(guest_console_get(&vm.console, &byte));
    gets("");
}

static void test_on_the_screen_always(void **state)
{
    (void)state;
    guest_config.live = CONFIG_ON;
    poll(1000);
    assert_true(console.covered[OUTLET_SCREEN] && !console.covered[1]);
    assert_int_equal(console.drawn[OUTLET_SCREEN], 1);
    type("abc", 2000); /* who types there sees the guest's port */
    gets("abc");
    type("\x14", 3000);
    assert_true(console.covered[OUTLET_SCREEN] && console.covered[1]);
    type("\x14", 3 * tsc_hz);
    assert_true(console.covered[OUTLET_SCREEN] && !console.covered[1]);
    console.front[OUTLET_SCREEN] = &other; /* the next guest */
    poll(4 * tsc_hz);
    assert_false(console.covered[OUTLET_SCREEN]);
}

/* Its guest ends. */
static void test_forget(void **state)
{
    (void)state;
    type("\x14", 1000);
    live_forget(&other);
    assert_true(console.covered[1]);
    live_forget(&vm);
    assert_false(console.covered[1] || console.covered[OUTLET_SCREEN]);
    console.front[1] = console.front[OUTLET_SCREEN] = NULL;
    poll(2000);
    assert_false(console.covered[1] || console.covered[OUTLET_SCREEN]);
}

/* The monitor has its port and the screen; what is typed there is a line for it. */
static void test_monitor(void **state)
{
    (void)state;
    type("\x14", 1000);
    type("a\x1c", tsc_hz);
    gets("");
    assert_true(monitor_is_at(1) && !monitor_is_at(2) && !live_is_at(1));
    assert_true(console.covered[1] && console.covered[OUTLET_SCREEN]);
    assert_non_null(strstr(console.said, "lintel> "));
    assert_null(monitor_line());
    type_at(2, "not here", 2 * tsc_hz);
    guest_gets(&other, "not here");
    type("list\rmore", 2 * tsc_hz);
    assert_string_equal(monitor_line(), "list");
    assert_int_equal(console.typed_at[1], 5); /* one after the other */
    assert_true(fake_cpu.asked & CPU_MONITOR);
    monitor_say("it is %s", "so");
    monitor_next_line();
    poll(3 * tsc_hz);
    assert_non_null(strstr(console.said, "list\r\nit is so\r\nlintel> more"));
    assert_memory_equal(console.title[OUTLET_SCREEN], "Lintel's monitor", 16);
    console.said_len = 0;
    console_cover(1, false); /* a guest's end */
    console_cover(1, true);
    poll(3 * tsc_hz);
    assert_non_null(strstr(console.said, "it is so\r\nlintel> more"));
    fake_cpu.asked = 0;
    type("\x1c", 4 * tsc_hz);
    assert_false(monitor_is_open() || console.covered[1] || console.covered[OUTLET_SCREEN]);
    assert_true(fake_cpu.asked & CPU_CONTROL);
    type("b", 5 * tsc_hz);
    gets("b");
    type("\x1c\x1c", 6 * tsc_hz);
    gets("\x1c");
    assert_false(monitor_is_open());
    type_at(0, "\x1c", 7 * tsc_hz); /* at a port of the log */
    assert_true(monitor_is_at(0));
    type("\x14", 8 * tsc_hz); /* the screen is the monitor's */
    assert_false(live_is_at(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_not_shown, fresh),
        cmocka_unit_test_setup(test_key, fresh),
        cmocka_unit_test_setup(test_key_for_the_guest, fresh),
        cmocka_unit_test_setup(test_ports, fresh),
        cmocka_unit_test_setup(test_full, fresh),
        cmocka_unit_test_setup(test_on_the_screen_always, fresh),
        cmocka_unit_test_setup(test_forget, fresh),
        cmocka_unit_test_setup(test_monitor, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
