/* Which physical memory the parser of ACPI tables may look at, while the firmware is there.  Pure.
 */
#pragma once
#include "boot_info.h"
#include "lib/types.h"

/* All of [phys, phys + len) is RAM of info's memory map, or in the BIOS area below 1 MiB, where a
 * firmware may keep its RSDP.  UEFI Specification, "x64 Platforms", has all that identity-mapped:
 * a table that names anything else would be a page fault, or a read of a device. */
bool acpi_view_allowed(const struct boot_info *info, u64 phys, u64 len);
/* Fills info->acpi and info->has_acpi out of the tables at info->rsdp.  After the memory map. */
void acpi_view_read(struct boot_info *info);
