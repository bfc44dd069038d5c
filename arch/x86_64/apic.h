/* The host's local APIC (x2APIC if the CPU has it and leaving it is never needed; xAPIC else),
 * used for the idle timer, IPIs and spurious interrupts.  8259s and I/O APIC lines are masked.
 * SDM Vol. 3A, "Advanced Programmable Interrupt Controller (APIC)". */
#pragma once
#include "lib/types.h"

#define APIC_VECTOR_TIMER    0xeeu
#define APIC_VECTOR_SPURIOUS 0xefu

/* After paging_init() and tsc_init(). */
void apic_init(void);
/* Masks every line of one more I/O APIC (apic_init() has done the one at 0xfec00000). */
void apic_mask_ioapic(hpa_t base);
u32 apic_id(void);
void apic_eoi(void);
/* Halts until any interrupt arrives, at the latest at the TSC value `deadline` (~0: no limit).
 * Called and returns with IF=0. */
void apic_wait_until(u64 deadline_tsc);
