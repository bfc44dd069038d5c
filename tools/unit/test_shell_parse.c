/* control/shell/parse.c: orders, and the errors that say what would be right. */
#include "control/shell/parse.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const events[] = {"exit", "request"};
static const struct shell_names names = {2, {"web", "db-1"}, 2, events};
static struct shell_order o;
static char error[SHELL_ERROR];

static bool parse(const char *line)
{
    return shell_parse(line, &names, &o, error);
}

static void test_good(void **state)
{
    static const struct {
        const char *line;
        u32 command;
    } lines[] = {
        {"", SHELL_COMMANDS},
        {"   ", SHELL_COMMANDS},
        {"list", SHELL_list},
        {"list --all --json", SHELL_list},
        {"--json list", SHELL_list},
        {"li", SHELL_list},
        {"suspend web", SHELL_pause},
        {"susp web", SHELL_pause},
        {"shutdown db-1", SHELL_stop},
        {"domstats", SHELL_stats},
        {"doms", SHELL_stats},
        {"console web", SHELL_console},
        {"start --console web", SHELL_start},
        {"stats", SHELL_stats},
        {"stats db-1", SHELL_stats},
        {"disk", SHELL_disk},
        {"net web --link down", SHELL_net},
        {"net --link=up web", SHELL_net},
        {"log --lines 1000", SHELL_log},
        {"top --interval 5 --once", SHELL_top},
        {"trace request --lines 500", SHELL_trace},
        {"set", SHELL_set},
        {"set log debug", SHELL_set},
        {"help", SHELL_help},
        {"help create", SHELL_help},
        {"help susp", SHELL_help},
        {"create a --kernel \\k", SHELL_create},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(lines); i++) {
        assert_true(parse(lines[i].line));
        assert_string_equal(error, "");
        assert_int_equal(o.command, lines[i].command);
        assert_int_equal(o.json, strstr(lines[i].line, "--json") != NULL);
    }
}

static void test_values(void **state)
{
    (void)state;
    assert_true(parse("net web --link down"));
    assert_int_equal(o.argument[0].number, 0);
    assert_int_equal(o.option[OPTION_net_link].number, 1);
    assert_true(parse("set poll on"));
    assert_int_equal(o.argument[0].number, SETTING_poll);
    assert_int_equal(o.argument[1].number, 1);
    assert_true(parse("trace request"));
    assert_int_equal(o.argument[0].number, 1);
    assert_true(parse("help shutdown"));
    assert_int_equal(o.argument[0].number, SHELL_stop);
    assert_true(parse("reset db-1"));
    assert_int_equal(o.argument[0].number, 1);
    assert_string_equal(o.argument[0].text, "db-1");
}

static void test_create(void **state)
{
    (void)state;
    assert_true(
        parse("create mail --memory 256M --vcpus 2 --kernel \\lintel\\vmlinuz --initrd=\\i.gz "
              "--cmdline 'console=hvc0 root=\"/dev/vda 1\"' "
              "--disk file=\\vm\\a.img,cache=none --disk memory=64M,readonly "
              "--network mac=52:54:00:00:00:0A,vlan --network anymac --paused"));
    assert_string_equal(o.argument[0].text, "mail");
    assert_int_equal(o.option[OPTION_create_memory].number, 256 * MiB);
    assert_int_equal(o.option[OPTION_create_vcpus].number, 2);
    assert_string_equal(o.option[OPTION_create_kernel].text, "\\lintel\\vmlinuz");
    assert_string_equal(o.option[OPTION_create_initrd].text, "\\i.gz");
    assert_string_equal(o.option[OPTION_create_cmdline].text, "console=hvc0 root=\"/dev/vda 1\"");
    assert_true(o.option[OPTION_create_paused].given);
    assert_false(o.option[OPTION_create_console].given);
    assert_int_equal(o.disks, 2);
    assert_string_equal(o.disk[0][KEY_disk_file].text, "\\vm\\a.img");
    assert_int_equal(o.disk[0][KEY_disk_cache].number, 1);
    assert_false(o.disk[0][KEY_disk_readonly].given);
    assert_int_equal(o.disk[1][KEY_disk_memory].number, 64 * MiB);
    assert_true(o.disk[1][KEY_disk_readonly].given);
    assert_int_equal(o.networks, 2);
    assert_int_equal(o.network[0][KEY_network_mac].number, 0x52540000000aull);
    assert_true(o.network[0][KEY_network_vlan].given);
    assert_true(o.network[1][KEY_network_anymac].given);
    assert_false(o.network[1][KEY_network_mac].given);
}

