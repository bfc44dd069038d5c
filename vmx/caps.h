/* What this processor's VMX can do.  SDM Vol. 3D, Appendix "VMX Capability Reporting
 * Facility"; Vol. 3C, "Enabling and Entering VMX Operation".  Pure. */
#pragma once
#include "lib/types.h"
#include "vmx/controls.h"
#include "vmx/ctl.h"

/* The capability MSRs. */
enum vmx_msr {
    MSR_VMX_FEATURE_CONTROL = 0x3a, /* IA32_FEATURE_CONTROL */
    MSR_VMX_BASIC = 0x480,
    MSR_VMX_PIN,
    MSR_VMX_CPU,
    MSR_VMX_EXIT,
    MSR_VMX_ENTRY,
    MSR_VMX_MISC,
    MSR_VMX_CR0_FIXED0,
    MSR_VMX_CR0_FIXED1,
    MSR_VMX_CR4_FIXED0,
    MSR_VMX_CR4_FIXED1,
    MSR_VMX_VMCS_ENUM,
    MSR_VMX_CPU2,
    MSR_VMX_EPT_VPID,
    MSR_VMX_TRUE_PIN,
    MSR_VMX_TRUE_CPU,
    MSR_VMX_TRUE_EXIT,
    MSR_VMX_TRUE_ENTRY,
    MSR_VMX_VMFUNC,
    MSR_VMX_CPU3,
    MSR_VMX_EXIT2,
    MSR_VMX_END
};

enum {
    FEATURE_CONTROL_LOCKED = BIT32(0),
    FEATURE_CONTROL_VMX_OUTSIDE_SMX = BIT32(2),
};

/* IA32_VMX_MISC */
enum {
    VMX_MISC_TIMER_SHIFT = 0x1f, /* preemption timer: TSC ticks >> this */
    VMX_MISC_STORES_LMA = BIT32(5),
    VMX_MISC_HLT = BIT32(6),
    VMX_MISC_SHUTDOWN = BIT32(7),
    VMX_MISC_WAIT_FOR_SIPI = BIT32(8),
    VMX_MISC_INJECT_LEN_0 = BIT32(30),
};

/* IA32_VMX_EPT_VPID_CAP: the bits that Lintel looks at. */
enum vmx_ept_vpid_cap {
    EPT_CAP_EXECUTE_ONLY = BIT(0),
    EPT_CAP_4_LEVELS = BIT(6),
    EPT_CAP_5_LEVELS = BIT(7),
    EPT_CAP_UC = BIT(8),
    EPT_CAP_WB = BIT(14),
    EPT_CAP_2M = BIT(16),
    EPT_CAP_1G = BIT(17),
    EPT_CAP_INVEPT = BIT(20),
    EPT_CAP_ACCESSED_DIRTY = BIT(21),
    EPT_CAP_SUPERVISOR_SHADOW_STACK = BIT(23),
    EPT_CAP_INVEPT_SINGLE = BIT(25),
    EPT_CAP_INVEPT_ALL = BIT(26),
    VPID_CAP_INVVPID = BIT(32),
    VPID_CAP_INVVPID_SINGLE = BIT(41),
};

/* The MSRs as read; one that the processor does not have reads as 0. */
struct vmx_caps {
    u64 feature_control;
    u64 msr[MSR_VMX_END - MSR_VMX_BASIC]; /* use vmx_cap() */
};

/* Reads every capability MSR that the earlier ones say exists.  The caller has seen
 * CPUID.1:ECX.VMX. */
void vmx_caps_collect(struct vmx_caps *caps, u64 (*rdmsr)(void *ctx, u32 msr), void *ctx);

static inline u64 vmx_cap(const struct vmx_caps *caps, enum vmx_msr msr)
{
    return caps->msr[msr - MSR_VMX_BASIC];
}

static inline bool vmx_cap_ept_vpid(const struct vmx_caps *caps, u64 bits)
{
    return (vmx_cap(caps, MSR_VMX_EPT_VPID) & bits) == bits;
}

static inline u32 vmx_cap_revision(const struct vmx_caps *caps)
{
    return (u32)vmx_cap(caps, MSR_VMX_BASIC) & 0x7fffffff;
}

/* What the word's controls may and must be. */
struct ctl_cap vmx_cap_controls(const struct vmx_caps *caps, enum vmx_word word);

/* The requirements of Lintel that are not controls (those: wishes.h), one per call:
 *     for (u32 i = 0; (what = vmx_caps_missing(&caps, &i));) ...
 * NULL: that was all.  In words, as in "needs <what>". */
const char *vmx_caps_missing(const struct vmx_caps *caps, u32 *cursor);
