/* control/shell/editor.c: keys, and what the terminal shows, by a small terminal;
 * control/shell/complete.c. */
#include "control/shell/complete.h"
#include "control/shell/editor.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const events[] = {"exit", "request"};
static const struct shell_names names = {3, {"web", "web2", "db"}, 2, events};
static struct editor e;
static char echo[EDITOR_ECHO];

/* ------------------------------------------------------------ a terminal of one line */

static char screen[200];
static u32 column;
static u32 lines_fed; /* line feeds */

static const char *show_sequence(const char *at)
{
    u32 number = 0;

    for (at += 2; *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (u32)(*at - '0');
    if (*at == 'K')
        memset(screen + column, 0, sizeof(screen) - column);
    else if (*at == 'C')
        column += number;
    else
        fail_msg("unknown sequence");
    return at;
}

static void show(const char *text)
{
    for (; *text; text++)
        if (*text == '\r')
            column = 0;
        else if (*text == '\n') {
            lines_fed++;
            memset(screen, 0, sizeof(screen));
        } else if (*text == 0x1b)
            text = show_sequence(text);
        else if (*text != '\a')
            screen[column++] = *text;
    assert_true(column < sizeof(screen));
}

/* What is typed shows as the prompt and the line, with the cursor in its place. */
static void require_screen(void)
{
    const u32 prompt = sizeof(EDITOR_PROMPT) - 1, room = EDITOR_WIDTH - prompt;

    if (e.cursor >= room)
        return;
    assert_memory_equal(screen, EDITOR_PROMPT, prompt);
    assert_int_equal(strncmp(screen + prompt, e.line, room), 0);
    assert_int_equal(strlen(screen), prompt + (e.len < room ? e.len : room));
    assert_int_equal(column, prompt + e.cursor);
}

static void complete(void *context, const char *line, u32 cursor, struct editor_completion *c)
{
    (void)context;
    shell_complete(&names, line, cursor, c);
}

static int fresh(void **state)
{
    (void)state;
    editor_init(&e, complete, NULL);
    memset(screen, 0, sizeof(screen));
    column = lines_fed = 0;
    editor_draw(&e, echo);
    show(echo);
    return 0;
}

/* How many lines became complete. */
static u32 type(const char *text)
{
    u32 lines = 0;

    for (; *text; text++) {
        const enum editor_result result = editor_type(&e, (u8)*text, echo);

        show(echo);
        if (result == EDITOR_LINE) {
            lines++;
            editor_next(&e);
            editor_draw(&e, echo);
            show(echo);
        }
        require_screen();
    }
    return lines;
}

static void test_keys(void **state)
{
    static const struct {
        const char *keys, *line;
        u32 cursor;
    } cases[] = {
        {"abc", "abc", 3},
        {"abc\x1b[D\x1b[DX", "aXbc", 2},
        {"abc\x02\x02\x06X", "abXc", 3},
        {"abc\x1b[HX\x1b[FY", "XabcY", 5},
        {"abc\x1b[1~X\x1b[4~Y", "XabcY", 5},
        {"abc\x1bOHX\x1bOFY", "XabcY", 5},
        {"abc\x01X\x05Y", "XabcY", 5},
        {"abc\b\x7fX", "aX", 2},
        {"abc\x01\b\x1b[3~\x04", "c", 0},
        {"abc\x04", "abc", 3},
        {"stop my web\x17\x17X", "stop X", 6},
        {"stop web\x02\x02\x02\x15", "web", 0},
        {"stop web\x02\x02\x02\x0b", "stop ", 5},
        {"stop web\x17start \x19", "stop start web", 14},
        {"stop\x15start \x19\x19", "start stopstop", 14},
        {"abc\x0c", "abc", 3},
        {"abc\x03z", "z", 1},
        {"abc\x1b[1;5D\x1b[5~\x1b[Z\x1bxq", "abqc", 3}, /* with Ctrl; keys that it does not know */
        {"\x1b[D\x1b[C\x0b\x15\x17\x19", "", 0},
        {"a\x1b\x1b[Db", "ba", 1},
    };

    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        (void)fresh(state);
        assert_int_equal(type(cases[i].keys), 0);
        assert_string_equal(e.line, cases[i].line);
        assert_int_equal(e.cursor, cases[i].cursor);
    }
}

