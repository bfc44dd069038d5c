/* What the processor keeps and VMX does not switch: saved and loaded when another vCPU gets a CPU.
 * The segments' bases, SYSENTER's MSRs, DR7, PAT, EFER and DEBUGCTL are in the VMCS; RAX to R15 are
 * in struct gregs; IA32_XSS is 0 for every guest; IA32_SPEC_CTRL and predictors are
 * vmx/mitigation.h's.  SDM Vol. 3C, "VM Exits" ("Saving Guest State", "Loading Host State").
 * Owner and lifetime: the vCPU's. */
#pragma once
#include "lib/types.h"

struct vcpu_switched {
    u64 star, lstar, cstar, fmask;
    u64 kernel_gs_base;
    u64 tsc_aux; /* where has_tsc_aux */
    u64 cr2;
    u64 dr[4], dr6;
    void *fpu;        /* fpu_area_bytes() bytes, aligned to FPU_AREA_ALIGN */
    bool has_tsc_aux; /* this processor lets guests have RDTSCP */
    bool has_xcr0;    /* it has XSAVE */
};

/* Reset values; `fpu` is initialized.  Needs the negotiated controls (vmx_facts()). */
void vcpu_switch_init(struct vcpu_switched *s, void *fpu);
/* The CPU's state, which is that of the vCPU that ran last, to s.  The CPU keeps it; XCR0 is all
 * that it has. */
void vcpu_switch_out(struct vcpu_switched *s);
/* s to the CPU: all of the above, so nothing of another guest stays.  xcr0: the vCPU's, whose
 * writes of it all exit; was: what vcpu_switch_out() has just saved on this CPU, or NULL. */
void vcpu_switch_in(const struct vcpu_switched *s, u64 xcr0, const struct vcpu_switched *was);
