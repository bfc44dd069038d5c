/* Interrupts in a local APIC, from acceptance to EOI, for the files that implement its registers.
 * Pure. */
#pragma once
#include "vmm/dev/lapic.h"

/* Notes ESR bits, and raises the error interrupt if they are new. */
void lapic_error(struct lapic *l, u32 errors);
u32 lapic_priority(const struct lapic *l); /* PPR */
void lapic_end_of_interrupt(struct lapic *l);
