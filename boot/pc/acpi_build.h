/* The ACPI tables that a guest sees: RSDP, XSDT, FADT, FACS, MADT, MCFG, DSDT.  Pure.
 * ACPI Specification 6.5, chapter 5. */
#pragma once
#include "config.h"
#include "lib/types.h"

#define ACPI_GUEST_BASE 0xe0000ull /* the tables lie here; the RSDP comes first */
#define ACPI_GUEST_SIZE 0x10000ull

/* What the tables say of a guest beside its board, which all guests have. */
struct acpi_guest {
    u32 cpus; /* 1 to CONFIG_VCPUS_MAX; the local APIC of vCPU n has the ID n */
    bool pci; /* the control partition serves a PCI bus (abi/control.h) */
};

/* Fills buf (which will be at ACPI_GUEST_BASE); returns bytes used, 0 if size is too small or
 * there are too many processors. */
size_t acpi_build(u8 *buf, size_t size, const struct acpi_guest *guest);
