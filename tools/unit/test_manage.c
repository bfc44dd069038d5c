/* control/manage/: the shell's commands on a world of two guests. */
#include "tools/unit/manage_world.h"

static void test_every_command_has_an_action(void **state)
{
    (void)state;
    for (u32 i = 0; i < SHELL_COMMANDS; i++)
        assert_non_null(m.actions.action[i]);
}

static void test_list(void **state)
{
    (void)state;
    assert_string_equal(
        run("list"),
        "guest         id state  vCPUs on CPU        KiB      exits Lintel asleep served\r\n"
        "web            0 runs       2 0,1         65536       1000   1.2%  98.8% yes\r\n"
        "db             2 paused     1 3           32768          7   0.0%   0.0% no\r\n");
    assert_true(
        has("list --all",
            "old            3 ended      4 -            8192          0   0.0%   0.0% no\r\n"));
    assert_true(has("list --all", "\r\nweb "));
    assert_true(has("list --json", "\"memory_kib\": 32768"));
    assert_true(has("list --json", "\"number\": 2"));
}

static void test_disk(void **state)
{
    (void)state;
    assert_true(has("disk", "web          disk0        3072 rw writeback            30      1 "
                            "ide1:one\r\n"));
    assert_true(has("disk web", "disk1        3072 ro"));
    assert_true(has("disk db", "db has no disk that the control partition serves\r\n"));
    assert_true(has("disk --json", "\"source\": \"memory:1M,ro\""));
    gone = true;
    assert_true(has("disk", "no guest has a disk"));
}

static void test_net(void **state)
{
    (void)state;
    assert_true(has("net", "web          net0  lan      52:54:00:0a:0b:0c up         30       20   "
                           "    3       4\r\n"));
    assert_true(has("net", "\r\n-            net0"));
    assert_false(has("net web", "\r\n-"));
    assert_true(has("net db", "db has no network card that"));
    assert_true(has("net web --link down", " down "));
    assert_false(link_up);
    assert_true(has("net web --link=up --json", "\"link\": \"up\""));
    assert_true(link_up);
    assert_true(has("net db --link down", "db has no network card"));
    assert_true(has("net --link down", "--link wants a guest"));
    assert_true(link_up);
}

