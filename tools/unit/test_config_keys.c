/* config_parse(): every key, every default, and the values that each type of key takes. */
#include "config_parsed.h"

static void test_all_keys(void **state)
{
    (void)state;
    parse("# comment\n"
          "log_level = debug   # more\n"
          "on_end=halt\n"
          "lab = ask\n"
          "mitigations = off\n"
          "run = one-by-one\ncontrol = c\n"
          "slice = 100\n"
          "\n"
          "  [ guest  debian.1 ]  # first\n"
          "\tmemory\t=\t512M\n"
          "vcpus = 8\n"
          "cpu = 63,0,2-4   # five\n"
          "schedule = pinned\npriority = 7\nweight = 1000\ncap = 100\nperiod = 1000\n"
          "lifetime = 86400000\nexits = 4000000000\nexits_seed = 1\nrestarts = 1000000\n"
          "paravirt = off\nstart = ask\napicv = off\n"
          "kernel = dir/vmlinuz\n"
          "initrd = \"my initrd.img\"\n"
          "cmdline = console=ttyS0 quiet x#y dyndbg=\"file a\"   # not this\n"
          "format = linux\n"
          "console = com3\n"
          "on_reboot = end\n"
          "debug_exit = 0xf4\n"
          "stats = on\ntrace_dump = on\nledger = on\ntouch = on\n"
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
    assert_int_equal(config.run, CONFIG_RUN_ONE_BY_ONE);
    assert_int_equal(config.slice, 100);
    assert_int_equal(config.guest_count, 2);

    const struct config_guest *g = &config.guest[0];

    assert_string_equal(g->name, "debian.1");
    assert_int_equal(g->memory, 512 * MiB);
    assert_int_equal(g->vcpus, 8);
    assert_int_equal(g->cpus, 0x800000000000001d);
    assert_int_equal(g->schedule, CONFIG_SCHEDULE_PINNED);
    assert_int_equal(g->priority, 7);
    assert_int_equal(g->weight, 1000);
    assert_int_equal(g->cap, 100);
    assert_int_equal(g->period, 1000);
    assert_int_equal(g->lifetime, 86400000);
    assert_int_equal(g->exits, 4000000000);
    assert_int_equal(g->exits_seed, 1);
    assert_int_equal(g->restarts, 1000000);
    assert_int_equal(g->paravirt, CONFIG_OFF);
    assert_int_equal(g->start, CONFIG_START_ASK);
    assert_int_equal(g->apicv, CONFIG_APICV_OFF);
    assert_string_equal(g->kernel, "dir\\vmlinuz");
    assert_string_equal(g->initrd, "my initrd.img");
    assert_string_equal(g->cmdline, "console=ttyS0 quiet x#y dyndbg=\"file a\"");
    assert_int_equal(g->format, CONFIG_FORMAT_LINUX);
    assert_int_equal(g->console, CONFIG_CONSOLE_COM3);
    assert_int_equal(g->on_reboot, CONFIG_REBOOT_END);
    assert_int_equal(g->debug_exit, 0xf4);
    assert_int_equal(g->stats & g->trace_dump & g->ledger & g->touch, CONFIG_ON);
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

static void test_control_keys(void **state)
{
    (void)state;
    parse("control = control.elf\ncontrol_memory = 1G\ncontrol_cpu = 1,3\ncontrol_poll = on\n" GUEST
          "served = memory\n");
    assert_string_equal(config.control, "control.elf");
    assert_int_equal(config.control_memory, GiB);
    assert_int_equal(config.control_cpus, 10);
    assert_int_equal(config.control_poll, CONFIG_ON);
    assert_int_equal(config.guest[0].served, CONFIG_SERVED_MEMORY);
}

static void test_devices(void **state)
{
    static char text[1024];

    (void)state;
    parse("control = c\n" GUEST "disk = ide0:2,cache=none # the second\nnet = lan\n"
          "disk = \"memory:8M\"\n");
    assert_string_equal(config.guest[0].devices,
                        "disk ide0:2,cache=none\nnet lan\ndisk memory:8M\n");
    assert_int_equal(config.guest[0].served, CONFIG_SERVED_MEMORY);
    parse("control = c\n" GUEST "rng = on\nhvc = on\n");
    assert_string_equal(config.guest[0].devices, "rng on\nhvc on\n");
    parse("control = c\n" GUEST "served = memory\nnet = lan\n[guest h]\nkernel = k\nmemory = 4M\n");
    assert_string_equal(config.guest[0].devices, "net lan\n");
    assert_string_equal(config.guest[1].devices, "");
    assert_int_equal(config.guest[1].served, CONFIG_SERVED_OFF);

    /* As many as there is room for, to the byte. */
    size_t len = (size_t)sprintf(text, "control = c\n" GUEST);
    for (u32 i = 0; i < 31; i++) /* 16 bytes each */
        len += (size_t)sprintf(text + len, "net = 01234567890\n");
    sprintf(text + len, "net = 0123456789\n");
    parse(text);
    assert_int_equal(strlen(config.guest[0].devices), CONFIG_DEVICES_MAX - 1);
}

static void test_defaults(void **state)
{
    (void)state;
    parse(GUEST);
    assert_int_equal(config.log_level, CONFIG_LOG_INFO);
    assert_int_equal(config.on_end, CONFIG_END_POWEROFF);
    assert_int_equal(config.lab, CONFIG_LAB_OFF);
    assert_int_equal(config.mitigations, CONFIG_MITIGATIONS_AUTO);
    assert_int_equal(config.run, CONFIG_RUN_TOGETHER);
    assert_int_equal(config.slice, 5);
    assert_string_equal(config.control, "");
    assert_int_equal(config.control_memory, 16 * MiB);
    assert_int_equal(config.control_cpus, 0);
    assert_int_equal(config.control_poll, CONFIG_OFF);

    const struct config_guest *g = &config.guest[0];

    assert_int_equal(g->vcpus, 1);
    assert_int_equal(g->cpus, 0);
    assert_int_equal(g->schedule, CONFIG_SCHEDULE_SHARED);
    assert_int_equal(g->priority, 3);
    assert_int_equal(g->weight, 100);
    assert_int_equal(g->cap, 0);
    assert_int_equal(g->period, 10);
    assert_int_equal(g->lifetime, 0);
    assert_int_equal(g->exits | g->exits_seed, 0);
    assert_int_equal(g->restarts, 0);
    assert_int_equal(g->paravirt, CONFIG_ON);
    assert_int_equal(g->start, CONFIG_START_BOOT);
    assert_int_equal(g->apicv, CONFIG_APICV_AUTO);
    assert_string_equal(g->initrd, "");
    assert_string_equal(g->cmdline, "");
    assert_string_equal(g->devices, "");
    assert_int_equal(g->format, CONFIG_FORMAT_AUTO);
    assert_int_equal(g->console, CONFIG_CONSOLE_AUTO);
    assert_int_equal(g->served, CONFIG_SERVED_OFF);
    assert_int_equal(g->on_reboot, CONFIG_REBOOT_RESTART);
    assert_int_equal(g->debug_exit, 0);
    assert_int_equal(g->stats | g->trace_dump | g->ledger | g->touch, CONFIG_OFF);
    assert_int_equal(g->module_count, 0);
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
        {GLOBAL_KEY(run), {"together", "one-by-one"}},
        {GUEST_KEY(schedule), {"shared", "pinned"}},
        {GUEST_KEY(paravirt), {"off", "on"}},
        {GUEST_KEY(start), {"boot", "ask"}},
        {GUEST_KEY(apicv), {"auto", "off"}},
        {GUEST_KEY(format), {"auto", "linux", "multiboot", "flat", "pvh"}},
        {GUEST_KEY(console), {"auto", "com1", "com2", "com3", "com4", "screen", "none"}},
        {GUEST_KEY(on_reboot), {"restart", "end"}},
        {GUEST_KEY(stats), {"off", "on"}},
        {GUEST_KEY(trace_dump), {"off", "on"}},
        {GUEST_KEY(ledger), {"off", "on"}},
        {GUEST_KEY(touch), {"off", "on"}},
    };
    char text[200];

    (void)state;
    for (u32 r = 0; r < ARRAY_LEN(rows); r++)
        for (u32 i = 0; rows[r].words[i]; i++) {
            const void *base = rows[r].global ? (void *)&config : &config.guest[0];
            u32 value;

            snprintf(text, sizeof(text), "control = c\n%s%s = %s\n%s", rows[r].global ? "" : GUEST,
                     rows[r].key, rows[r].words[i], rows[r].global ? GUEST : "");
            parse(text);
            memcpy(&value, (const char *)base + rows[r].offset, sizeof(value));
            assert_int_equal(value, i);
            assert_int_equal(config.guest_count, 1);
        }
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

static void test_cpus(void **state)
{
    static const struct {
        const char *word;
        u64 cpus; /* 0: refused */
    } rows[] = {
        {"0", 1},
        {"63", BIT(63)},
        {"0-63", ~0ull},
        {"0,2-3", 0xd},
        {"3-3", 8},
        {"5,1", 0x22},
        {"007", 0x80},
        {"\"1-2\"", 6},
        {"0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,"
         "32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,"
         "61,62,63",
         ~0ull},
        {"64", 0},
        {"0-64", 0},
        {"3-2", 0},
        {"1,1", 0},
        {"1-3,2", 0},
        {",1", 0},
        {"1,", 0},
        {"1,,2", 0},
        {"1-", 0},
        {"-1", 0},
        {"1-2-3", 0},
        {"1 2", 0},
        {"1, 2", 0},
        {"0x1", 0},
        {"all", 0},
        {"4294967296", 0},
        {"18446744073709551616", 0},
    };
    char text[300];

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(text, sizeof(text), GUEST "cpu = %s\n", rows[i].word);
        if (rows[i].cpus) {
            parse(text);
            assert_int_equal(config.guest[0].cpus, rows[i].cpus);
        } else {
            if (parse_bytes(text, strlen(text)) == OK)
                fail_msg("accepted cpu = %s", rows[i].word);
            assert_int_equal(error.line, 4);
            assert_int_equal(error.column, 7);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_keys), cmocka_unit_test(test_control_keys),
        cmocka_unit_test(test_devices),  cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_choices),  cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_cpus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
