/* The state of a local APIC as a whole, for lapic_msr.c.  Pure. */
#pragma once
#include "vmm/dev/lapic.h"

/* SDM Vol. 3A, "Local APIC State After Power-Up or Reset". */
void lapic_power_up(struct lapic *l, u32 id, u64 base);
/* After l->base has changed: what else depends on the mode. */
void lapic_mode_changed(struct lapic *l);
