/* What this processor's VMX can do.  SDM Vol. 3D, Appendix "VMX Capability Reporting
 * Facility"; Vol. 3C, "Enabling and Entering VMX Operation".  Pure. */
#pragma once
#include "arch/x86_64/msr.h"
#include "lib/types.h"
#include "vmx/controls.h"
#include "vmx/ctl.h"

#define VMX_MSR_FIRST MSR_VMX_BASIC
#define VMX_MSR_LAST  MSR_VMX_EXIT_CTLS2

/* The MSRs as read; one that the processor does not have reads as 0. */
struct vmx_caps {
    u64 feature_control;
    u64 msr[VMX_MSR_LAST - VMX_MSR_FIRST + 1]; /* use vmx_cap() */
};

/* Reads every capability MSR that the earlier ones say exists.  The caller has seen
 * CPUID.1:ECX.VMX. */
void vmx_caps_collect(struct vmx_caps *caps, u64 (*rdmsr)(void *ctx, u32 msr), void *ctx);

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

/* What the word's controls may and must be. */
struct ctl_cap vmx_cap_controls(const struct vmx_caps *caps, enum vmx_word word);

/* The requirements of Lintel that are not controls (those: wishes.h), one per call:
 *     for (u32 i = 0; (what = vmx_caps_missing(&caps, &i));) ...
 * NULL: that was all.  In words, as in "needs <what>". */
const char *vmx_caps_missing(const struct vmx_caps *caps, u32 *cursor);
