/* What this processor's VMX can do.  SDM Vol. 3D, Appendix "VMX Capability Reporting
 * Facility"; Vol. 3C, "Enabling and Entering VMX Operation".  Pure. */
#pragma once
#include "arch/x86_64/msr.h"
#include "lib/types.h"
#include "vmx_facts.h"

_Static_assert(VMX_MSR_FIRST == MSR_VMX_BASIC && VMX_MSR_LAST == MSR_VMX_EXIT_CTLS2, "all of them");

static inline u64 vmx_cap(const struct vmx_caps *caps, u32 msr)
{
    return caps->msr[msr - VMX_MSR_FIRST];
}

/* EPT_VPID_... of msr.h: all of these? */
static inline bool vmx_cap_ept_vpid(const struct vmx_caps *caps, u64 bits)
{
    return (vmx_cap(caps, MSR_VMX_EPT_VPID_CAP) & bits) == bits;
}

static inline u32 vmx_cap_revision(const struct vmx_caps *caps)
{
    return (u32)(vmx_cap(caps, MSR_VMX_BASIC) & VMX_BASIC_REVISION);
}
