/* The guest's ACPI tables: checksums, lengths, pointers, the values that must agree with
 * the board; and ACPICA's compiler must read the AML and compile it again. */
#include "vmm/acpi_build.h"
#include "vmm/board.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static u8 buf[ACPI_GUEST_SIZE];
static size_t used;

static int setup(void **state)
{
    (void)state;
    memset(buf, 0xaa, sizeof(buf));
    used = acpi_build(buf, sizeof(buf));
    return used == 0;
}

static u64 le(size_t at, unsigned bytes)
{
    u64 v = 0;
    assert_true(at + bytes <= used);
    memcpy(&v, buf + at, bytes);
    return v;
}

static u8 sum(size_t at, size_t len)
{
    u8 total = 0;
    assert_true(at + len <= used);
    for (size_t i = 0; i < len; i++)
        total = (u8)(total + buf[at + i]);
    return total;
}

/* The table at a guest-physical address: its offset, after checking header and checksum. */
static size_t table(u64 gpa, const char *signature)
{
    assert_in_range(gpa, ACPI_GUEST_BASE, ACPI_GUEST_BASE + used - 36);
    const size_t at = (size_t)(gpa - ACPI_GUEST_BASE);
    assert_memory_equal(buf + at, signature, 4);
    assert_int_equal(sum(at, le(at + 4, 4)), 0);
    return at;
}

static size_t find_fadt(void)
{
    const size_t xsdt = table(le(24, 8), "XSDT");
    assert_int_equal(le(xsdt + 4, 4), 36 + 8); /* one entry */
    return table(le(xsdt + 36, 8), "FACP");
}

static void test_rsdp(void **state)
{
    (void)state;
    assert_memory_equal(buf, "RSD PTR ", 8);
    assert_int_equal(sum(0, 20), 0);
    assert_int_equal(sum(0, 36), 0);
    assert_int_equal(buf[15], 2);
    assert_int_equal(le(16, 4), 0); /* no RSDT */
    assert_int_equal(le(20, 4), 36);
}

static void test_fadt(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        unsigned bytes;
        u64 want;
    } fields[] = {
        {4, 4, 276},     {8, 1, 6},
        {46, 2, 9},      {48, 4, 0},
        {56, 4, 0x600},  {60, 4, 0},
        {64, 4, 0x604},  {68, 4, 0},
        {72, 4, 0},      {76, 4, 0x608},
        {80, 8, 0},      {88, 1, 4},
        {89, 1, 2},      {90, 1, 0},
        {91, 1, 4},      {92, 2, 0},
        {96, 2, 0xfff},  {98, 2, 0xfff},
        {108, 1, 0x32},  {109, 2, 0x1d},
        {112, 4, 0x575}, {116, 4, 0x01000801},
        {120, 8, 0xcf9}, {128, 1, 6},
        {132, 8, 0},     {148, 4, 0x02002001},
        {152, 8, 0x600}, {172, 4, 0x02001001},
        {176, 8, 0x604}, {208, 4, 0x03002001},
        {212, 8, 0x608}, {268, 6, 0x4c45544e494c},
    };
    const size_t fadt = find_fadt();
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (le(fadt + fields[i].at, fields[i].bytes) != fields[i].want)
            fail_msg("FADT offset %zu: %#lx", fields[i].at,
                     le(fadt + fields[i].at, fields[i].bytes));
    assert_int_equal(le(fadt + 40, 4), le(fadt + 140, 8)); /* DSDT, X_DSDT */
    const size_t facs = (size_t)(le(fadt + 36, 4) - ACPI_GUEST_BASE);
    assert_int_equal(facs % 64, 0);
    assert_memory_equal(buf + facs, "FACS", 4);
    assert_int_equal(le(facs + 4, 4), 64);
    for (size_t i = 8; i < 64; i++)
        assert_int_equal(buf[facs + i], i == 32 ? 2 : 0); /* only the version */
    (void)table(le(fadt + 40, 4), "DSDT");
}

static void test_too_small(void **state)
{
    (void)state;
    static u8 small[ACPI_GUEST_SIZE];
    for (size_t size = 0; size <= used + 8; size++) {
        memset(small, 0xcc, used + 16);
        assert_int_equal(acpi_build(small, size), size < used ? 0 : used);
        for (size_t i = size; i < used + 16; i++)
            assert_int_equal(small[i], 0xcc);
    }
    assert_memory_equal(small, buf, used);
}

/* \_S5 by hand: what acpi_power_off() will write is what the board understands. */
static void test_s5_powers_off(void **state)
{
    (void)state;
    static const u8 head[] = {0x08, '_', 'S', '5', '_', 0x12, 0x4b, 0x00, 4, 0x0a};
    const size_t dsdt = (size_t)(le(find_fadt() + 40, 4) - ACPI_GUEST_BASE);
    assert_memory_equal(buf + dsdt + 36, head, sizeof(head));
    const u8 slp_typ = buf[dsdt + 36 + sizeof(head)];
    struct pm pm;
    pm_init(&pm, 1000000, 0);
    assert_false(pm_write(&pm, 0x605, (u8)(slp_typ << 2), 0));
    assert_true(pm_write(&pm, 0x605, (u8)(slp_typ << 2 | 0x20), 0));
}

static void dump(const char *dir, const char *name, u64 at)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(buf + at, 1, le(at + 4, 4), f), le(at + 4, 4));
    assert_int_equal(fclose(f), 0);
}

static void test_iasl(void **state)
{
    (void)state;
    char dir[] = "/tmp/acpi_build.XXXXXX", command[1024];
    if (system("command -v iasl >/dev/null") != 0)
        skip();
    assert_non_null(mkdtemp(dir));
    const size_t fadt = find_fadt();
    dump(dir, "dsdt.dat", le(fadt + 40, 4) - ACPI_GUEST_BASE);
    dump(dir, "fadt.dat", fadt);
    dump(dir, "facs.dat", le(fadt + 36, 4) - ACPI_GUEST_BASE);
    dump(dir, "xsdt.dat", le(24, 8) - ACPI_GUEST_BASE);
    (void)snprintf(
        command, sizeof(command),
        "cd %s && for t in dsdt fadt facs xsdt; do iasl -d $t.dat || exit 1; done >log 2>&1"
        " && ! grep -Ei 'error|warning|invalid' log"
        " && iasl -p again dsdt.dsl >log2 2>&1 && grep -q ' 0 Errors, 0 Warnings' log2"
        " && grep -q PNP0501 dsdt.dsl && grep -q PNP0B00 dsdt.dsl"
        " && grep -q PNP0100 dsdt.dsl && grep -q PNP0000 dsdt.dsl"
        " && test $(tr -d ' \n' <dsdt.dsl | grep -o '{[0-9]*}' | tr -d '\n') = '{2}{0}{8}{4}'",
        dir);
    const int result = system(command);
    (void)snprintf(command, sizeof(command), "rm -r %s", dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(result, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rsdp),      cmocka_unit_test(test_fadt),
        cmocka_unit_test(test_too_small), cmocka_unit_test(test_s5_powers_off),
        cmocka_unit_test(test_iasl),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
