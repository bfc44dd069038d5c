/* boot/acpi_view.c: which memory the tables may name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "boot/acpi_view.h"

static struct boot_info info;

static int setup(void **state)
{
    (void)state;
    info = (struct boot_info){
        .mem_count = 5,
        .mem = {{.base = 0x1000, .len = 0x9000, .type = BOOT_MEM_USABLE},
                {.base = 0x100000, .len = 0x1000, .type = BOOT_MEM_ACPI},
                {.base = 0x101000, .len = 0x1000, .type = BOOT_MEM_RUNTIME},
                {.base = 0x102000, .len = 0x1000, .type = BOOT_MEM_RESERVED},
                {.base = 0x103000, .len = 0x1000, .type = BOOT_MEM_MMIO}},
    };
    return 0;
}

static void test_what_may_be_looked_at(void **state)
{
    static const struct {
        u64 phys, len;
        bool allowed;
    } rows[] = {
        {0x1000, 0x9000, true},
        {0x1000, 0x9001, false},
        {0xfff, 1, false},
        {0x9fff, 1, true},
        {0xa000, 1, false},
        {0x100000, 0x1000, true},
        {0x100800, 0x1800, true},
        {0x100800, 0x1801, false},
        {0x102000, 1, false},
        {0x103000, 1, false},
        {0x104000, 1, false},
        {0xe0000, 0x20000, true},
        {0xdffff, 2, false},
        {0xe0000, 0x20001, false},
        {0xfffff, 1, true},
        {0x1000, 0, false},
        {0x1000, UINT64_MAX, false},
        {UINT64_MAX, 1, false},
        {UINT64_MAX - 35, 36, false},
        {0, 36, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (acpi_view_allowed(&info, rows[i].phys, rows[i].len) != rows[i].allowed)
            fail_msg("row %zu", i);
}

/* Whatever address the firmware gives: no tables, and nothing outside of the map is touched. */
static void test_no_tables(void **state)
{
    static const u64 rsdps[] = {0, 0x102000, 0x104000, UINT64_MAX - 8};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rsdps); i++) {
        info.rsdp = rsdps[i];
        info.has_acpi = 1;
        memset(&info.acpi, 0xff, sizeof(info.acpi));
        acpi_view_read(&info);
        assert_int_equal(info.has_acpi, 0);
        assert_int_equal(info.acpi.cpu_count, 0);
        assert_false(info.acpi.reset.present);
    }
}

/* Tables in this program's own memory, which the map has or has not. */
static void test_tables_in_the_map(void **state)
{
    static u8 page[2 * PAGE_SIZE] __attribute__((aligned(4096)));
    const u64 rsdp = (u64)page, xsdt = (u64)page + 64;
    u8 sum = 0;

    (void)state;
    memcpy(page, "RSD PTR ", 8);
    page[15] = 2, page[20] = 36;
    memcpy(page + 24, &xsdt, sizeof(xsdt));
    for (u32 i = 0; i < 20; i++)
        sum = (u8)(sum + page[i]);
    page[8] = (u8)-sum, sum = 0;
    for (u32 i = 0; i < 36; i++)
        sum = (u8)(sum + page[i]);
    page[32] = (u8)-sum, sum = 0;
    memcpy(page + 64, "XSDT", 4);
    page[64 + 4] = 36;
    for (u32 i = 0; i < 36; i++)
        sum = (u8)(sum + page[64 + i]);
    page[64 + 9] = (u8)-sum;
    info.rsdp = rsdp;
    acpi_view_read(&info);
    assert_int_equal(info.has_acpi, 0);
    info.mem[info.mem_count++] =
        (struct boot_mem){.base = rsdp, .len = sizeof(page), .type = BOOT_MEM_ACPI};
    acpi_view_read(&info);
    assert_int_equal(info.has_acpi, 1);
    assert_int_equal(info.acpi.cpu_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_may_be_looked_at, setup),
        cmocka_unit_test_setup(test_no_tables, setup),
        cmocka_unit_test_setup(test_tables_in_the_map, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
