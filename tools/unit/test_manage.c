/* control/manage/: the shell's commands on a world of two guests. */
#include "control/manage/manage.h"
#include "tools/unit/shell_said.h"
#include <stdio.h>

static struct manage m;

static u64 exits, requests; /* of guest web */
static bool link_up, polls, may_poll, gone;
static u32 log_lines;

static bool fake_guest(u32 number, struct manage_guest *g)
{
    if (number == 1 && !gone)
        *g = (struct manage_guest){"web", "runs", 2, 64 * MiB, exits, true};
    else if (number == 3)
        *g = (struct manage_guest){"db", "paused", 1, 32 * MiB, 7, false};
    else
        return false;
    return true;
}

static bool fake_disk(u32 n, struct manage_disk *d)
{
    *d = (struct manage_disk){"web", "disk0", "ide1:one", "writeback", 3 * MiB, false, requests, 1};
    if (n == 1) {
        d->name = "disk1";
        d->source = "memory:1M,ro";
        d->read_only = true;
    }
    return n < 2 && !gone;
}

static bool fake_port(u32 n, struct manage_port *p)
{
    *p = (struct manage_port){
        "web", "net0", "lan", {{0x52, 0x54, 0, 0xa, 0xb, 0xc}}, link_up, requests, 20, 3, 4};
    if (n == 1)
        p->guest = "-";
    return n < 2 && !gone;
}

static u32 fake_set_link(const char *guest, bool up)
{
    if (strcmp(guest, "web") != 0)
        return 0;
    link_up = up;
    return 1;
}

static const char *fake_log(u32 lines)
{
    log_lines = lines;
    return "first\nsecond\n";
}

static bool fake_polls(void)
{
    return polls;
}

static bool fake_may_poll(void)
{
    return may_poll;
}

static void fake_set_poll(bool on)
{
    polls = on;
}

static const struct manage_world world = {
    .partitions = 5,
    .guest = fake_guest,
    .disk = fake_disk,
    .port = fake_port,
    .set_link = fake_set_link,
    .log = fake_log,
    .polls = fake_polls,
    .may_poll = fake_may_poll,
    .set_poll = fake_set_poll,
};

static int fresh(void **state)
{
    (void)state;
    exits = 1000;
    requests = 30;
    link_up = true;
    polls = may_poll = gone = false;
    manage_init(&m, &world);
    shell_fresh(&m.actions);
    return 0;
}

static bool has(const char *line, const char *what)
{
    return strstr(run(line), what) != NULL;
}

static void test_every_command_has_an_action(void **state)
{
    (void)state;
    for (u32 i = 0; i < SHELL_COMMANDS; i++)
        assert_non_null(m.actions.action[i]);
}

static void test_list(void **state)
{
    (void)state;
    assert_string_equal(run("list"),
                        "guest             id state   vCPUs       KiB        exits served\r\n"
                        "web                0 runs        2     65536         1000 yes\r\n"
                        "db                 2 paused      1     32768            7 no\r\n");
    assert_true(has("list --all", "Lintel's monitor alone: 'list' there (Ctrl-\\)"));
    assert_true(has("list --json", "\"memory_kib\": 32768"));
    assert_true(has("list --json", "\"number\": 2"));
}

static void test_stats(void **state)
{
    (void)state;
    assert_string_equal(
        run("stats web"),
        "guest                   exits   requests  errors       sent   received\r\n"
        "web                      1000         60       2         30         20\r\n");
    assert_true(has("stats", "\r\ndb "));
    assert_false(has("stats web", "db"));
    assert_true(has("domstats db --json", "\"requests\": 0"));
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

/* No command that changes a guest is carried out, or said to be. */
static void test_refused(void **state)
{
    static const char *const lines[][2] = {
        {"start web", "'start web' of Lintel's monitor"},
        {"pause web", "'pause web' of Lintel's monitor"},
        {"suspend web", "'pause web'"},
        {"resume db", "'resume db'"},
        {"stop web", "'stop web' of Lintel's monitor (Ctrl-\\) ends it unasked"},
        {"reset web", "'reset web'"},
        {"destroy web", "'stop web'"},
        {"console web", "'console web'"},
        {"create new --kernel=\\a", "lintel.conf"},
        {"trace", "trace_dump"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        if (!has(lines[i][0], lines[i][1]) || !has(lines[i][0], "the control partition "))
            fail_msg("%s: %s", lines[i][0], said);
        assert_true(said_len < 256); /* it was not cut off */
    }
    assert_true(has("pause web --json", "\"error\": \"the control partition may not"));
}

static void test_log(void **state)
{
    (void)state;
    assert_string_equal(run("log"), "first\r\nsecond\r\n");
    assert_int_equal(log_lines, 20);
    assert_true(has("log --lines 3 --json", "\"second\""));
    assert_int_equal(log_lines, 3);
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
    assert_true(has("set log debug", "`log_level`"));
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
        cmocka_unit_test_setup(test_stats, fresh),
        cmocka_unit_test_setup(test_disk, fresh),
        cmocka_unit_test_setup(test_net, fresh),
        cmocka_unit_test_setup(test_refused, fresh),
        cmocka_unit_test_setup(test_log, fresh),
        cmocka_unit_test_setup(test_set, fresh),
        cmocka_unit_test_setup(test_names, fresh),
        cmocka_unit_test_setup(test_top, fresh),
        cmocka_unit_test_setup(test_top_once, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
