/* Switching the machine off, and on again. */
#pragma once
#include "acpi_info.h"
#include "lib/types.h"

/* Remembers what the firmware's tables say; they stay the caller's. Without this call, or after
 * one with NULL, the methods that need no ACPI remain. After paging_init(). */
void power_init(const struct acpi_info *acpi);

/* Each tries the ways that this machine may have, the proper ones first, with a log line each. */
NORETURN void power_off(void);
NORETURN void power_reboot(void);
