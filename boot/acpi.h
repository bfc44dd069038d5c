/* Reads the firmware's ACPI tables into struct acpi_info.  Every byte is treated as hostile.  ACPI
 * Specification, "ACPI Software Programming Model"; the one AML form that is read (\_S5) is in
 * "ACPI Machine Language Specification".  Pure. */
#pragma once
#include "acpi_info.h"
#include "lib/types.h"

/* How to reach physical memory: a pointer to [phys, phys + len) for reading, valid until the
 * parser returns, or NULL. */
struct acpi_map {
    const void *(*map)(void *ctx, u64 phys, u64 len);
    void *ctx;
};

/* Fills *info; what a table does not say, or says in a way that cannot be right, stays 0.
 * E_NOENT: no RSDP there; E_INVAL: RSDP or root table is damaged. */
err_t acpi_parse(const struct acpi_map *map, u64 rsdp, struct acpi_info *info);
