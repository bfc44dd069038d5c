/* drivers/platform/acpi.c on tables that are built here, whole and damaged. */
#include "acpi_tables.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct acpi_info parse(void)
{
    struct acpi_info info;

    assert_int_equal(acpi_parse(&ram_map, RSDP, &info), OK);
    return info;
}

static void check_everything(const struct acpi_info *a)
{
    assert_true(a->has_fadt && a->has_madt && a->has_dmar && a->has_s5);
    assert_false(a->hardware_reduced);
    assert_int_equal(a->smi_command, 0xb2);
    assert_int_equal(a->acpi_enable, 0xa0);
    assert_int_equal(a->pm1a_control, 0x404);
    assert_int_equal(a->pm1b_control, 0);
    assert_int_equal(a->pm_timer, 0x408);
    assert_true(a->pm_timer_32bit);
    assert_int_equal(a->s5_type_a, 5);
    assert_int_equal(a->s5_type_b, 5);
    assert_true(a->reset.present);
    assert_int_equal(a->reset.space, ACPI_SPACE_IO);
    assert_int_equal(a->reset.address, 0xcf9);
    assert_int_equal(a->reset_value, 6);
    assert_int_equal(a->cpu_count, 2);
    assert_int_equal(a->cpu_apic_id[0], 7);
    assert_int_equal(a->cpu_apic_id[1], 0x100);
    assert_int_equal(a->ioapic_count, 1);
    assert_int_equal(a->ioapic[0].id, 2);
    assert_int_equal(a->ioapic[0].address, 0xfec00000);
    assert_int_equal(a->ioapic[0].gsi_base, 24);
    assert_int_equal(a->lapic_address, 0x1fee01000);
    assert_int_equal(a->mcfg_count, 1);
    assert_int_equal(a->mcfg[0].base, 0xe0000000);
    assert_int_equal(a->mcfg[0].bus_last, 0xff);
}

static void test_whole_machine_by_xsdt_and_rsdt(void **state)
{
    struct acpi_info info;

    (void)state;
    info = parse();
    check_everything(&info);

    put(RSDP + 24, 0, 8); /* revision 2 without an XSDT */
    fix_sum(RSDP, 36, 32);
    info = parse();
    check_everything(&info);

    put(XSDT, 0, 4); /* older revisions must not look at it */
    for (u8 revision = 0; revision < 2; revision++) {
        finish_rsdp(revision);
        info = parse();
        check_everything(&info);
    }
}

static void test_no_way_to_the_tables(void **state)
{
    struct acpi_info info;

    (void)state;
    assert_int_equal(acpi_parse(&ram_map, 0, &info), E_NOENT);
    assert_int_equal(acpi_parse(&ram_map, BASE + sizeof(ram) - 10, &info), E_NOENT);
    assert_int_equal(acpi_parse(&ram_map, UINT64_MAX - 5, &info), E_NOENT);

    put(RSDP + 8, ram[8] + 1u, 1);
    assert_int_equal(acpi_parse(&ram_map, RSDP, &info), E_INVAL);
    finish_rsdp(0);
    put(RSDP + 8, ram[8] + 1u, 1);
    assert_int_equal(acpi_parse(&ram_map, RSDP, &info), E_INVAL);
    finish_rsdp(2);
    put(RSDP + 32, ram[32] + 1u, 1);
    assert_int_equal(acpi_parse(&ram_map, RSDP, &info), E_INVAL);

    finish_rsdp(2);
    put(RSDP + 20, 35, 4); /* shorter than revision 2 */
    fix_sum(RSDP, 20, 8);
    fix_sum(RSDP, 35, 32);
    assert_int_equal(acpi_parse(&ram_map, RSDP, &info), E_INVAL);

    finish_rsdp(2);
    finish_table(XSDT, "XSDX", 92);
    assert_int_equal(acpi_parse(&ram_map, RSDP, &info), E_INVAL);
}

/* Each damaged table is as if it were not there; the others still count. */
static void test_damaged_tables(void **state)
{
    struct acpi_info info;

    (void)state;
    put(FADT + 200, 1, 1); /* the sum is wrong now */
    info = parse();
    assert_false(info.has_fadt);
    assert_int_equal(info.pm1a_control, 0);
    assert_true(info.has_madt);

    setup(NULL);
    put(MADT + 4, 0xffffffff, 4);
    assert_false(parse().has_madt);
    put(MADT + 4, 35, 4);
    fix_sum(MADT, 35, 9);
    assert_false(parse().has_madt);

    setup(NULL);
    put_text(DSDT, "DSDX");
    fix_sum(DSDT, 40 + sizeof(s5_5_5), 9);
    info = parse();
    assert_true(info.has_fadt);
    assert_false(info.has_s5);
}

