/* Which of VMX's capability MSRs a processor has, and what Lintel cannot do without.  SDM Vol. 3D,
 * Appendix "VMX Capability Reporting Facility".  Pure. */
#pragma once
#include "boot/ctl.h"
#include "vmx/caps.h"
#include "vmx/controls.h"

/* Reads every capability MSR that the earlier ones say exists.  The caller has seen
 * CPUID.1:ECX.VMX. */
void vmx_caps_collect(struct vmx_caps *caps, u64 (*rdmsr)(void *ctx, u32 msr), void *ctx);

/* What the word's controls may and must be. */
struct ctl_cap vmx_cap_controls(const struct vmx_caps *caps, enum vmx_word word);

/* The requirements of Lintel that are not controls (those: wishes.h), one per call:
 *     for (u32 i = 0; (what = vmx_caps_missing(&caps, &i));) ...
 * NULL: that was all.  In words, as in "needs <what>". */
const char *vmx_caps_missing(const struct vmx_caps *caps, u32 *cursor);
