/* control/manage/: the shell's commands on a world of two guests. */
#include "control/manage/manage.h"
#include "tools/unit/shell_said.h"
#include <stdio.h>

static struct manage m;

static u64 exits, requests; /* of guest web */
static bool link_up, polls, may_poll, gone, old_is_made;
static u32 log_lines;

static bool fake_guest(u32 number, struct manage_guest *g)
{
    if (number == 1 && !gone)
        *g = (struct manage_guest){"web",  "runs", true,  2,      64 * MiB, exits,
                                   100000, 1200,   98760, {0, 1}, true,     false};
    else if (number == 3)
        *g =
            (struct manage_guest){"db", "paused", true, 1, 32 * MiB, 7, 0, 0, 0, {3}, false, false};
    else if (number == 4)
        *g = (struct manage_guest){
            .name = "old", .state = "ended", .vcpus = 4, .memory = 8 * MiB, .made = old_is_made};
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

/* What was ordered last, of whom; what it gives. */
static char ordered[32];
static err_t gives, gives_show;

static err_t note(const char *what, u32 number)
{
    snprintf(ordered, sizeof(ordered), "%s %u", what, number);
    return gives;
}

static err_t fake_start(u32 number)
{
    return note("start", number);
}

static err_t fake_end(u32 number, bool again)
{
    return note(again ? "reset" : "end", number);
}

static err_t fake_pause(u32 number, bool on)
{
    return note(on ? "pause" : "resume", number);
}

static err_t fake_button(u32 number)
{
    return note("button", number);
}

static err_t fake_move(u32 number, u64 vcpu, u64 cpu)
{
    char what[16];

    snprintf(what, sizeof(what), "move %u to %u,", (u32)vcpu, (u32)cpu);
    return note(what, number);
}

static err_t fake_show(u32 number)
{
    (void)note("show", number);
    return gives_show;
}

static void fake_hide(void)
{
    (void)note("hide", 0);
}

static const char *fake_lintel_log(u32 lines)
{
    log_lines = lines;
    return "of Lintel\n";
}

static u32 level;

static u32 fake_log_level(void)
{
    return level;
}

static void fake_set_log_level(u32 to)
{
    level = to;
}

/* What was made last, and what became of it. */
static struct abi_guest_spec spec;
static enum manage_made outcome;
static const char *volume;

static const char *fake_volume(void)
{
    return volume;
}

static err_t fake_create(const struct abi_guest_spec *made, u32 *number, char *why, size_t why_size)
{
    spec = *made;
    *number = 9;
    snprintf(why, why_size, "no room for %s", made->name);
    return note("create", 9);
}

static enum manage_made fake_made(const char **why)
{
    *why = "it is no image";
    return outcome;
}

static err_t fake_forget(u32 number)
{
    return note("forget", number);
}

static const struct manage_world world = {
    .partitions = 5,
    .volume = fake_volume,
    .create = fake_create,
    .made = fake_made,
    .forget = fake_forget,
    .guest = fake_guest,
    .disk = fake_disk,
    .port = fake_port,
    .set_link = fake_set_link,
    .start = fake_start,
    .end = fake_end,
    .pause = fake_pause,
    .press_power_button = fake_button,
    .move = fake_move,
    .show = fake_show,
    .hide = fake_hide,
    .lintel_log = fake_lintel_log,
    .log_level = fake_log_level,
    .set_log_level = fake_set_log_level,
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
    polls = may_poll = gone = old_is_made = false;
    ordered[0] = '\0';
    gives = gives_show = OK;
    outcome = MANAGE_MAKING;
    volume = "ide0:1:";
    level = 2;
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
        cmocka_unit_test_setup(test_create, fresh),
        cmocka_unit_test_setup(test_create_refused, fresh),
        cmocka_unit_test_setup(test_create_fails, fresh),
        cmocka_unit_test_setup(test_create_held, fresh),
        cmocka_unit_test_setup(test_destroy, fresh),
        cmocka_unit_test_setup(test_log, fresh),
        cmocka_unit_test_setup(test_set, fresh),
        cmocka_unit_test_setup(test_names, fresh),
        cmocka_unit_test_setup(test_top, fresh),
        cmocka_unit_test_setup(test_top_once, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