static void test_lines(void **state)
{
    (void)state;
    assert_int_equal(type("a\rb\r\n\r\nc\n\nd"), 5);
    assert_string_equal(e.line, "d");
    assert_int_equal(e.lines, 3);
}

static void test_history(void **state)
{
    (void)state;
    type("\x1b[A");
    assert_string_equal(e.line, "");
    type("one\rtwo\rtwo\r\rthree\rhalf\x1b[A");
    assert_string_equal(e.line, "three");
    type("\x10");
    assert_string_equal(e.line, "two");
    type("\x1b[A\x1b[A");
    assert_string_equal(e.line, "one"); /* the first */
    type("\x1b[B\x0e");
    assert_string_equal(e.line, "three");
    type("\x1b[B\x1b[B");
    assert_string_equal(e.line, "");
    for (u32 i = 0; i < 2 * EDITOR_HISTORY; i++)
        type(i % 2 ? "odd\r" : "even\r");
    for (u32 i = 0; i < 2 * EDITOR_HISTORY; i++)
        type("\x10");
    assert_string_equal(e.line, "even"); /* the oldest that is kept */
}

static void test_long(void **state)
{
    (void)state;
    for (u32 i = 0; i < SHELL_LINE + 10; i++)
        type("x");
    assert_int_equal(e.len, SHELL_LINE);
    assert_string_equal(echo, "\a");
    assert_int_equal(strlen(screen), EDITOR_WIDTH - 1);
    assert_int_equal(column, EDITOR_WIDTH - 1);
    type("\x19");
    type("\x01");
    assert_int_equal(column, sizeof(EDITOR_PROMPT) - 1);
    type("\x0b");
    assert_int_equal(e.len, 0);
    type("\x19");
    assert_int_equal(e.len, SHELL_LINE);
    type("\xff\x01");
    assert_int_equal(e.len, SHELL_LINE);
}

/* ------------------------------------------------------------ Tab */

static void test_complete(void **state)
{
    static const struct {
        const char *typed, *line, *list; /* list: "": none is shown */
    } cases[] = {
        {"li\t", "list ", ""},
        {"list\t", "list ", ""},
        {"s\t", "s", "start  stop  stats  set  suspend  shutdown"},
        {"susp\t", "suspend ", ""},
        {"sta\t", "sta", "start  stats"},
        {"x\t", "x", ""},
        {"stop d\t", "stop db ", ""},
        {"stop w\t", "stop web", ""},
        {"stop web\t", "stop web", "web  web2"},
        {"shutdown d\t", "shutdown db ", ""},
        {"stop db \t", "stop db ", ""},
        {"list --\t", "list --", "--json  --all"},
        {"list --a\t", "list --all ", ""},
        {"create a --k\t", "create a --kernel ", ""},
        {"net web --link d\t", "net web --link down ", ""},
        {"net web --link \t", "net web --link ", "up  down"},
        {"create a --disk f\t", "create a --disk file=", ""},
        {"create a --disk file=\\a,c\t", "create a --disk file=\\a,cache=", ""},
        {"create a --disk file=\\a,cache=wr\t", "create a --disk file=\\a,cache=write", ""},
        {"create a --network an\t", "create a --network anymac ", ""},
        {"set p\t", "set poll ", ""},
        {"set poll o\t", "set poll o", "off  on"},
        {"set log d\t", "set log debug ", ""},
        {"trace r\t", "trace request ", ""},
        {"help top\t", "help top ", ""},
        {"create \t", "create ", ""},
        {"nonsense w\t", "nonsense w", ""},
        {"stop web2\x02\x02\t", "stop web2", ""},
        {"web\x01sto\t", "stoweb", ""}, /* inside of a word */
        {" web\x01sto\t", "stop  web", ""},
    };

    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        (void)fresh(state);
        type(cases[i].typed);
        assert_string_equal(e.line, cases[i].line);
        assert_int_equal(lines_fed, cases[i].list[0] ? 2 : 0);
        if (cases[i].list[0]) {
            assert_memory_equal(echo, "\r\n", 2);
            assert_memory_equal(echo + 2, cases[i].list, strlen(cases[i].list));
            assert_memory_equal(echo + 2 + strlen(cases[i].list), "\r\n", 2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test_setup(test_lines, fresh),
        cmocka_unit_test_setup(test_history, fresh),
        cmocka_unit_test_setup(test_long, fresh),
        cmocka_unit_test(test_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