static void test_short_fadt_has_no_late_fields(void **state)
{
    (void)state;
    finish_table(FADT, "FACP", 116); /* ACPI 1.0's size */

    const struct acpi_info info = parse();

    assert_int_equal(info.pm1a_control, 0x404);
    assert_false(info.reset.present);
    assert_int_equal(info.reset_value, 0);
    assert_true(info.has_s5);

    finish_table(FADT, "FACP", 67); /* ends within PM1a_CNT_BLK */
    assert_int_equal(parse().pm1a_control, 0);
}

static void test_second_table_of_a_kind_does_not_count(void **state)
{
    (void)state;
    put(XSDT + 36 + 8 * 2, MADT, 8);
    finish_table(XSDT, "XSDT", 36 + 8 * 7);
    assert_int_equal(parse().ioapic_count, 1);
}

static void test_extended_fields_win_if_they_are_ports(void **state)
{
    (void)state;
    put_gas(FADT + 172, ACPI_SPACE_IO, 16, 0x1804);
    put_gas(FADT + 184, ACPI_SPACE_MEMORY, 16, 0xfed00000);
    put(FADT + 68, 0x504, 4);
    put_gas(FADT + 208, ACPI_SPACE_IO, 32, 0x10000); /* no such port */
    finish_table(FADT, "FACP", 276);

    struct acpi_info info = parse();

    assert_int_equal(info.pm1a_control, 0x1804);
    assert_int_equal(info.pm1b_control, 0x504);
    assert_int_equal(info.pm_timer, 0x408);

    put(FADT + 76, 0x10408, 4);
    finish_table(FADT, "FACP", 276);
    assert_int_equal(parse().pm_timer, 0);
}

static void test_reset_register_and_reduced_hardware(void **state)
{
    (void)state;
    put(FADT + 112, BIT(8), 4); /* RESET_REG_SUP clear */
    finish_table(FADT, "FACP", 276);
    assert_false(parse().reset.present);

    put(FADT + 112, BIT(10) | BIT(20), 4);
    put_gas(FADT + 116, 0x7f, 8, 0xcf9); /* functional fixed hardware: cannot be written */
    put_gas(FADT + 244, ACPI_SPACE_MEMORY, 8, 0xfed80000);
    finish_table(FADT, "FACP", 276);

    const struct acpi_info info = parse();

    assert_false(info.reset.present);
    assert_true(info.hardware_reduced);
    assert_true(info.sleep_control.present);
    assert_int_equal(info.sleep_control.address, 0xfed80000);
}

#define S5 0x08, '_', 'S', '5', '_'

