/* vmm/hc_control.c: the log of the control partition, and the memory of devices. */
#include "tools/unit/fake_control.h"
#include "tools/unit/said.h"
#include "vmm/policy/devices.h"

static i64 say_line(const char *text)
{
    memcpy(control_ram(SCRAP), text, strlen(text));
    return call(HC_log, SCRAP, strlen(text), 0, 0);
}

static void test_log(void **state)
{
    char line[32];
    u32 count = 0;

    (void)state;
    fake_cpu.tsc = 1000000000;
    said_nothing();
    assert_int_equal(say_line("hello\x1b[2J\n"), ABI_OK);
    assert_string_equal(said, "control: hello?[2J?\n"); /* nothing for a terminal */
    assert_int_equal(call(HC_log, SCRAP, 201, 0, 0), ABI_EINVAL);
    assert_int_equal(call(HC_log, SCRAP, ~0ull, 0, 0), ABI_EINVAL);
    assert_int_equal(call(HC_log, 0, 1, 0, 0), ABI_EFAULT);
    assert_int_equal(call(HC_log, CONTROL_BASE + CONTROL_BYTES - 1, 2, 0, 0), ABI_EFAULT);
    said_nothing();
    for (u32 i = 0; i < 1000; i++) {
        snprintf(line, sizeof(line), "line %u", i);
        assert_int_equal(say_line(line), ABI_OK);
    }
    for (const char *at = said; (at = strstr(at, "control: line")) != NULL; at++)
        count++;
    assert_int_equal(count, 199); /* 200 at once, of which one is above */
    said_nothing();
    fake_cpu.tsc += 20000; /* fake TSC: 1 MHz; 50 a second */
    assert_int_equal(say_line("again"), ABI_OK);
    assert_string_equal(said, "control: 801 lines were too many and are lost\ncontrol: again\n");
}

static void test_device_memory(void **state)
{
    static const struct {
        u64 first, len;
        i64 result;
    } cases[] = {
        {0xfee00000, PAGE_SIZE, ABI_EPERM},
        {MiB, PAGE_SIZE, ABI_EPERM},
        {0xfebff000, 2 * PAGE_SIZE, ABI_EPERM},
        {0x7ffff000, 2 * PAGE_SIZE, ABI_EPERM},
        {0x80000000, 0, ABI_EINVAL},
        {0x80000001, PAGE_SIZE, ABI_EINVAL},
        {0x80000000, 0 - PAGE_SIZE, ABI_EPERM},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (call(HC_device_memory, cases[i].first, cases[i].len, 0, 0) != cases[i].result)
            fail_msg("case %zu", i);
}

/* Its ports do not exit; all others do. */
static void test_device_ports(void **state)
{
    static u8 bitmap[2][4096];

    (void)state;
    memset(bitmap, 0xff, sizeof(bitmap));
    devices_pass(bitmap[0], bitmap[1]);
    for (u32 port = 0; port < 0x10000; port++)
        assert_int_equal(bitmap[port >> 15][port % 0x8000 / 8] >> (port % 8) & 1,
                         !devices_have_port(port, 1));
    assert_true(devices_have_port(0xcf8, 8));
    assert_false(devices_have_port(0xcf8, 9));
    assert_false(devices_have_port(0x3f8, 1)); /* COM1 */
    assert_false(devices_have_port(0x20, 1));
    assert_false(devices_have_port(0xb000, 1)); /* power management */
    assert_false(devices_have_port(0x60, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_log, both_new),
        cmocka_unit_test_setup(test_device_memory, both_new),
        cmocka_unit_test(test_device_ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
