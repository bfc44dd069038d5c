/* vmm/hc_control.c: the log of the control partition, and the memory of devices. */
#include "tools/unit/ept_fake.h"
#include "tools/unit/fake_control.h"
#include "tools/unit/said.h"
#include "vmm/bootinfo.h"
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

/* A PC of 8 GiB: 3 GiB lie below 4 GiB, the rest above.  The screen is among PCI's devices. */
static const struct boot_info boot = {
    .mem_count = 6,
    .mem = {{0, 0xa0000, BOOT_MEM_USABLE, 0},
            {MiB, 3 * GiB - MiB, BOOT_MEM_USABLE, 0},
            {0xe0000000, 256 * MiB, BOOT_MEM_RESERVED, 0},
            {4 * GiB, 4 * GiB, BOOT_MEM_USABLE, 0},
            {8 * GiB, GiB - PAGE_SIZE, BOOT_MEM_MODULE, 0},
            {9 * GiB, PAGE_SIZE, BOOT_MEM_MMIO, 0}},
    .fb = {.base = 0xc1000000, .size = 3 * MiB},
};

const struct boot_info *bootinfo(void)
{
    return &boot;
}

static void test_device_memory(void **state)
{
    static const struct {
        u64 first, len;
        i64 result;
    } cases[] = {
        {0xfee00000, PAGE_SIZE, ABI_EPERM}, /* the local APIC */
        {MiB, PAGE_SIZE, ABI_EPERM},
        {0xfebff000, 2 * PAGE_SIZE, ABI_EPERM},
        {0xc0000000, 0, ABI_EINVAL},
        {0xc0000001, PAGE_SIZE, ABI_EINVAL},
        {0xc0000000, 0 - 0xc0000000ull, ABI_EPERM},
        {0xc0000000, PAGE_SIZE, ABI_OK},
        {0xc0000000, PAGE_SIZE, ABI_EEXIST},
        {0xfebff000, PAGE_SIZE, ABI_OK},
        /* RAM that lies where machines with less have devices */
        {0x80000000, PAGE_SIZE, ABI_EPERM},
        {0xbffff000, 2 * PAGE_SIZE, ABI_EPERM},
        {4 * GiB, PAGE_SIZE, ABI_EPERM},
        {8 * GiB - PAGE_SIZE, PAGE_SIZE, ABI_EPERM},
        {8 * GiB, GiB, ABI_EPERM},
        {4 * GiB - PAGE_SIZE, 64 * GiB, ABI_EPERM},
        {4 * GiB, 64 * GiB, ABI_EPERM},
        /* what the firmware's map names, and the gap that it leaves in between */
        {0xe0000000, PAGE_SIZE, ABI_EPERM},
        {9 * GiB, PAGE_SIZE, ABI_EPERM},
        {9 * GiB - PAGE_SIZE, PAGE_SIZE, ABI_OK},
        {9 * GiB + PAGE_SIZE, PAGE_SIZE, ABI_OK},
        /* the screen */
        {0xc1000000, PAGE_SIZE, ABI_EPERM},
        {0xc0fff000, 2 * PAGE_SIZE, ABI_EPERM},
        {0xc12ff000, 2 * PAGE_SIZE, ABI_EPERM},
        {0xc1300000, PAGE_SIZE, ABI_OK},
        /* as OVMF places what needs no address below 4 GiB: at the end of 40 bits */
        {0xe000000000, 4 * PAGE_SIZE, ABI_OK},
        {BIT(40), PAGE_SIZE, ABI_EINVAL}, /* beyond what this processor has */
        {BIT(47), PAGE_SIZE, ABI_EPERM},
        {0 - PAGE_SIZE, PAGE_SIZE, ABI_EPERM},
    };
    static struct fake tables = {.fail_in = -1};

    (void)state;
    the_control.ept = (struct ept){.page_alloc = fake_alloc,
                                   .page_free = fake_free,
                                   .to_phys = fake_to_phys,
                                   .to_virt = fake_to_virt,
                                   .ctx = &tables,
                                   .tables_left = ~0ull,
                                   .phys_bits = FAKE_PHYS_BITS};
    assert_int_equal(ept_init(&the_control.ept), OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (call(HC_device_memory, cases[i].first, cases[i].len, 0, 0) != cases[i].result)
            fail_msg("case %zu", i);
    the_control.ept.tables_left = 0;
    assert_int_equal(call(HC_device_memory, 0xe000004000, PAGE_SIZE, 0, 0), ABI_OK);
    assert_int_equal(call(HC_device_memory, 0xe000200000, PAGE_SIZE, 0, 0), ABI_ENOMEM);
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
