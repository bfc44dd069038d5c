/* config_parse(): every key, every default, every refusal with its place and words. */
#include "boot/config_parse.h"
#include "lib/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config config;
static struct config_error error;

/* From a block of its exact size, so that ASan sees one byte too far. */
static err_t parse_bytes(const char *text, size_t len)
{
    char *copy = malloc(len ? len : 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    memset(&config, 0xa5, sizeof(config));
    memset(&error, 0xa5, sizeof(error));

    const err_t err = config_parse(copy, len, &config, &error);

    free(copy);
    return err;
}

static void parse(const char *text)
{
    if (parse_bytes(text, strlen(text)) != OK)
        fail_msg("refused at %u:%u: %s\n%s", error.line, error.column, error.text, text);
}

#define GUEST    "[guest g]\nkernel = k\nmemory = 4M\n"
#define LONG_32  "abcdefghijklmnopqrstuvwxyz012345"
#define LONG_128 LONG_32 LONG_32 LONG_32 LONG_32
#define LONG_1K  LONG_128 LONG_128 LONG_128 LONG_128 LONG_128 LONG_128 LONG_128 LONG_128

static void test_all_keys(void **state)
{
    (void)state;
    parse("# comment\n"
          "log_level = debug   # more\n"
          "on_end=halt\n"
          "lab = ask\n"
          "mitigations = off\n"
          "\n"
          "  [ guest  debian.1 ]  # first\n"
          "\tmemory\t=\t512M\n"
          "vcpus = 1\n"
          "kernel = dir/vmlinuz\n"
          "initrd = \"my initrd.img\"\n"
          "cmdline = console=ttyS0 quiet x#y dyndbg=\"file a\"   # not this\n"
          "format = linux\n"
          "console = com3\n"
          "on_reboot = end\n"
          "debug_exit = 0xf4\n"
          "stats = on\ntrace_dump = on\nledger = on\nlive = on\ntouch = on\n"
          "module = a.bin\n"
          "module = b.bin  root=/dev/x  y # not this\n"
          "module = \"c d.bin\" \"#1 \\\"q\\\" \\\\\"\n"
          "[guest two]\n"
          "memory = 0x400000\n"
          "kernel = k\n"
          "cmdline = \"with # and  end \"  # not this\n");
    assert_int_equal(config.log_level, CONFIG_LOG_DEBUG);
    assert_int_equal(config.on_end, CONFIG_END_HALT);
    assert_int_equal(config.lab, CONFIG_LAB_ASK);
    assert_int_equal(config.mitigations, CONFIG_MITIGATIONS_OFF);
    assert_int_equal(config.guest_count, 2);

    const struct config_guest *g = &config.guest[0];

    assert_string_equal(g->name, "debian.1");
    assert_int_equal(g->memory, 512 * MiB);
    assert_int_equal(g->vcpus, 1);
    assert_string_equal(g->kernel, "dir\\vmlinuz");
    assert_string_equal(g->initrd, "my initrd.img");
    assert_string_equal(g->cmdline, "console=ttyS0 quiet x#y dyndbg=\"file a\"");
    assert_int_equal(g->format, CONFIG_FORMAT_LINUX);
    assert_int_equal(g->console, CONFIG_CONSOLE_COM3);
    assert_int_equal(g->on_reboot, CONFIG_REBOOT_END);
    assert_int_equal(g->debug_exit, 0xf4);
    assert_int_equal(g->stats & g->trace_dump & g->ledger & g->live & g->touch, CONFIG_ON);
    assert_int_equal(g->module_count, 3);
    assert_string_equal(g->module[0].path, "a.bin");
    assert_string_equal(g->module[0].string, "");
    assert_string_equal(g->module[1].path, "b.bin");
    assert_string_equal(g->module[1].string, "root=/dev/x  y");
    assert_string_equal(g->module[2].path, "c d.bin");
    assert_string_equal(g->module[2].string, "#1 \"q\" \\");
    assert_string_equal(config.guest[1].name, "two");
    assert_int_equal(config.guest[1].memory, 4 * MiB);
    assert_string_equal(config.guest[1].cmdline, "with # and  end ");
}

static void test_defaults(void **state)
{
    (void)state;
    parse(GUEST);
    assert_int_equal(config.log_level, CONFIG_LOG_INFO);
    assert_int_equal(config.on_end, CONFIG_END_POWEROFF);
    assert_int_equal(config.lab, CONFIG_LAB_OFF);
    assert_int_equal(config.mitigations, CONFIG_MITIGATIONS_AUTO);

    const struct config_guest *g = &config.guest[0];

    assert_int_equal(g->vcpus, 1);
    assert_string_equal(g->initrd, "");
    assert_string_equal(g->cmdline, "");
    assert_int_equal(g->format, CONFIG_FORMAT_AUTO);
    assert_int_equal(g->console, CONFIG_CONSOLE_AUTO);
    assert_int_equal(g->on_reboot, CONFIG_REBOOT_RESTART);
    assert_int_equal(g->debug_exit, 0);
    assert_int_equal(g->stats | g->trace_dump | g->ledger | g->live | g->touch, CONFIG_OFF);
    assert_int_equal(g->module_count, 0);
}

static void test_encodings(void **state)
{
    (void)state;
    parse("\xef\xbb\xbf" GUEST);
    parse("[guest g]\r\nkernel = k\r\nmemory = 4M\r\ncmdline = a b\r\n");
    assert_string_equal(config.guest[0].cmdline, "a b");
    parse("[guest g]\nkernel = k\nmemory = 4M"); /* no newline at the end */
    assert_int_equal(config.guest[0].memory, 4 * MiB);
    parse(GUEST "cmdline = gr\xc3\xbc\xc3\x9f\x65 \xe2\x82\xac \xf0\x9f\x98\x80\n");
    assert_string_equal(config.guest[0].cmdline,
                        "gr\xc3\xbc\xc3\x9f\x65 \xe2\x82\xac \xf0\x9f\x98\x80");
    parse("# \xc2\xa0 no control character\n" GUEST);
    parse(GUEST "cmdline =\n");
    assert_string_equal(config.guest[0].cmdline, "");
    parse(GUEST "cmdline = # nothing\n");
    assert_string_equal(config.guest[0].cmdline, "");
    parse(GUEST "cmdline = \"\"\n");
    assert_string_equal(config.guest[0].cmdline, "");
}

#define GLOBAL_KEY(field) #field, true, offsetof(struct config, field)
#define GUEST_KEY(field)  #field, false, offsetof(struct config_guest, field)

static void test_choices(void **state)
{
    static const struct {
        const char *key;
        bool global;
        size_t offset;
        const char *words[8];
    } rows[] = {
        {GLOBAL_KEY(log_level), {"error", "warning", "info", "debug"}},
        {GLOBAL_KEY(on_end), {"poweroff", "reboot", "halt", "return"}},
        {GLOBAL_KEY(lab), {"off", "on", "ask"}},
        {GLOBAL_KEY(mitigations), {"auto", "off"}},
        {GUEST_KEY(format), {"auto", "linux", "multiboot", "flat"}},
        {GUEST_KEY(console), {"auto", "com1", "com2", "com3", "com4", "screen", "none"}},
        {GUEST_KEY(on_reboot), {"restart", "end"}},
        {GUEST_KEY(stats), {"off", "on"}},
        {GUEST_KEY(trace_dump), {"off", "on"}},
        {GUEST_KEY(ledger), {"off", "on"}},
        {GUEST_KEY(live), {"off", "on"}},
        {GUEST_KEY(touch), {"off", "on"}},
    };
    char text[200];

    (void)state;
    for (u32 r = 0; r < ARRAY_LEN(rows); r++)
        for (u32 i = 0; rows[r].words[i]; i++) {
            const void *base = rows[r].global ? (void *)&config : &config.guest[0];
            u32 value;

            snprintf(text, sizeof(text), "%s%s = %s\n%s", rows[r].global ? "" : GUEST, rows[r].key,
                     rows[r].words[i], rows[r].global ? GUEST : "");
            parse(text);
            memcpy(&value, (const char *)base + rows[r].offset, sizeof(value));
            assert_int_equal(value, i);
            assert_int_equal(config.guest_count, 1);
        }
}

/* The laboratory needs no guest, but a guest that is there must be right. */
static void test_no_guest(void **state)
{
    (void)state;
    parse("lab = on\n");
    assert_int_equal(config.lab, CONFIG_LAB_ON);
    assert_int_equal(config.guest_count, 0);
    assert_int_equal(parse_bytes("lab = on\n[guest g]\n", 19), E_INVAL);
}

static void test_sizes(void **state)
{
    static const struct {
        const char *word;
        u64 bytes; /* 0: refused */
    } rows[] = {
        {"4M", 4 * MiB},
        {"4m", 4 * MiB},
        {"4096K", 4 * MiB},
        {"4194304", 4 * MiB},
        {"1G", GiB},
        {"1T", 1024 * GiB},
        {"1024G", 1024 * GiB},
        {"0x10M", 16 * MiB},
        {"6M", 6 * MiB},
        {"5M", 0},
        {"2M", 0},
        {"1026G", 0},
        {"2T", 0},
        {"0", 0},
        {"512", 0},
        {"M", 0},
        {"4MB", 0},
        {"4 M", 0},
        {"-4M", 0},
        {"+4M", 0},
        {"4.0M", 0},
        {"0x", 0},
        {"4194305", 0},
        {"18446744073709551616", 0},
        {"16777216T", 0},
        {"16777220T", 0},
        {"0x10000000000400000", 0},
        {"99999999999999999999999999999999999999999999999999999999999999999999999M", 0},
    };
    char text[200];

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(text, sizeof(text), "[guest g]\nkernel = k\nmemory = %s\n", rows[i].word);
        if (rows[i].bytes) {
            parse(text);
            assert_int_equal(config.guest[0].memory, rows[i].bytes);
        } else {
            if (parse_bytes(text, strlen(text)) == OK)
                fail_msg("accepted memory = %s", rows[i].word);
            assert_int_equal(error.line, 3);
            assert_int_equal(error.column, 10);
        }
    }
}