static void test_s5_forms(void **state)
{
    static const struct {
        const char *what;
        u8 aml[24];
        u8 len;
        bool found;
        u8 a, b;
    } cases[] = {
        {"ZeroOp, OneOp", {S5, 0x12, 0x06, 0x04, 0, 1, 0, 0}, 12, true, 0, 1},
        {"root prefix", {0x08, '\\', '_', 'S', '5', '_', 0x12, 6, 4, 1, 1, 0, 0}, 13, true, 1, 1},
        {"two elements", {S5, 0x12, 0x06, 0x02, 0x0a, 7, 0x0a, 6}, 12, true, 7, 6},
        {"word, dword", {S5, 0x12, 0x0a, 0x02, 0x0b, 4, 0, 0x0c, 3, 0, 0, 0}, 16, true, 4, 3},
        {"qword", {S5, 0x12, 0x0c, 0x02, 0, 0x0e, 2, 0, 0, 0, 0, 0, 0, 0}, 18, true, 0, 2},
        {"two-byte length", {S5, 0x12, 0x45, 0x00, 0x02, 1, 2}, 11, false, 0, 0},
        {"two-byte length", {S5, 0x12, 0x45, 0x00, 0x02, 1, 0}, 11, true, 1, 0},
        {"second try", {S5, 0x0a, 5, S5, 0x12, 0x04, 0x02, 1, 1}, 17, true, 1, 1},
        {"one element", {S5, 0x12, 0x04, 0x01, 1, 1}, 10, false, 0, 0},
        {"long length",
         {S5, 0x12, 0x42, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
         24,
         true,
         1,
         0},
        {"long length",
         {S5, 0x12, 0x43, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
         24,
         false,
         0,
         0},
        {"second too large", {S5, 0x12, 0x06, 0x02, 0x0a, 5, 0x0a, 8}, 12, false, 0, 0},
        {"too large", {S5, 0x12, 0x06, 0x02, 0x0a, 8, 0x0a, 5}, 12, false, 0, 0},
        {"dword too large", {S5, 0x12, 9, 2, 0x0c, 5, 0, 0, 1, 0x0a, 5}, 15, false, 0, 0},
        {"no package", {S5, 0x0a, 0x05, 0, 0, 0}, 10, false, 0, 0},
        {"beyond the table", {S5, 0x12, 0x07, 0x02, 0x0a, 5, 0x0a, 5}, 12, false, 0, 0},
        {"cut in an integer", {S5, 0x12, 0x05, 0x02, 0x0a, 5, 0x0a}, 11, false, 0, 0},
        {"package too short", {S5, 0x12, 0x04, 0x02, 0x0a, 5, 0x0a, 5}, 12, false, 0, 0},
        {"length 0", {S5, 0x12, 0x00, 0x02, 1, 1}, 10, false, 0, 0},
        {"cut in the length", {S5, 0x12, 0xc6}, 7, false, 0, 0},
        {"cut before the package", {S5}, 5, false, 0, 0},
        {"cut in the name", {0x08, '_', 'S', '5'}, 4, false, 0, 0},
        {"other name", {0x08, '_', 'S', '4', '_', 0x12, 6, 4, 1, 1, 0, 0}, 12, false, 0, 0},
        {"not a Name", {0x10, '_', 'S', '5', '_', 0x12, 6, 4, 1, 1, 0, 0}, 12, false, 0, 0},
        {"names as values", {S5, 0x12, 0x06, 0x02, 'A', 'B', 'C', 'D'}, 12, false, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put_dsdt(cases[i].aml, cases[i].len);

        const struct acpi_info info = parse();

        if (info.has_s5 != cases[i].found || info.s5_type_a != cases[i].a ||
            info.s5_type_b != cases[i].b)
            fail_msg("case %zu (%s): found %d, types %d %d", i, cases[i].what, info.has_s5,
                     info.s5_type_a, info.s5_type_b);
    }
}

static void test_s5_in_ssdt(void **state)
{
    static const u8 s5_3_3[] = {S5, 0x12, 0x06, 0x02, 0x0a, 3, 0x0a, 3};

    (void)state;
    memcpy(ram + (SSDT - BASE) + 36, s5_3_3, sizeof(s5_3_3));
    finish_table(SSDT, "SSDT", 36 + sizeof(s5_3_3));
    assert_int_equal(parse().s5_type_a, 5); /* the DSDT came first */

    finish_table(DSDT, "DSDT", 36);
    assert_int_equal(parse().s5_type_a, 3);
}

static void test_extended_dsdt_pointer(void **state)
{
    (void)state;
    put(FADT + 40, 0xdead0000, 4);
    put(FADT + 140, DSDT, 8);
    finish_table(FADT, "FACP", 276);
    assert_true(parse().has_s5);
}

static void test_madt_bounds(void **state)
{
    struct acpi_info info;

    (void)state;
    /* 70 processors: 64 are kept, the others counted. */
    for (unsigned i = 0; i < 70; i++) {
        put(MADT + 44 + 8 * i, 8u << 8 | (u64)i << 24 | (u64)1 << 32, 8);
    }
    finish_table(MADT, "APIC", 44 + 8 * 70);
    info = parse();
    assert_int_equal(info.cpu_count, ACPI_CPUS_MAX);
    assert_int_equal(info.cpus_left_out, 6);
    assert_int_equal(info.cpu_apic_id[63], 63);

    /* 20 I/O APICs: 16 are kept. */
    for (unsigned i = 0; i < 20; i++) {
        put(MADT + 44 + 12 * i, 12u << 8 | 1 | (u64)i << 16, 8);
        put(MADT + 44 + 12 * i + 8, i, 4);
    }
    finish_table(MADT, "APIC", 44 + 12 * 20);
    info = parse();
    assert_int_equal(info.ioapic_count, ACPI_IOAPICS_MAX);
    assert_int_equal(info.ioapic[15].gsi_base, 15);

    /* An entry of length 0 or beyond the end stops the walk. */
    setup(NULL);
    put(MADT + 44 + 8 + 1, 0, 1);
    finish_table(MADT, "APIC", 44 + 72);
    assert_int_equal(parse().cpu_count, 1);
    put(MADT + 44 + 8 + 1, 200, 1);
    put(MADT + 44 + 8 + 4, 1, 1); /* enabled: would be counted */
    finish_table(MADT, "APIC", 44 + 72);
    assert_int_equal(parse().cpu_count, 1);
}

static void put_lapic(u64 at, u64 apic_id, u64 flags)
{
    put(MADT + at, 8u << 8 | apic_id << 24 | flags << 32, 8);
}

static void put_x2apic(u64 at, u64 apic_id, u64 flags)
{
    put(MADT + at, 16u << 8 | 9 | apic_id << 32, 8);
    put(MADT + at + 8, flags, 8);
}

/* In the firmware's order, each once, and none that an IPI could not name. */
static void test_madt_cpus(void **state)
{
    static const u32 expected[] = {4, 0, 0xff, 0x200, 0xfffffffe};
    struct acpi_info info;

    (void)state;
    put_lapic(44, 4, 1);
    put_lapic(52, 2, 0); /* disabled */
    put_lapic(60, 6, 2); /* could be enabled: nobody here does that */
    put_lapic(68, 0, 3);
    put_lapic(76, 4, 1);     /* again */
    put_lapic(84, 0xff, 1);  /* everybody */
    put_x2apic(92, 0xff, 1); /* a processor's id in x2APIC mode */
    put_x2apic(108, 0x200, 1);
    put_x2apic(124, 0x300, 0);
    put_x2apic(140, 0, 1); /* again, as x2APIC */
    put_x2apic(156, 0xffffffff, 1);
    put_x2apic(172, 0xfffffffe, 1);
    finish_table(MADT, "APIC", 188);
    info = parse();
    assert_int_equal(info.cpu_count, ARRAY_LEN(expected));
    assert_memory_equal(info.cpu_apic_id, expected, sizeof(expected));
    assert_int_equal(info.cpus_left_out, 0);

    /* The last one's flags are cut off. */
    finish_table(MADT, "APIC", 180);
    assert_int_equal(parse().cpu_count, ARRAY_LEN(expected) - 1);
}

static void test_mcfg_entries(void **state)
{
    (void)state;
    put(MCFG + 44 + 10, 9, 1); /* first bus behind the last */
    put(MCFG + 44 + 11, 8, 1);
    finish_table(MCFG, "MCFG", 60);
    assert_int_equal(parse().mcfg_count, 0);

    put(MCFG + 44, 0, 8); /* no address */
    put(MCFG + 44 + 10, 0, 1);
    finish_table(MCFG, "MCFG", 60);
    assert_int_equal(parse().mcfg_count, 0);

    for (unsigned i = 0; i < 10; i++) {
        put(MCFG + 44 + 16 * i, 0xe0000000, 8);
        put(MCFG + 44 + 16 * i + 8, i, 4);
        put(MCFG + 44 + 16 * i + 11, 1, 1);
    }
    finish_table(MCFG, "MCFG", 44 + 160);

    const struct acpi_info info = parse();

    assert_int_equal(info.mcfg_count, ACPI_MCFG_MAX);
    assert_int_equal(info.mcfg[7].segment, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_whole_machine_by_xsdt_and_rsdt, setup),
        cmocka_unit_test_setup(test_no_way_to_the_tables, setup),
        cmocka_unit_test_setup(test_damaged_tables, setup),
        cmocka_unit_test_setup(test_short_fadt_has_no_late_fields, setup),
        cmocka_unit_test_setup(test_second_table_of_a_kind_does_not_count, setup),
        cmocka_unit_test_setup(test_extended_fields_win_if_they_are_ports, setup),
        cmocka_unit_test_setup(test_reset_register_and_reduced_hardware, setup),
        cmocka_unit_test_setup(test_s5_forms, setup),
        cmocka_unit_test_setup(test_s5_in_ssdt, setup),
        cmocka_unit_test_setup(test_extended_dsdt_pointer, setup),
        cmocka_unit_test_setup(test_madt_bounds, setup),
        cmocka_unit_test_setup(test_madt_cpus, setup),
        cmocka_unit_test_setup(test_mcfg_entries, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
