/* config_parse(): the grammar, and every refusal with its place and words. */
#include "config_parsed.h"

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

/* The laboratory needs no guest, but a guest that is there must be right. */
static void test_no_guest(void **state)
{
    (void)state;
    parse("lab = on\n");
    assert_int_equal(config.lab, CONFIG_LAB_ON);
    assert_int_equal(config.guest_count, 0);
    assert_int_equal(parse_bytes("lab = on\n[guest g]\n", 19), E_INVAL);
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
    {"log = info\n",
     1,
     1,
     {"unknown key 'log'; allowed here: log_level,",
      "lab, mitigations, run, slice, control, control_memory, control_cpu, control_poll"}},
    {"[guest g]\nxyzzy = 1\n",
     2,
     1,
     {"unknown key 'xyzzy'", "memory, vcpus, cpu, schedule",
      ", touch, served, disk, net, hvc, rng, module"}},
    {"[guest g]\n" LONG_128 " = 1\n", 2, 1, {"unknown key '" LONG_32 "...'"}},
    {"memory = 4M\n" GUEST, 1, 1, {"memory is a key of a guest", "[guest NAME]"}},
    {"control = c\n" GUEST "served = devices\ndisk = ide0\n",
     2,
     8,
     {"guest g has devices", "served = memory"}},
    {GUEST "start = ask\n", 1, 8, {"guest g has start = ask", "control = control.elf"}},
    {"control = c\n" GUEST "rng = on\ndebug_exit = 0xcfff\n",
     2,
     8,
     {"guest g has devices", "0xc000 to 0xcfff", "another debug_exit"}},
    {GUEST "net = lan\n", 1, 8, {"guest g has devices", "control = control.elf"}},
    {"control = c\n" GUEST "net =\n", 5, 6, {"net has no value", "at most 511 bytes"}},
    {"control = c\n" GUEST "net = " LONG_128 LONG_128 LONG_128 LONG_128 "\n",
     5,
     7,
     {"net: longer than 506 bytes"}},
    {GUEST "log_level = info\n", 4, 1, {"log_level is a key of the whole machine"}},
    {GUEST "memory = 8M\n", 4, 1, {"memory is given twice", "line 3"}},
    {"control = c\n" GUEST "hvc = on\nrng = on\nhvc = on\n",
     7,
     1,
     {"hvc is given twice", "line 5"}},
    {"on_end = halt\non_end = halt\n", 2, 1, {"on_end is given twice", "line 1"}},
    {GUEST "= 1\n", 4, 1, {"a key must stand before '='"}},
    {GUEST "vcpus\n", 4, 6, {"'=' must follow vcpus", "allowed: 1 to 8"}},
    {GUEST "vcpus 1\n", 4, 7, {"'=' must follow vcpus"}},
    {GUEST "vcpus = \n", 4, 9, {"vcpus has no value", "allowed: 1 to 8"}},
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
    {"run = all\n", 1, 7, {"run = all: allowed: together, one-by-one"}},
    {"slice = 0\n", 1, 9, {"slice = 0: allowed: 1 to 100 milliseconds"}},
    {"slice = 101\n", 1, 9, {"slice = 101"}},
    {GUEST "run = together\n", 4, 1, {"run is a key of the whole machine"}},
    {GUEST "vcpus = 0\n", 4, 9, {"vcpus = 0: allowed: 1 to 8"}},
    {GUEST "vcpus = 9\n", 4, 9, {"vcpus = 9: allowed: 1 to 8"}},
    {GUEST "vcpu = 2\n", 4, 1, {"did you mean"}},
    {GUEST "cpu = 64\n", 4, 7, {"cpu = 64: allowed: CPU numbers 0 to 63", "0,2-3"}},
    {GUEST "schedule = fair\n", 4, 12, {"schedule = fair: allowed: shared, pinned"}},
    {GUEST "priority = 8\n", 4, 12, {"priority = 8: allowed: 0 to 7"}},
    {GUEST "weight = 0\n", 4, 10, {"weight = 0: allowed: 1 to 1000"}},
    {GUEST "weight = 1001\n", 4, 10, {"weight = 1001"}},
    {GUEST "cap = 0\n", 4, 7, {"cap = 0: allowed: 1 to 100 percent of one CPU"}},
    {GUEST "cap = 50%\n", 4, 7, {"cap = 50%"}},
    {GUEST "period = 0\n", 4, 10, {"period = 0: allowed: 1 to 1000 milliseconds"}},
    {GUEST "period = 1001\n", 4, 10, {"period = 1001"}},
    {GUEST "paravirt = kvm\n", 4, 12, {"paravirt = kvm: allowed: off, on"}},
    {GUEST "start = later\n", 4, 9, {"start = later: allowed: boot, ask"}},
    {GUEST "apicv = on\n", 4, 9, {"apicv = on: allowed: auto, off"}},
    {GUEST "vcpus = 1K\n", 4, 9, {"vcpus = 1K"}},
    {GUEST "vcpus = 4294967297\n", 4, 9, {"vcpus = 4294967297"}},
    {GUEST "format = elf\n", 4, 10, {"auto, linux, multiboot, flat, pvh"}},
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
    assert_string_equal(config.guest[CONFIG_GUESTS_MAX - 1].name, "g127");
    snprintf(text + used, sizeof(text) - used, "[guest more]\nkernel = k\nmemory = 4M\n");
    assert_int_equal(parse_bytes(text, strlen(text)), E_INVAL);
    assert_non_null(strstr(error.text, "allowed: 128"));
    assert_int_equal(error.line, 3 * CONFIG_GUESTS_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encodings),      cmocka_unit_test(test_no_guest),
        cmocka_unit_test(test_refusals),       cmocka_unit_test(test_paths),
        cmocka_unit_test(test_longest_values), cmocka_unit_test(test_guest_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
