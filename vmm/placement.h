/* Which physical CPU a new virtual one gets. */
#pragma once
#include "vmm/vcpu.h"

/* Of the CPUs that are online and that its configuration allows, the one with the fewest vCPUs;
 * among equals, the one with the highest number, which leaves the boot CPU to the consoles. */
u32 placement(const struct vcpu *v);
