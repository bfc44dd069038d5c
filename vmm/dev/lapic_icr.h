/* The interrupt command register of a local APIC, for lapic.c and lapic_msr.c.  Pure. */
#pragma once
#include "vmm/dev/lapic.h"

/* The guest wrote its low half; the high half is there. */
void lapic_write_icr(struct lapic *l, u32 low);
