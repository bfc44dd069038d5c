/* Arbitrary bytes as physical memory with ACPI tables in it.  Checksums are what keeps random
 * bytes out of the parser, so half of the runs make every table's sum right on the way. */
#include "boot/acpi.h"
#include <stdlib.h>
#include <string.h>

#define BASE 0x1000ull

struct memory {
    u8 *bytes;
    u64 len;
    bool fix_sums;
    unsigned maps;
};

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void fix_sum(u8 *bytes, u64 len, u64 at)
{
    u8 sum = 0;

    for (u64 i = 0; i < len; i++)
        sum = (u8)(sum + bytes[i]);
    bytes[at] = (u8)(bytes[at] - sum);
}

/* Gives a copy of exactly the wanted bytes, so that reading past them is seen. */
static const void *map_memory(void *ctx, u64 phys, u64 len)
{
    static u8 *views[2048];
    struct memory *const m = ctx;

    if (m == NULL || phys < BASE || phys - BASE > m->len || len > m->len - (phys - BASE))
        return NULL;
    check(len > 0 && m->maps < 2048); /* work is bounded, whatever the tables say */
    free(views[m->maps % 2048]);

    u8 *const view = malloc(len);

    check(view != NULL);
    memcpy(view, m->bytes + (phys - BASE), len);
    if (m->fix_sums && len == 20)
        fix_sum(view, len, 8);
    else if (m->fix_sums && phys == BASE && len >= 36)
        fix_sum(view, len, 32);
    else if (m->fix_sums && len >= 36)
        fix_sum(view, len, 9);
    views[m->maps++ % 2048] = view;
    return view;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct acpi_info info;

    if (size < 1 || size > 65536)
        return 0;

    struct memory m = {.bytes = malloc(size), .len = size - 1, .fix_sums = data[0] & 1};

    check(m.bytes != NULL);
    memcpy(m.bytes, data + 1, size - 1);

    const struct acpi_map map = {map_memory, &m};
    const err_t err = acpi_parse(&map, BASE, &info);

    check(info.cpu_count <= ACPI_CPUS_MAX && info.ioapic_count <= ACPI_IOAPICS_MAX &&
          info.mcfg_count <= ACPI_MCFG_MAX);
    check(info.s5_type_a <= 7 && info.s5_type_b <= 7);
    check(info.has_s5 || (info.s5_type_a == 0 && info.s5_type_b == 0));
    check(info.has_fadt || (info.pm1a_control == 0 && !info.reset.present));
    check(info.has_madt || (info.cpu_count == 0 && info.ioapic_count == 0));
    check(!info.reset.present || info.reset.space != ACPI_SPACE_IO || info.reset.address <= 0xffff);
    for (u32 i = 0; i < info.cpu_count; i++)
        for (u32 k = 0; k < i; k++)
            check(info.cpu_apic_id[i] != info.cpu_apic_id[k]);
    for (u32 i = 0; i < info.mcfg_count; i++)
        check(info.mcfg[i].base != 0 && info.mcfg[i].bus_first <= info.mcfg[i].bus_last);
    if (err != OK)
        check(!info.has_fadt && !info.has_madt && !info.has_s5);
    free(m.bytes);
    return 0;
}
