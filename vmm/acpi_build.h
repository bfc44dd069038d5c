/* The ACPI tables that a guest sees: RSDP, XSDT, FADT, FACS, DSDT (\_S5).  Pure.
 * ACPI Specification 6.x, chapter 5. */
#pragma once
#include "lib/types.h"

#define ACPI_GUEST_BASE 0xe0000ull /* the tables lie here; the RSDP comes first */
#define ACPI_GUEST_SIZE 0x10000ull

/* Fills buf (which will be at ACPI_GUEST_BASE); returns bytes used, 0 if size is too small. */
size_t acpi_build(u8 *buf, size_t size);