/* An order, what was asked of whom, and the answer. */
static void test_orders(void **state)
{
    static const struct {
        const char *line, *asked;
        err_t gives;
        const char *said;
    } cases[] = {
        {"start old", "start 4", OK, "old starts\r\n"},
        {"start web", "start 1", E_EXIST, "web runs already; 'reset' starts it again"},
        {"start old --console", "show 4", OK, "old starts\r\n"},
        {"pause web", "pause 1", OK, "web is paused\r\n"},
        {"suspend web", "pause 1", E_EXIST, "web is paused already; 'resume' lets it go on"},
        {"resume db", "resume 3", OK, "db goes on\r\n"},
        {"resume db", "resume 3", E_EXIST, "db is not paused"},
        {"resume db", "resume 3", E_PERM, "db waits for its devices"},
        {"stop web", "button 1", OK, "web was asked to power off"},
        {"shutdown web", "button 1", E_PERM,
         "web does not listen to a power button; 'destroy' ends it"},
        {"reset web", "reset 1", OK, "web ends, and starts again\r\n"},
        {"destroy web", "end 1", OK, "web ends\r\n"},
        {"destroy old", "end 4", E_NOENT, "old does not run; 'start' starts it"},
        {"move web --vcpu 1 --cpu 3", "move 1 to 3, 1", OK, "web goes there"},
        {"move web --cpu=2", "move 0 to 2, 1", E_PERM, "web may not run there"},
        {"vcpupin web --cpu=2", "move 0 to 2, 1", E_RANGE, "web has no such virtual CPU"},
        {"console db", "show 3", OK, "db is in front"},
        {"console db", "show 3", E_PERM, "db has no console"},
        {"console db", "show 3", E_NOMEM, "db cannot be ordered so"},
        {"leave", "hide 0", OK, ""},
        {"exit", "hide 0", OK, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        gives = gives_show = cases[i].gives;
        if (!has(cases[i].line, cases[i].said) || strcmp(ordered, cases[i].asked) != 0)
            fail_msg("%s: %s, %s", cases[i].line, ordered, said);
    }
    gives = OK;
    gives_show = E_PERM;
    assert_true(has("start old --console", "old starts\r\nold has no console"));
    gives = E_PERM;
    assert_true(has("stop web --json", "\"error\": \"web does not"));
    ordered[0] = '\0';
    assert_true(has("move web", "'move' wants --cpu"));
    assert_true(has("pause nobody", "there is no guest 'nobody'"));
    assert_string_equal(ordered, "");
}

static void test_log(void **state)
{
    (void)state;
    assert_string_equal(run("log"), "first\r\nsecond\r\n");
    assert_int_equal(log_lines, 20);
    assert_true(has("log --lines 3 --json", "\"second\""));
    assert_int_equal(log_lines, 3);
    assert_string_equal(run("log --lintel"), "of Lintel\r\n");
    assert_int_equal(log_lines, 20);
}

static void test_set(void **state)
{
    (void)state;
    assert_true(has("set", "poll     off"));
    assert_true(has("set poll on", "`control_poll = on`"));
    assert_false(polls);
    may_poll = true;
    assert_true(has("set poll on", "looks for requests all the time"));
    assert_true(polls);
    assert_true(has("set --json", "\"value\": \"on\""));
    assert_true(has("set poll off", "is told of requests"));
    assert_false(polls);
    assert_true(has("set", "log      info"));
    assert_true(has("set log debug", "show its log up to 'debug'"));
    assert_int_equal(level, 3);
    assert_true(has("set", "log      debug"));
    level = 99;
    assert_true(has("set", "log      debug"));
}

static void test_names(void **state)
{
    (void)state;
    assert_true(has("stats mail", "there is no guest 'mail'"));
    gone = true;
    assert_true(has("stats web", "there is no guest 'web'"));
}

static const char *look(void)
{
    said_nothing();
    top_look(&m.top, &world, &shell.out);
    return said;
}

/* What has happened since the look before, a second; no prompt before it ends. */
static void test_top(void **state)
{
    (void)state;
    said_nothing();
    for (const char *key = "top --interval 4\r"; *key; key++)
        shell_type(&shell, (u8)*key);
    assert_true(m.top.on);
    assert_int_equal(m.top.seconds, 4);
    assert_string_equal(said + said_len - 2, "\r\n");
    exits += 400;
    requests += 8;
    assert_string_equal(look(), "guest            state      exits/s  requests/s  frames/s\r\n"
                                "web              runs           100           4         2\r\n"
                                "db               paused           0           0         0\r\n");
    exits = 12; /* another life */
    assert_non_null(strstr(look(), "web              runs             3"));
    assert_true(m.top.on);
}

static void test_top_once(void **state)
{
    (void)state;
    assert_string_equal(run("top --once --json"), "");
    assert_int_equal(m.top.seconds, 2);
    exits += 10;
    assert_non_null(strstr(look(), "\"exits\": 5"));
    assert_non_null(strstr(said, "}\r\n"));
    assert_false(m.top.on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_command_has_an_action, fresh),
        cmocka_unit_test_setup(test_list, fresh),
        cmocka_unit_test_setup(test_disk, fresh),
        cmocka_unit_test_setup(test_net, fresh),
        cmocka_unit_test_setup(test_orders, fresh),
        cmocka_unit_test_setup(test_log, fresh),
        cmocka_unit_test_setup(test_set, fresh),
        cmocka_unit_test_setup(test_names, fresh),
        cmocka_unit_test_setup(test_top, fresh),
        cmocka_unit_test_setup(test_top_once, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
