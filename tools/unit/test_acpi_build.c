/* The guest's ACPI tables: checksums, lengths, pointers, the values that must agree with
 * the board.  tools/tests/test_guest_tables.py has ACPICA judge them. */
#include "abi/control.h"
#include "boot/acpi.h"
#include "boot/pc/acpi_build.h"
#include "vmm/board.h"
#include "vmm/dev/ioapic.h"
#include "vmm/dev/lapic.h"
#include "vmm/dev/pm.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static u8 buf[ACPI_GUEST_SIZE];
static size_t used;

static void build_for(const struct acpi_guest *guest)
{
    memset(buf, 0xaa, sizeof(buf));
    used = acpi_build(buf, sizeof(buf), guest);
    assert_true(used > 0 && used <= sizeof(buf));
}

static void build(u32 cpus)
{
    build_for(&(struct acpi_guest){.cpus = cpus});
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
    assert_int_equal(le(xsdt + 4, 4), 36 + 2 * 8);
    return table(le(xsdt + 36, 8), "FACP");
}

static size_t find_madt(void)
{
    return table(le(table(le(24, 8), "XSDT") + 44, 8), "APIC");
}

static void test_rsdp(void **state)
{
    (void)state;
    build(3);
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
    build(3);
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
        {112, 4, 0x565}, {116, 4, 0x01000801},
        {120, 8, 0xcf9}, {128, 1, 6},
        {36, 4, 0},      {148, 4, 0x02002001},
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
    const size_t facs = (size_t)(le(fadt + 132, 8) - ACPI_GUEST_BASE);
    assert_int_equal(facs % 64, 0);
    assert_memory_equal(buf + facs, "FACS", 4);
    assert_int_equal(le(facs + 4, 4), 64);
    for (size_t i = 8; i < 64; i++)
        assert_int_equal(buf[facs + i], i == 32 ? 2 : 0); /* only the version */
    (void)table(le(fadt + 40, 4), "DSDT");
}

/* The interrupt model, byte by byte; then the entries against the models that they describe. */
static void test_madt(void **state)
{
    (void)state;
    build(3);
    static const u8 entries[] = {
        0, 8,  0,    0, 1,    0,    0, 0, /* processor _UID 0 is local APIC 0, enabled */
        0, 8,  1,    1, 1,    0,    0, 0, /* and so on */
        0, 8,  2,    2, 1,    0,    0, 0, 1,    12,
        0, 0,  0,    0, 0xc0, 0xfe, 0, 0, 0,    0, /* I/O APIC 0 at 0xfec00000 from 0 on */
        2, 10, 0,    0, 2,    0,    0, 0, 0,    0, /* IRQ 0 is at pin 2, as the bus does it */
        2, 10, 0,    9, 9,    0,    0, 0, 0x0d, 0, /* SCI: active high, level */
        4, 6,  0xff, 0, 0,    1,                   /* NMI at LINT1 of all */
    };
    const size_t madt = find_madt();
    assert_int_equal(le(madt + 4, 4), 44 + sizeof(entries));
    assert_int_equal(le(madt + 36, 4), 0xfee00000);
    assert_int_equal(le(madt + 40, 4), 1); /* with 8259s */
    assert_memory_equal(buf + madt + 44, entries, sizeof(entries));

    struct board b;
    struct lapic l;
    const struct board_host nobody = {0};
    board_init(&b, &nobody, 1000000000, 0, 0, 0, 0);
    lapic_reset(&l, (u32)le(madt + 44 + 2 * 8 + 3, 1));
    assert_int_equal(lapic_read(&l, 0x20, 0) >> 24, 2);
    assert_int_equal(lapic_read(&l, 0x360, 0), 0x400); /* LINT1: NMI */
    board_ioapic_write(&b, 0, 0);
    assert_int_equal(board_ioapic_read(&b, 0x10) >> 24, le(madt + 68 + 2, 1));
    (void)board_port_write(&b, 0x43, 1, 0x30, 0); /* IRQ 0 goes low, and high after one count */
    const u32 before = b.ioapic.lines;
    (void)board_port_write(&b, 0x40, 1, 1, 0);
    (void)board_port_write(&b, 0x40, 1, 0, 0);
    board_tick(&b, b.deadline);
    assert_int_equal(b.ioapic.lines ^ before, BIT32(le(madt + 80 + 4, 4)));
    assert_int_equal(le(find_fadt() + 46, 2), le(madt + 90 + 3, 1)); /* SCI_INT */
}

static void test_too_small(void **state)
{
    (void)state;
    const struct acpi_guest guest = {.cpus = 3, .pci = true};
    build_for(&guest);
    static u8 small[ACPI_GUEST_SIZE];
    for (size_t size = 0; size <= used + 8; size++) {
        memset(small, 0xcc, used + 16);
        assert_int_equal(acpi_build(small, size, &guest), size < used ? 0 : used);
        for (size_t i = size; i < used + 16; i++)
            assert_int_equal(small[i], 0xcc);
    }
    assert_memory_equal(small, buf, used);
}

