/* Sleep until an interrupt, at the latest until a TSC value.
 * SDM Vol. 3A, "TSC-Deadline Mode". */
#pragma once
#include "guest_tests/rt/lapic.h"

#define NAP_VECTOR       0xe1u
#define NAP_TSC_DEADLINE 0x40000u
#define NAP_MSR          0x6e0u

static inline void nap_acknowledge(struct frame *f)
{
    (void)f;
    lapic_put(EOI, 0);
}

/* After lapic_fresh(). */
static inline void nap_init(void)
{
    on_vector(NAP_VECTOR, nap_acknowledge);
    lapic_put(LVT_TIMER, NAP_TSC_DEADLINE | NAP_VECTOR);
}

/* With interrupts off, before and afterwards; what has come before ends it at once. */
static inline void nap(u64 until)
{
    if (rdtsc() >= until)
        return;
    wrmsr(NAP_MSR, until);
    cpu_sti_hlt();
    cpu_cli();
}