/* A refusal: the text, the place, and words that its message must contain. */
struct refusal {
    const char *text;
    u32 line, column;
    const char *words[3];
};

static const struct refusal refusals[] = {
    /* structure */
    {"", 1, 1, {"no guest"}},
    {"# nothing\n\n", 2, 1, {"no guest", "[guest NAME]"}},
    {"[guest]\n", 1, 7, {"needs a name"}},
    {"[guest  ]\n", 1, 9, {"needs a name"}},
    {"[guest a b]\n", 1, 8, {"guest name 'a b'"}},
    {"[guest -a]\n", 1, 8, {"guest name '-a'", "letter or digit first"}},
    {"[guest " LONG_32 "]\n", 1, 8, {"1 to 31"}},
    {"[guest \xc3\xa9]\n", 1, 8, {"guest name '\xc3\xa9'"}},
    {"[host x]\n", 1, 2, {"unknown section 'host'", "[guest NAME]"}},
    {"[guestx]\n", 1, 2, {"unknown section 'guestx'"}},
    {"[guest a\n", 1, 1, {"needs a ']'"}},
    {"[guest a] b\n", 1, 11, {"'b' is too much"}},
    {GUEST GUEST, 4, 8, {"'g' is given twice"}},
    {GUEST " [guest h]\nkernel = k\n", 4, 9, {"guest h has no memory", "4M to 1T"}},
    {"[guest g]\nmemory = 4M\n[guest h]\n", 1, 8, {"guest g has no kernel", "\\lintel\\"}},
    /* keys */
    {"[guest g]\nmemroy = 4M\n", 2, 1, {"'memroy'", "did you mean 'memory'?"}},
    {"[guest g]\n  Kernel = k\n", 2, 3, {"'Kernel'", "did you mean 'kernel'?"}},
    {"[guest g]\non-reboot = end\n", 2, 1, {"did you mean 'on_reboot'?"}},
    {"log = info\n", 1, 1, {"unknown key 'log'; allowed here: log_level,", "lab, mitigations"}},
    {"[guest g]\nxyzzy = 1\n", 2, 1, {"unknown key 'xyzzy'", "memory, vcpus, kernel", "module"}},
    {"[guest g]\n" LONG_128 " = 1\n", 2, 1, {"unknown key '" LONG_32 "...'"}},
    {"memory = 4M\n" GUEST, 1, 1, {"memory is a key of a guest", "[guest NAME]"}},
    {GUEST "log_level = info\n", 4, 1, {"log_level is a key of the whole machine"}},
    {GUEST "memory = 8M\n", 4, 1, {"memory is given twice", "line 3"}},
    {"on_end = halt\non_end = halt\n", 2, 1, {"on_end is given twice", "line 1"}},
    {GUEST "= 1\n", 4, 1, {"a key must stand before '='"}},
    {GUEST "vcpus\n", 4, 6, {"'=' must follow vcpus", "allowed: 1"}},
    {GUEST "vcpus 1\n", 4, 7, {"'=' must follow vcpus"}},
    {GUEST "vcpus = \n", 4, 9, {"vcpus has no value", "allowed: 1"}},
    {GUEST "vcpus = # 1\n", 4, 9, {"vcpus has no value"}},
    {GUEST "initrd =\n", 4, 9, {"initrd has no value"}},
    /* values */
    {"log_level = loud\n", 1, 13, {"log_level = loud", "error, warning, info, debug"}},
    {"log_level = info# x\n", 1, 13, {"log_level = info# x"}},
    {"log_level = Info\n", 1, 13, {"log_level = Info"}},
    {"on_end = stop\n", 1, 10, {"poweroff, reboot, halt, return"}},
    {"lab = yes\n", 1, 7, {"lab = yes", "off, on, ask"}},
    {"lab = off\n", 1, 1, {"no guest", "lab = on"}},
    {"lab = ask\n", 1, 1, {"no guest"}},
    {GUEST "lab = on\n", 4, 1, {"lab is a key of the whole machine"}},
    {GUEST "vcpus = 2\n", 4, 9, {"vcpus = 2: allowed: 1"}},
    {GUEST "vcpus = 1K\n", 4, 9, {"vcpus = 1K"}},
    {GUEST "vcpus = 4294967297\n", 4, 9, {"vcpus = 4294967297"}},
    {GUEST "format = elf\n", 4, 10, {"auto, linux, multiboot, flat"}},
    {GUEST "console = com5\n", 4, 11, {"auto, com1, com2, com3, com4, screen, none"}},
    {GUEST "on_reboot = stop\n", 4, 13, {"restart, end"}},
    {GUEST "debug_exit = 0\n", 4, 14, {"0x1 to 0xffff"}},
    {GUEST "debug_exit = 0x10000\n", 4, 14, {"debug_exit = 0x10000", "0x1 to 0xffff"}},
    {"[guest g]\nkernel = k\nmemory = 5M\n", 3, 10, {"memory = 5M", "4M to 1T", "steps of 2M"}},
    /* quotes */
    {GUEST "cmdline = \"abc\n", 4, 11, {"not closed"}},
    {GUEST "cmdline = \"abc\\\"\n", 4, 11, {"not closed"}},
    {GUEST "cmdline = \"a\\b\"\n", 4, 13, {"cmdline: in quotes"}},
    {GUEST "cmdline = \"a\\", 4, 13, {"cmdline: in quotes"}},
    {GUEST "cmdline = \"a\"b\n", 4, 14, {"closing quote"}},
    {GUEST "cmdline = \"a\" b\n", 4, 15, {"'b' is too much"}},
    /* lengths */
    {GUEST "cmdline = " LONG_1K "\n", 4, 11, {"cmdline: longer than 1023 bytes"}},
    {GUEST "cmdline = \"" LONG_1K "\"\n", 4, 11, {"cmdline: longer than 1023 bytes"}},
    {GUEST "initrd = " LONG_128 "\n", 4, 10, {"initrd: longer than 127 bytes"}},
    {GUEST "module = m " LONG_128 "\n", 4, 12, {"module: longer than 127 bytes"}},
    {GUEST "module=1\nmodule=2\nmodule=3\nmodule=4\nmodule=5\nmodule=6\nmodule=7\nmodule=8\n"
           "module = 9\n",
     12,
     10,
     {"module", "allowed: 8"}},
    /* encoding */
    {"#\xff\n", 1, 2, {"0xff", "UTF-8"}},
    {"# \xc3\xa9 \xc0\xaf\n", 1, 5, {"0xc0"}},
    {"# \xed\xa0\x80\n", 1, 3, {"0xed"}},
    {"# \xe0\x80\x80\n", 1, 3, {"0xe0"}},
    {"# \xf4\x90\x80\x80\n", 1, 3, {"0xf4"}},
    {"# \xf0\x80\x80\x80\n", 1, 3, {"0xf0"}},
    {"# \xe2\x82", 1, 3, {"0xe2"}},
    {"# \x80\n", 1, 3, {"0x80"}},
    {"# \xc2\x85\n", 1, 3, {"control character 0x85"}},
    {"# \x1b[2J\n", 1, 3, {"control character 0x1b"}},
    {"# \x7f\n", 1, 3, {"control character 0x7f"}},
    {"#a\rb\n", 1, 3, {"control character 0x0d"}},
    {"#a\r\r\n", 1, 3, {"control character 0x0d"}},
    {"#\n\xef\xbb\xbf" GUEST, 2, 1, {"unknown key"}},
    /* columns count characters */
    {GUEST "cmdline = \"\xc3\xa9\xc3\xa9\" x\n", 4, 16, {"'x'"}},
};

