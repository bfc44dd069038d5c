/* The firmware's ACPI tables, as they lie in memory.  See acpi_view.h. */
#include "boot/acpi_view.h"
#include "boot/acpi.h"
#include "boot/memmap.h"
#include "lib/mem.h"

#define BIOS_AREA     0xe0000ull
#define BIOS_AREA_END MiB

bool acpi_view_allowed(const struct boot_info *info, u64 phys, u64 len)
{
    if (len == 0 || len > UINT64_MAX - phys)
        return false;

    const u64 end = phys + len;

    if (phys >= BIOS_AREA && end <= BIOS_AREA_END)
        return true;
    /* Sorted: neighbours of two types may share a table. */
    for (u32 i = 0; i < info->mem_count && phys < end; i++) {
        const struct boot_mem *m = &info->mem[i];

        if (memmap_is_ram(m) && m->base <= phys && phys - m->base < m->len)
            phys = m->base + m->len;
    }
    return phys >= end;
}

static const void *view(void *ctx, u64 phys, u64 len)
{
    return acpi_view_allowed(ctx, phys, len) ? (const void *)phys : NULL;
}

void acpi_view_read(struct boot_info *info)
{
    const struct acpi_map map = {.map = view, .ctx = info};

    info->has_acpi = info->rsdp != 0 && acpi_parse(&map, info->rsdp, &info->acpi) == OK;
    if (!info->has_acpi)
        info->acpi = (struct acpi_info){0};
}
