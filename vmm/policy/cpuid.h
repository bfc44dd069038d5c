/* The CPUID policy: what a guest's processor says of itself.  Pure.  Answers are computed by the
 * loader, for all guests, and once per guest; only the few leaves that mirror CR4, XCR0 or
 * IA32_APIC_BASE are touched up when asked. */
#pragma once
#include "cpuid_policy.h"
#include "lib/types.h"

/* The state that live leaves mirror, of the processor that executes CPUID. */
struct cpuid_view {
    u64 cr4, xcr0;
    u32 apic_id;   /* as it was at reset, 0 to 254 */
    bool apic_off; /* by IA32_APIC_BASE */
};

/* What a guest's configuration says. */
struct cpuid_guest {
    u32 cpus;      /* at least 1 */
    bool paravirt; /* it gets KVM's paravirtual interface (abi/kvm.h) ... */
    bool pv_eoi;   /* ... with its EOIs: the processor has nothing better */
};

/* `machine`: as the loader made it. */
void cpuid_policy_make(struct cpuid_policy *p, const struct cpuid_policy *machine,
                       const struct cpuid_guest *guest);

/* The short way: NULL if the leaf has subleaves or a live part, or is no basic leaf. */
static inline const struct cpuid_answer *cpuid_find_plain(const struct cpuid_policy *p, u32 leaf)
{
    return likely(leaf < CPUID_BASIC_MAX) ? p->plain[leaf] : NULL;
}

/* What CPUID returns for EAX=leaf, ECX=subleaf.  *live tells which part cpuid_touch_up() must add.
 */
const struct cpuid_answer *cpuid_find(const struct cpuid_policy *p, u32 leaf, u32 subleaf,
                                      u32 *live);
void cpuid_touch_up(const struct cpuid_policy *p, u32 live, const struct cpuid_view *view,
                    struct cpuid_answer *answer);
