/* The monitor's line editor, and what its lines say. */
#include "vmm/monitor_parse.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct monitor_editor e;
static char echo[MONITOR_ECHO];
static const struct monitor_names names = {3, {"web", "web2", "7"}};

static int fresh(void **state)
{
    (void)state;
    monitor_editor_init(&e);
    return 0;
}

/* How many lines became complete. */
static u32 type(const char *text)
{
    u32 lines = 0;

    for (; *text; text++)
        if (monitor_editor_type(&e, (u8)*text, echo)) {
            lines++;
            monitor_editor_next(&e);
        }
    return lines;
}

static void test_line(void **state)
{
    (void)state;
    assert_int_equal(type("list"), 0);
    assert_string_equal(e.line, "list");
    assert_string_equal(echo, "t");
    assert_true(monitor_editor_type(&e, '\r', echo));
    assert_string_equal(e.line, "list");
    assert_string_equal(echo, "\r\n");
    monitor_editor_next(&e);
    assert_string_equal(e.line, "");
    assert_int_equal(type("\n"), 0); /* the other half of the line's end */
    assert_int_equal(type("\n\r\n\r\r"), 4);
}

static void test_edit(void **state)
{
    (void)state;
    type("ab\bc\x7f"
         "d");
    assert_string_equal(e.line, "ad");
    type("\b");
    assert_string_equal(echo, "\b \b");
    type("\b");
    type("\b");
    assert_string_equal(echo, "");
    type("stop web\x15");
    assert_string_equal(e.line, "");
    assert_string_equal(echo, "\r\x1b[K" MONITOR_PROMPT);
    type("\x01");
    assert_string_equal(echo, "\a");
    type("\xc3");
    assert_string_equal(e.line, "");
    for (u32 i = 0; i < MONITOR_LINE + 5; i++)
        type("x");
    assert_int_equal(strlen(e.line), MONITOR_LINE);
    assert_string_equal(echo, "\a");
}

static void test_history(void **state)
{
    (void)state;
    type("\x1b[A");
    assert_string_equal(e.line, "");
    type("one\rtwo\rtwo\r\rthree\rhalf");
    type("\x1b[A");
    assert_string_equal(e.line, "three");
    assert_string_equal(echo, "\r\x1b[K" MONITOR_PROMPT "three");
    type("\x10");
    assert_string_equal(e.line, "two");
    type("\x1bOA\x1b[A");
    assert_string_equal(e.line, "one"); /* the first */
    type("\x1b[B\x0e");
    assert_string_equal(e.line, "three");
    type("\x1b[B\x1b[B");
    assert_string_equal(e.line, "");
    type("\x1b[3~\x1b[1;5C\x1bz");
    assert_string_equal(e.line, ""); /* keys that it does not know */
    for (u32 i = 0; i < 3 * MONITOR_HISTORY; i++)
        type(i % 2 ? "odd\r" : "even\r");
    for (u32 i = 0; i < 3 * MONITOR_HISTORY; i++)
        type("\x10");
    assert_string_equal(e.line, "even"); /* the oldest that is kept */
}

static const struct {
    const char *line;
    u32 command; /* MONITOR_COMMANDS: none */
    u32 arg[3];
    const char *error;
} lines[] = {
    {"", MONITOR_COMMANDS, {0}, ""},
    {"   ", MONITOR_COMMANDS, {0}, ""},
    {"help", MONITOR_help, {0}, ""},
    {" list  ", MONITOR_list, {0}, ""},
    {"h", MONITOR_help, {0}, ""},
    {"star web", MONITOR_start, {0}, ""},
    {"stop web2", MONITOR_stop, {1}, ""},
    {"reset 7", MONITOR_reset, {2}, ""},
    {"move   web2 1 3", MONITOR_move, {1, 1, 3}, ""},
    {"move web 9999 0", MONITOR_move, {0, 9999, 0}, ""},
    {"sta web", MONITOR_COMMANDS, {0}, "'sta' may be 'start' or 'stats'; type more of it"},
    {"l", MONITOR_COMMANDS, {0}, "'l' may be 'list' or 'log'; type more of it"},
    {"Help", MONITOR_COMMANDS, {0}, "unknown command 'Help'; 'help' lists them"},
    {"listx", MONITOR_COMMANDS, {0}, "unknown command 'listx'; 'help' lists them"},
    {"stop", MONITOR_COMMANDS, {0}, "'stop' wants more: stop NAME"},
    {"stop we", MONITOR_COMMANDS, {0}, "there is no guest 'we'; 'list' shows the guests"},
    {"stop web22", MONITOR_COMMANDS, {0}, "there is no guest 'web22'; 'list' shows the guests"},
    {"stop web web2", MONITOR_COMMANDS, {0}, "'web2' is too much; it is: stop NAME"},
    {"list all", MONITOR_COMMANDS, {0}, "'all' is too much; it is: list "},
    {"move web 1", MONITOR_COMMANDS, {0}, "'move' wants more: move NAME VCPU CPU"},
    {"move web x 1",
     MONITOR_COMMANDS,
     {0},
     "'x' is no number of a vCPU; 'list' and 'cpus' show them"},
    {"move web 0 -1",
     MONITOR_COMMANDS,
     {0},
     "'-1' is no number of a CPU; 'list' and 'cpus' show them"},
    {"move web 0 10000",
     MONITOR_COMMANDS,
     {0},
     "'10000' is no number of a CPU; 'list' and 'cpus' show them"},
};

static void test_orders(void **state)
{
    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(lines); i++) {
        struct monitor_order order;
        char error[MONITOR_ERROR_MAX];
        const bool good = monitor_parse(lines[i].line, &names, &order, error);

        assert_string_equal(error, lines[i].error);
        assert_int_equal(good, lines[i].error[0] == '\0');
        assert_int_equal(order.command, lines[i].command);
        if (good)
            assert_memory_equal(order.arg, lines[i].arg, sizeof(order.arg));
    }
}

/* Each command by its whole name, with as many arguments as its row says. */
static void test_every_command(void **state)
{
    (void)state;
    for (u32 i = 0; i < MONITOR_COMMANDS; i++) {
        const struct monitor_command_row *row = &monitor_commands[i];
        struct monitor_order order;
        char error[MONITOR_ERROR_MAX], line[MONITOR_LINE];

        strcpy(line, row->name);
        for (const char *arg = row->args; *arg; arg++)
            strcat(line, *arg == 'g' ? " web" : " 0");
        assert_true(monitor_parse(line, &names, &order, error));
        assert_int_equal(order.command, i);
        assert_true(strlen(row->args) <= MONITOR_ARGS_MAX && row->help[0]);
        assert_int_equal(strlen(row->usage) == 0, strlen(row->args) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_line, fresh),    cmocka_unit_test_setup(test_edit, fresh),
        cmocka_unit_test_setup(test_history, fresh), cmocka_unit_test(test_orders),
        cmocka_unit_test(test_every_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