static const struct {
    const char *line, *error;
} bad[] = {
    {"lists", "there is no command 'lists'; 'help' lists them"},
    {"--json", "there is no command; 'help' lists them"},
    {"s", "'s' may be 'start' or 'stop'; type more of it"},
    {"dom", "'dom' may be 'domstats' or 'domblklist'; type more of it"},
    {"start", "'start' wants more; it is: start GUEST"},
    {"start mail", "there is no guest 'mail'; 'list --all' shows the guests"},
    {"start web db-1", "'db-1' is too much; it is: start GUEST"},
    {"list web", "'web' is too much; it is: list "},
    {"list --al", "'list' has no option '--al'; it has --json --all"},
    {"pause web --all", "'pause' has no option '--all'; it has --json"},
    {"list --all --all", "--all may be given 1 times at most"},
    {"list --all=yes", "--all has no value"},
    {"log --lines", "--lines wants a value: number"},
    {"log --lines x", "'x' is no number for --lines; it is a number"},
    {"log --lines 12K", "'12K' is no number for --lines; it is a number"},
    {"log --lines 0", "--lines 0 is out of its limits: 1 to 1000"},
    {"log --lines 99999999999999999999",
     "'99999999999999999999' is no number for --lines; it is a number"},
    {"net web --link left", "'left' is no value of --link; it is one of up|down"},
    {"net --link up", "--link wants a guest: net GUEST --link up|down"},
    {"trace --lines 501", "--lines 501 is out of its limits: 1 to 500"},
    {"trace all", "'all' is no guest and no event; Tab lists both"},
    {"set volume 11", "there is no setting 'volume'; 'set' alone lists them"},
    {"set log", "'set' wants more; it is: set [NAME VALUE]"},
    {"set log loud", "'loud' is no value of log; it is one of error|warn|info|debug"},
    {"help me", "there is no command 'me'; 'help' lists them"},
    {"stop \"web", "a quote is open; close it with the same character"},
    {"create web --kernel \\k",
     "there is a guest 'web' already; 'destroy' it, or take another name"},
    {"create 1a --kernel \\k",
     "'1a' is no name; it is a letter, then letters, digits, - and _, at most 24"},
    {"create abcdefghijklmnopqrstuvwxyz --kernel \\k",
     "'abcdefghijklmnopqrstuvwxyz' is no name; it is a letter, then letters, digits, - and _, at "
     "most 24"},
    {"create a", "'create' wants --kernel FILE, like --kernel \\lintel\\vmlinuz"},
    {"create a --kernel ''", "--kernel wants a file of the volume, like \\lintel\\vmlinuz"},
    {"create a --kernel \\k --memory 5M",
     "--memory 5M is out of its limits: 4M to 1024G, in steps of 2M"},
    {"create a --kernel \\k --memory 64MB",
     "'64MB' is no size for --memory; it is a number of bytes, or one with K, M or G"},
    {"create a --kernel \\k --vcpus 9", "--vcpus 9 is out of its limits: 1 to 8"},
    {"create a --kernel \\k --paused --console",
     "--paused and --console do not go together; leave one out"},
    {"create a --kernel \\k --disk cache=none",
     "--disk wants one of file=, partition=, whole= and memory="},
    {"create a --kernel \\k --disk file=\\a,memory=1M",
     "--disk wants one of file=, partition=, whole= and memory="},
    {"create a --kernel \\k --disk memory=511",
     "a disk in memory has 512 bytes at least; memory=64M for example"},
    {"create a --kernel \\k --disk file=\\a,cache=some",
     "'some' is no value of cache; it is one of writeback|none|writethrough|unsafe"},
    {"create a --kernel \\k --disk size=1",
     "--disk has no 'size'; it has file= partition= whole= memory= cache= readonly"},
    {"create a --kernel \\k --disk file", "file of --disk wants =VALUE"},
    {"create a --kernel \\k --disk readonly=1", "readonly of --disk has no value"},
    {"create a --kernel \\k --disk file=\\a,file=\\b", "file is given twice in one --disk"},
    {"create a --kernel \\k --network mac=53:54:00:00:00:01",
     "'53:54:00:00:00:01' is no address of a card; 52:54:00:00:00:01 for example, with an even "
     "first byte"},
    {"create a --kernel \\k --network mac=52:54:00:00:00",
     "'52:54:00:00:00' is no address of a card; 52:54:00:00:00:01 for example, with an even first "
     "byte"},
    {"create a --kernel \\k --network mac=52-54-00-00-00-01",
     "'52-54-00-00-00-01' is no address of a card; 52:54:00:00:00:01 for example, with an even "
     "first byte"},
    {"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 "
     "35 36 "
     "37 38 39 40 41",
     "more than 40 words; put quotes around what belongs together"},
};

static void test_bad(void **state)
{
    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(parse(bad[i].line));
        assert_string_equal(error, bad[i].error);
        assert_int_equal(o.command, SHELL_COMMANDS);
    }
    assert_false(parse("start nobody --json")); /* the error is to be in JSON */
    assert_true(o.json);
    assert_false(parse("create a --kernel \\k --disk memory=1M --disk memory=1M --disk memory=1M "
                       "--disk memory=1M --disk memory=1M"));
    assert_string_equal(error, "--disk may be given 4 times at most");
    assert_int_equal(o.disks, 4);
}

/* Each row by its whole name, with all its options one by one. */
static void test_rows(void **state)
{
    char line[SHELL_LINE];

    (void)state;
    for (u32 c = 0; c < SHELL_COMMANDS; c++) {
        const struct shell_command_row *const row = &shell_commands[c];
        const char *const arguments = row->arguments + (row->arguments[0] == '?');

        assert_true(row->help[0] && strlen(arguments) <= SHELL_ARGUMENTS);
        assert_int_equal(row->usage[0] == '\0', row->arguments[0] == '\0');
        assert_int_equal(row->usage[0] == '[', row->arguments[0] == '?');
    }
    for (u32 i = 0; i < SHELL_OPTIONS; i++) {
        const struct shell_option_row *const row = &shell_options[i];

        assert_true(row->times >= 1 && row->times <= SHELL_TIMES && row->help[0]);
        strcpy(line, shell_commands[row->command].name);
        strcat(line, " --");
        strcat(line, row->name);
        assert_int_equal(parse(line) || strstr(error, "wants"), true);
    }
    for (u32 i = 0; i < SHELL_ALIASES; i++)
        for (u32 c = 0; c < SHELL_COMMANDS; c++)
            assert_string_not_equal(shell_aliases[i].name, shell_commands[c].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good), cmocka_unit_test(test_values), cmocka_unit_test(test_create),
        cmocka_unit_test(test_bad),  cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
