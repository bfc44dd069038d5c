/* How CPUID says where a guest's processors are: one package, a core for each vCPU, one thread a
 * core.  vCPU n has the APIC ID n.  Pure. */
#pragma once
#include "cpuid_policy.h"

/* Leaves 1, 4 and 0xb, but for its EDX, which is the x2APIC ID, in what the loader has made. */
void cpuid_put_topology(struct cpuid_policy *p, u32 cpus);
