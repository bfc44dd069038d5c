/* How CPUID says where a guest's processors are: one package, a core for each vCPU, one thread a
 * core.  vCPU n has the APIC ID n.  Pure. */
#pragma once
#include "vmm/policy/cpuid.h"

/* Leaf 1: logical processors of the package, and whether they are several. */
void cpuid_put_package(struct cpuid_answer *a, u32 cpus);
/* Leaf 4: who shares the cache that it describes. */
void cpuid_put_sharing(struct cpuid_answer *a, u32 cpus);
/* Leaf 0xb but for its EDX, which is the x2APIC ID: what is at that level. */
void cpuid_put_level(struct cpuid_answer *a, u32 subleaf, u32 cpus);
