/* Writes the tables that a guest of so many processors gets, for tools/tests/test_guest_tables.py:
 *   guest_tables CPUS PCI DIR
 * gives DIR/xsdt.dat, facp.dat, facs.dat, apic.dat, dsdt.dat, with a PCI bus (PCI: 1) mcfg.dat, and
 * smbios.dat: entry point and structures, as they lie in the guest's memory. */
#include "boot/pc/acpi_build.h"
#include "boot/pc/smbios_build.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static u8 acpi[ACPI_GUEST_SIZE], smbios[SMBIOS_GUEST_SIZE];

static NORETURN void fail(const char *what)
{
    fprintf(stderr, "guest_tables: %s\n", what);
    exit(1);
}

static void save(const char *dir, const char *name, const void *data, size_t len)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s.dat", dir, name);

    FILE *const f = fopen(path, "wb");

    if (!f || fwrite(data, 1, len, f) != len || fclose(f) != 0)
        fail(path);
}

static u64 field(const u8 *at, size_t bytes)
{
    u64 v = 0;

    memcpy(&v, at, bytes);
    return v;
}

static const u8 *at_gpa(u64 gpa)
{
    if (gpa < ACPI_GUEST_BASE || gpa >= ACPI_GUEST_BASE + ACPI_GUEST_SIZE)
        fail("a pointer out of the tables");
    return acpi + (gpa - ACPI_GUEST_BASE);
}

/* By its own length, which the next table's parser judges. */
static void save_table(const char *dir, const char *name, u64 gpa)
{
    const u8 *const table = at_gpa(gpa);
    const u64 len = field(table + 4, 4);

    (void)at_gpa(gpa + len);
    save(dir, name, table, len);
}

static void save_acpi(const char *dir, u32 cpus, bool pci)
{
    if (acpi_build(acpi, sizeof(acpi), &(struct acpi_guest){.cpus = cpus, .pci = pci}) == 0)
        fail("no ACPI tables");

    const u8 *const xsdt = at_gpa(field(acpi + 24, 8));
    const u8 *const facp = at_gpa(field(xsdt + 36, 8));

    save_table(dir, "xsdt", field(acpi + 24, 8));
    save_table(dir, "facp", field(xsdt + 36, 8));
    save_table(dir, "apic", field(xsdt + 44, 8));
    if (pci)
        save_table(dir, "mcfg", field(xsdt + 52, 8));
    save_table(dir, "facs", field(facp + 132, 8));
    save_table(dir, "dsdt", field(facp + 40, 4));
}

/* 5 GiB, around the hole below 4 GiB; a processor of 2.5 GHz. */
static void save_smbios(const char *dir, u32 cpus)
{
    const struct smbios_guest guest = {.cpus = cpus,
                                       .signature = 0x50654,
                                       .features = 0x178bfbff,
                                       .tsc_hz = 2500000000,
                                       .rams = 2,
                                       .ram = {{0, 3 * GiB}, {4 * GiB, 2 * GiB}}};
    const size_t used = smbios_build(smbios, sizeof(smbios), &guest);

    if (used == 0)
        fail("no SMBIOS tables");
    save(dir, "smbios", smbios, used);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        fail("usage: guest_tables CPUS PCI DIR");
    const u32 cpus = (u32)strtoul(argv[1], NULL, 10);

    save_acpi(argv[3], cpus, argv[2][0] == '1');
    save_smbios(argv[3], cpus);
    return 0;
}
