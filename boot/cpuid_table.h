/* The CPUID table: what all guests see of this machine's processor.  Pure: the processor's leaves
 * come through a reader. */
#pragma once
#include "cpuid_policy.h"
#include "lib/types.h"

struct cpuid_source {
    struct cpuid_answer (*read)(void *ctx, u32 leaf, u32 subleaf);
    void *ctx;
    u64 tsc_hz;
    u64 host_xcr0;                /* XCR0 | IA32_XSS while read() is called */
    bool rdtscp, invpcid, xsaves; /* the VMX controls that let a guest execute them are on */
};

/* What a guest sees of a leaf: the host's bits that the masks keep, after the fix-up. */
struct cpuid_row {
    u32 leaf;
    u8 first_sub, last_sub;
    u8 live; /* enum cpuid_live */
    u32 eax, ebx, ecx, edx;
    void (*fix)(struct cpuid_policy *p, const struct cpuid_source *s, u32 subleaf,
                struct cpuid_answer *a);
    const char *name;
};

/* The rows, for tests and documents: NULL after the last. */
const struct cpuid_row *cpuid_row(u32 index);

/* For a guest of one processor that has KVM's interface: vmm/policy/cpuid.h makes others of it. */
void cpuid_policy_build(struct cpuid_policy *p, const struct cpuid_source *source);
