/* The machine's I/O APIC at its usual place, line by line.  All lines are masked at first
 * (arch/x86_64/apic.c).  Not to be called by two CPUs at once.
 * Intel 82093AA data sheet (290566), "Register Description". */
#pragma once
#include "lib/types.h"

#define IOAPIC_LINES 24u

enum ioapic_mode { IOAPIC_EDGE_HIGH, IOAPIC_LEVEL_LOW, IOAPIC_LEVEL_HIGH, IOAPIC_MODES };

/* The line's interrupt goes to that vector of a CPU, by APIC id below 255; it stays masked. */
void ioapic_route(u32 line, enum ioapic_mode mode, u8 vector, u32 apic_id);
void ioapic_mask(u32 line, bool masked);
