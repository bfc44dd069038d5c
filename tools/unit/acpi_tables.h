/* ACPI tables of a machine with everything, built in a little physical memory, and what a
 * test needs to damage them. */
#pragma once
#include "boot/acpi.h"
#include <string.h>

/* A little physical memory: [BASE, BASE + sizeof(ram)). */
#define BASE 0x10000ull
#define RSDP (BASE + 0x000)
#define RSDT (BASE + 0x100)
#define XSDT (BASE + 0x200)
#define FADT (BASE + 0x400)
#define MADT (BASE + 0x600)
#define DSDT (BASE + 0xa00)
#define MCFG (BASE + 0xc00)
#define DMAR (BASE + 0xd00)
#define SSDT (BASE + 0xe00)

static u8 ram[0x1000];

static const void *map_ram(void *ctx, u64 phys, u64 len)
{
    (void)ctx;
    if (phys < BASE || phys - BASE > sizeof(ram) || len > sizeof(ram) - (phys - BASE))
        return NULL;
    return ram + (phys - BASE);
}

static const struct acpi_map ram_map = {map_ram, NULL};

static inline void put(u64 phys, u64 value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        ram[phys - BASE + i] = (u8)(value >> 8 * i);
}

static inline void put_text(u64 phys, const char *text)
{
    memcpy(ram + (phys - BASE), text, strlen(text));
}

static inline void fix_sum(u64 phys, u64 len, u64 sum_at)
{
    u8 sum = 0;

    put(phys + sum_at, 0, 1);
    for (u64 i = 0; i < len; i++)
        sum = (u8)(sum + ram[phys - BASE + i]);
    put(phys + sum_at, (u8)-sum, 1);
}

static inline void finish_table(u64 phys, const char *signature, u32 len)
{
    put_text(phys, signature);
    put(phys + 4, len, 4);
    fix_sum(phys, len, 9);
}

static inline void finish_rsdp(u8 revision)
{
    put_text(RSDP, "RSD PTR ");
    put(RSDP + 15, revision, 1);
    put(RSDP + 16, RSDT, 4);
    put(RSDP + 20, 36, 4);
    put(RSDP + 24, XSDT, 8);
    fix_sum(RSDP, 20, 8);
    fix_sum(RSDP, 36, 32);
}

static inline void put_gas(u64 phys, u8 space, u8 bits, u64 address)
{
    put(phys, space, 1);
    put(phys + 1, bits, 1);
    put(phys + 4, address, 8);
}

static inline void put_fadt(void)
{
    put(FADT + 40, DSDT, 4);
    put(FADT + 48, 0xb2, 4);
    put(FADT + 52, 0xa0, 1);
    put(FADT + 64, 0x404, 4);
    put(FADT + 76, 0x408, 4);
    put(FADT + 112, BIT(8) | BIT(10), 4);
    put_gas(FADT + 116, ACPI_SPACE_IO, 8, 0xcf9);
    put(FADT + 128, 6, 1);
    finish_table(FADT, "FACP", 276);
}

static const u8 s5_5_5[] = {0x08, '_', 'S', '5', '_', 0x12, 0x08, 0x04, 0x0a, 5, 0x0a, 5, 0, 0};

static inline void put_dsdt(const u8 *aml, size_t len)
{
    put(DSDT + 36, 0xa3a3a3a3, 4); /* some NoopOps around it */
    memcpy(ram + (DSDT - BASE) + 40, aml, len);
    finish_table(DSDT, "DSDT", (u32)(40 + len));
}

static inline void put_madt(void)
{
    static const u8 entries[] = {
        0, 8,  0, 7, 1,    0,    0,    0,                             /* LAPIC 7 */
        0, 8,  1, 9, 0,    0,    0,    0,                             /* LAPIC 9, disabled */
        1, 12, 2, 0, 0x00, 0x00, 0xc0, 0xfe, 24, 0, 0, 0,             /* I/O APIC 2, GSI base 24 */
        9, 16, 0, 0, 0x00, 0x01, 0,    0,    1,  0, 0, 0, 0, 0, 0, 0, /* x2APIC 0x100 */
        9, 16, 0, 0, 7,    0,    0,    0,    1,  0, 0, 0, 0, 0, 0, 0, /* 7 once more */
        5, 12, 0, 0, 0x00, 0x10, 0xe0, 0xfe, 1,  0, 0, 0,             /* address 0x1fee01000 */
    };

    put(MADT + 36, 0xfee00000, 4);
    memcpy(ram + (MADT - BASE) + 44, entries, sizeof(entries));
    finish_table(MADT, "APIC", 44 + sizeof(entries));
}

static inline void put_roots(void)
{
    static const u64 tables[] = {FADT, MADT, 0, 0xdead0000, MCFG, DMAR, SSDT};

    for (unsigned i = 0; i < ARRAY_LEN(tables); i++) {
        put(RSDT + 36 + 4 * i, tables[i], 4);
        put(XSDT + 36 + 8 * i, tables[i], 8);
    }
    finish_table(RSDT, "RSDT", 36 + 4 * ARRAY_LEN(tables));
    finish_table(XSDT, "XSDT", 36 + 8 * ARRAY_LEN(tables));
}

/* A machine with everything. */
static inline int setup(void **state)
{
    (void)state;
    memset(ram, 0, sizeof(ram));
    put_fadt();
    put_dsdt(s5_5_5, sizeof(s5_5_5));
    put_madt();
    put(MCFG + 44, 0xe0000000, 8);
    put(MCFG + 55, 0xff, 1);
    finish_table(MCFG, "MCFG", 60);
    finish_table(DMAR, "DMAR", 48);
    finish_table(SSDT, "SSDT", 36);
    put_roots();
    finish_rsdp(2);
    return 0;
}