static void test_refusals(void **state)
{
    static const struct config zero;

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(refusals); i++) {
        const struct refusal *r = &refusals[i];

        if (parse_bytes(r->text, strlen(r->text)) != E_INVAL)
            fail_msg("row %u not refused: %s", i, r->text);
        if (error.line != r->line || error.column != r->column)
            fail_msg("row %u: at %u:%u, not %u:%u: %s", i, error.line, error.column, r->line,
                     r->column, error.text);
        for (u32 w = 0; w < 3 && r->words[w]; w++)
            if (!strstr(error.text, r->words[w]))
                fail_msg("row %u: \"%s\" lacks \"%s\"", i, error.text, r->words[w]);
        assert_memory_equal(&config, &zero, sizeof(config));
    }
    assert_int_equal(parse_bytes("#\0\n", 3), E_INVAL);
    assert_int_equal(error.column, 2);
}

static void test_paths(void **state)
{
    static const struct {
        const char *path;
        bool good;
    } rows[] = {
        {"a", true},         {"a/b\\c.d", true},  {".hidden", true},     {"a..b", true},
        {"...", true},       {"..", false},       {".", false},          {"/a", false},
        {"\\a", false},      {"a/", false},       {"a//b", false},       {"a/../b", false},
        {"a/./b", false},    {"a/..", false},     {"../a", false},       {"c:x", false},
        {"a*", false},       {"a?", false},       {"a|b", false},        {"a<b", false},
        {"a>b", false},      {"\xc3\xa9", false}, {"\"a\\\"b\"", false}, {"\"\"", false},
        {"\"a\tb\"", false},
    };
    char text[200];

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        static const char *const keys[] = {"kernel", "initrd", "module"};

        for (u32 k = 0; k < ARRAY_LEN(keys); k++) {
            snprintf(text, sizeof(text), "[guest g]\n%s\nmemory=4M\n%s = %s\n", k ? "kernel=k" : "",
                     keys[k], rows[i].path);

            const err_t err = parse_bytes(text, strlen(text));

            if ((err == OK) != rows[i].good)
                fail_msg("%s = %s: %s", keys[k], rows[i].path, err == OK ? "taken" : error.text);
            if (err != OK) {
                assert_int_equal(error.line, 4);
                assert_non_null(strstr(error.text, keys[k]));
            }
        }
    }
}