/* \_S5 by hand: what acpi_power_off() will write is what the board understands. */
static void test_s5_powers_off(void **state)
{
    (void)state;
    build(3);
    static const u8 head[] = {0x08, '_', 'S', '5', '_', 0x12, 0x4b, 0x00, 4, 0x0a};
    const size_t dsdt = (size_t)(le(find_fadt() + 40, 4) - ACPI_GUEST_BASE);
    assert_memory_equal(buf + dsdt + 36, head, sizeof(head));
    const u8 slp_typ = buf[dsdt + 36 + sizeof(head)];
    struct pm pm;
    pm_init(&pm, 1000000, 0);
    assert_false(pm_write(&pm, 0x605, (u8)(slp_typ << 2), 0));
    assert_true(pm_write(&pm, 0x605, (u8)(slp_typ << 2 | 0x20), 0));
}

/* Lintel's own parser for firmware's tables reads them as they were meant. */
static const void *map_tables(void *ctx, u64 phys, u64 len)
{
    (void)ctx;
    if (phys < ACPI_GUEST_BASE || len > used || phys - ACPI_GUEST_BASE > used - len)
        return NULL;
    return buf + (phys - ACPI_GUEST_BASE);
}

static void test_host_parser(void **state)
{
    (void)state;
    for (u32 cpus = 1; cpus <= CONFIG_VCPUS_MAX; cpus++) {
        const struct acpi_map map = {map_tables, NULL};
        struct acpi_info info;

        build(cpus);
        assert_int_equal(acpi_parse(&map, ACPI_GUEST_BASE, &info), OK);
        assert_true(info.has_fadt && info.has_madt && info.has_s5 && info.reset.present);
        assert_false(info.has_dmar || info.hardware_reduced || info.cpus_left_out);
        assert_int_equal(info.cpu_count, cpus);
        for (u32 i = 0; i < cpus; i++)
            assert_int_equal(info.cpu_apic_id[i], i);
        assert_int_equal(info.lapic_address, LAPIC_BASE);
        assert_int_equal(info.ioapic_count, 1);
        assert_int_equal(info.ioapic[0].address, IOAPIC_BASE);
        assert_int_equal(info.ioapic[0].gsi_base, 0);
        assert_int_equal(info.mcfg_count, 0);
        assert_int_equal(info.smi_command | info.pm1b_control | info.acpi_enable, 0);
        assert_int_equal(info.pm1a_control, PM1_CONTROL);
        assert_int_equal(info.pm_timer, PM_TIMER);
        assert_true(info.pm_timer_32bit);
        assert_int_equal(info.s5_type_a, PM_SLP_TYP_S5);
        assert_int_equal(info.reset.address, 0xcf9);
        assert_int_equal(info.reset_value, 6);
    }
}

/* With a PCI bus there are message-signalled interrupts, and its configuration space in memory. */
static void test_pci_bus(void **state)
{
    const struct acpi_map map = {map_tables, NULL};
    struct acpi_info info;

    (void)state;
    build(2);
    const u64 without = le(find_fadt() + 109, 2);
    build_for(&(struct acpi_guest){.cpus = 2, .pci = true});
    const size_t xsdt = table(le(24, 8), "XSDT");
    assert_int_equal(le(xsdt + 4, 4), 36 + 3 * 8);
    const size_t fadt = table(le(xsdt + 36, 8), "FACP");
    assert_int_equal(without ^ le(fadt + 109, 2), BIT32(3)); /* MSI Not Supported */
    assert_int_equal(acpi_parse(&map, ACPI_GUEST_BASE, &info), OK);
    assert_int_equal(info.mcfg_count, 1);
    assert_int_equal(info.mcfg[0].base, ABI_PCI_ECAM);
    assert_int_equal(info.mcfg[0].bus_first | info.mcfg[0].bus_last, 0);
}

static void test_out_of_bounds(void **state)
{
    (void)state;
    assert_int_equal(acpi_build(buf, sizeof(buf), &(struct acpi_guest){.cpus = 0}), 0);
    assert_int_equal(
        acpi_build(buf, sizeof(buf), &(struct acpi_guest){.cpus = CONFIG_VCPUS_MAX + 1}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rsdp),        cmocka_unit_test(test_fadt),
        cmocka_unit_test(test_madt),        cmocka_unit_test(test_too_small),
        cmocka_unit_test(test_pci_bus),     cmocka_unit_test(test_s5_powers_off),
        cmocka_unit_test(test_host_parser), cmocka_unit_test(test_out_of_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
