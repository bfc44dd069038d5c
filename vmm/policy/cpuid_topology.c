/* See cpuid_topology.h.  SDM Vol. 2A, "CPUID -- CPU Identification"; SDM Vol. 3A, "Detecting
 * Hardware Multi-Threading Support and Topology".  Pure. */
#include "vmm/policy/cpuid_topology.h"
#include "arch/x86_64/cpuid_bits.h"

#define LEVEL_SMT         (1u << 8)
#define LEVEL_CORE        (2u << 8)
#define CACHE_LEVEL(eax)  ((eax) >> 5 & 7)
#define CACHE_OF_ALL      3u /* from this level on, cores share it */
#define SHARING_THREADS   14 /* first bit in leaf 4's EAX ... */
#define CORES_IN_PACKAGE  26 /* ... both hold a number less 1 */
#define LOGICAL_IN_LEAF_1 16

/* Bits of an APIC ID that tell the processors of the package apart. */
static u32 id_bits(u32 cpus)
{
    return cpus > 1 ? 32 - (u32)__builtin_clz(cpus - 1) : 0;
}

/* Leaves 1 and 4 count the IDs that there can be, a power of two. */
static u32 ids(u32 cpus)
{
    return 1u << id_bits(cpus);
}

/* Leaf 1: logical processors of the package, and whether they are several. */
static void put_package(struct cpuid_answer *a, u32 cpus)
{
    a->ebx |= ids(cpus) << LOGICAL_IN_LEAF_1;
    if (cpus > 1)
        a->edx |= CPUID_1_EDX_HTT;
}

/* Leaf 4: who shares the cache that it describes, if it describes one. */
static void put_sharing(struct cpuid_answer *a, u32 cpus)
{
    if (a->eax == 0)
        return;
    a->eax |= (ids(cpus) - 1) << CORES_IN_PACKAGE;
    if (CACHE_LEVEL(a->eax) >= CACHE_OF_ALL)
        a->eax |= (ids(cpus) - 1) << SHARING_THREADS;
}

/* Leaf 0xb: the first two of its subleaves.  EAX: of the ID, to be shifted out for the next
 * level's.
 */
static void put_levels(struct cpuid_answer a[2], u32 cpus)
{
    a[0] = (struct cpuid_answer){.ebx = 1, .ecx = LEVEL_SMT};
    a[1] = (struct cpuid_answer){.eax = id_bits(cpus), .ebx = cpus, .ecx = LEVEL_CORE | 1};
}

void cpuid_put_topology(struct cpuid_policy *p, u32 cpus)
{
    put_package(&p->entry[p->basic[1].first], cpus);
    for (u32 i = 0; i < p->basic[4].count; i++)
        put_sharing(&p->entry[p->basic[4].first + i], cpus);
    put_levels(&p->entry[p->basic[0xb].first], cpus);
}
