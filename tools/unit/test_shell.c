/* control/shell/shell.c with a fake for the actions: what is typed is carried out, and the answer
 * is a table or JSON; control/shell/output.c. */
#include "control/shell/help.h"
#include "tools/unit/shell_said.h"
#include <stdio.h>

static u32 calls[SHELL_COMMANDS];
static struct shell_order seen;
static struct shell_names names = {2, {"web", "db"}, 0, NULL};

static const struct shell_names *fake_names(void *context)
{
    assert_ptr_equal(context, &names);
    return &names;
}

static void note(void *context, const struct shell_order *order, struct output *out)
{
    assert_ptr_equal(context, &names);
    calls[order->command]++;
    seen = *order;
    output_say(out, "%s done", shell_commands[order->command].name);
}

static void fake_list(void *context, const struct shell_order *order, struct output *out)
{
    static const struct output_column columns[] = {
        {"name", "guest", -8}, {"vcpus", "vCPUs", 5}, {"state", "state", -6}};

    (void)context;
    calls[order->command]++;
    output_table(out, "guests", columns, ARRAY_LEN(columns));
    for (u32 i = 0; i < names.guests; i++) {
        output_row(out);
        output_text(out, names.guest[i]);
        output_number(out, i + 1);
        output_text(out, i ? "paused" : "runs");
        output_row_end(out);
    }
    output_table_end(out);
}

static void fake_log(void *context, const struct shell_order *order, struct output *out)
{
    (void)context;
    for (u64 i = 0; i < (order->option[OPTION_log_lines].given ? 1000 : 1); i++)
        output_lines(out, "one \"two\"\nthree\n");
}

static void fake_start(void *context, const struct shell_order *order, struct output *out)
{
    (void)context;
    output_fail(out, "%s runs already; 'reset' starts it again", order->argument[0].text);
}

static int fresh(void **state)
{
    static struct shell_actions actions;

    (void)state;
    for (u32 i = 0; i < SHELL_COMMANDS; i++)
        actions.action[i] = note;
    actions.action[SHELL_list] = fake_list;
    actions.action[SHELL_log] = fake_log;
    actions.action[SHELL_start] = fake_start;
    actions.action[SHELL_help] = shell_help;
    actions.names = fake_names;
    actions.context = &names;
    memset(calls, 0, sizeof(calls));
    shell_fresh(&actions);
    return 0;
}

static void test_typed(void **state)
{
    (void)state;
    shell_prompt(&shell);
    assert_non_null(strstr(said, EDITOR_PROMPT));
    said_nothing();
    for (const char *key = "pau w\b\tdb\r"; *key; key++)
        shell_type(&shell, (u8)*key);
    assert_int_equal(calls[SHELL_pause], 1);
    assert_string_equal(seen.argument[0].text, "db");
    assert_non_null(strstr(said, "\r\npause done\r\n\r" EDITOR_PROMPT));
    for (const char *key = "\x1b[A\r\r"; *key; key++)
        shell_type(&shell, (u8)*key);
    assert_int_equal(calls[SHELL_pause], 2);
}

static void test_text(void **state)
{
    (void)state;
    assert_string_equal(run("list"), "guest    vCPUs state\r\n"
                                     "web          1 runs\r\n"
                                     "db           2 paused\r\n");
    assert_string_equal(run("start web"), "web runs already; 'reset' starts it again\r\n");
    assert_string_equal(run("start mail"),
                        "there is no guest 'mail'; 'list --all' shows the guests\r\n");
    assert_string_equal(run("log"), "one \"two\"\r\nthree\r\n");
    assert_string_equal(run(""), "");
}

static void test_json(void **state)
{
    (void)state;
    assert_string_equal(run("list --json"), "{\r\n"
                                            " \"guests\": [\r\n"
                                            "  {\r\n"
                                            "   \"name\": \"web\",\r\n"
                                            "   \"vcpus\": 1,\r\n"
                                            "   \"state\": \"runs\"\r\n"
                                            "  },\r\n"
                                            "  {\r\n"
                                            "   \"name\": \"db\",\r\n"
                                            "   \"vcpus\": 2,\r\n"
                                            "   \"state\": \"paused\"\r\n"
                                            "  }\r\n"
                                            " ]\r\n"
                                            "}\r\n");
    assert_string_equal(run("stop web --json"), "{\r\n \"message\": \"stop done\"\r\n}\r\n");
    assert_string_equal(run("start web --json"),
                        "{\r\n \"error\": \"web runs already; 'reset' starts it again\"\r\n}\r\n");
    assert_string_equal(
        run("stip --json"),
        "{\r\n \"error\": \"there is no command 'stip'; 'help' lists them\"\r\n}\r\n");
    assert_string_equal(
        run("log --json"),
        "{\r\n \"lines\": [\r\n  \"one \\\"two\\\"\",\r\n  \"three\"\r\n ]\r\n}\r\n");
    assert_string_equal(run("log --lines 1000 --json"),
                        "{\r\n \"error\": \"the answer is too long; ask for less\"\r\n}\r\n");
}

/* Every command is carried out, and has help, in both forms. */
static void test_commands(void **state)
{
    char line[128];

    (void)state;
    for (u32 c = 0; c < SHELL_COMMANDS; c++) {
        const char *const name = shell_commands[c].name;
        const bool guest = shell_commands[c].arguments[0] == 'g';

        snprintf(line, sizeof(line), "%s %s", name,
                 guest               ? "web"
                 : c == SHELL_create ? "new --kernel \\k"
                                     : "");
        assert_true(strlen(run(line)) > 0);
        strcat(line, " --json");
        assert_int_equal(run(line)[0], '{');
        snprintf(line, sizeof(line), "help %s", name);
        assert_non_null(strstr(run(line), shell_commands[c].help));
        assert_non_null(strstr(said, "--json"));
        strcat(line, " --json");
        assert_int_equal(run(line)[0], '{');
        assert_non_null(strstr(said, "\"options\""));
        assert_non_null(strstr(run("help"), shell_commands[c].help));
    }
    for (u32 k = 0; k < SHELL_KEYS; k++)
        assert_non_null(strstr(run("help create"), shell_keys[k].help));
    for (u32 i = 0; i < SHELL_SETTINGS; i++)
        assert_non_null(strstr(run("help set"), shell_settings[i].help));
    for (u32 i = 0; i < SHELL_OPTIONS; i++) {
        snprintf(line, sizeof(line), "help %s", shell_commands[shell_options[i].command].name);
        assert_non_null(strstr(run(line), shell_options[i].help));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_typed, fresh),
        cmocka_unit_test_setup(test_text, fresh),
        cmocka_unit_test_setup(test_json, fresh),
        cmocka_unit_test_setup(test_commands, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
