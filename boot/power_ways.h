/* The ways to switch a machine off and to reset it, out of what its tables and its PCI functions
 * say. ACPI Specification, "Transitioning from the Working to the Soft Off State", "Reset
 * Register". Pure. */
#pragma once
#include "acpi_info.h"
#include "power_plan.h"

/* A 32-bit register of PCI configuration space, bus 0; offset: a multiple of 4. */
struct power_pci {
    u32 (*read)(void *ctx, u8 device, u8 function, u8 offset);
    void *ctx;
};

/* acpi: NULL, no tables. */
void power_ways_off(const struct acpi_info *acpi, const struct power_pci *pci,
                    struct power_plan *plan);
void power_ways_reset(const struct acpi_info *acpi, struct power_plan *plan);