static void test_longest_values(void **state)
{
    char text[4096];

    (void)state;
    snprintf(text, sizeof(text),
             "[guest %.31s]\nkernel=%.127s\nmemory=4M\ncmdline=%.1023s\n"
             "module = %.127s \"%.127s\"\n",
             LONG_32, LONG_128, LONG_1K, LONG_128, LONG_128);
    parse(text);
    assert_int_equal(strlen(config.guest[0].name), 31);
    assert_int_equal(strlen(config.guest[0].kernel), 127);
    assert_int_equal(strlen(config.guest[0].cmdline), 1023);
    assert_int_equal(strlen(config.guest[0].module[0].path), 127);
    assert_int_equal(strlen(config.guest[0].module[0].string), 127);
}

static void test_guest_limit(void **state)
{
    static char text[64 * (CONFIG_GUESTS_MAX + 1)];
    size_t used = 0;

    (void)state;
    for (u32 i = 0; i < CONFIG_GUESTS_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "[guest g%u]\nkernel = k\nmemory = 4M\n", i);
    parse(text);
    assert_int_equal(config.guest_count, CONFIG_GUESTS_MAX);
    assert_string_equal(config.guest[CONFIG_GUESTS_MAX - 1].name, "g47");
    snprintf(text + used, sizeof(text) - used, "[guest more]\nkernel = k\nmemory = 4M\n");
    assert_int_equal(parse_bytes(text, strlen(text)), E_INVAL);
    assert_non_null(strstr(error.text, "allowed: 48"));
    assert_int_equal(error.line, 3 * CONFIG_GUESTS_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_keys),    cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_encodings),   cmocka_unit_test(test_choices),
        cmocka_unit_test(test_sizes),       cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_paths),       cmocka_unit_test(test_longest_values),
        cmocka_unit_test(test_guest_limit), cmocka_unit_test(test_no_guest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
