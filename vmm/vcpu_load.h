/* A virtual CPU's state on and off the physical CPU that has it. */
#pragma once
#include "arch/x86_64/insn.h"
#include "arch/x86_64/msr.h"
#include "vmm/percpu.h"
#include "vmm/vcpu.h"

/* This CPU's processor holds the state of `v`, whose turn it is; what it held before is saved. */
void vcpu_load(struct vcpu *v);
/* Nothing of `v` is in this CPU's processor any more: another may load it, or its memory may go. */
void vcpu_unload(struct vcpu *v);
/* Saves whatever vCPU's state this CPU holds: a VMCS of another may be made current. */
void vcpu_put_aside(void);

/* Never left out because the guest is the same as before: its programs may not be.  A call of the
 * control partition, two changes in the middle of an exit, is counted as they are; its record is
 * the exit's, and it has one of its own only where there was a barrier. */
void vcpu_change_guest(struct vmm_cpu *c, const struct vcpu *v, bool for_call);
/* What this CPU's TLBs remember of it may be older than what it did on another. */
NOINLINE void vcpu_arrive(struct vcpu *v);

/* The CPU of the vCPU that is loaded to one of the control partition's, for a while, and back. That
 * one's VMCS keeps it from all that vmm/vcpu_switch.h is about -- no FPU, since CR0.TS stays set,
 * no debug registers, none of these MSRs -- but CR2 and, by SWAPGS, KERNEL_GS_BASE: all else stays
 * in the processor.  Inline: a forwarded access is twice of this and little else. */
static inline void vcpu_lend(struct vcpu *to)
{
    struct vmm_cpu *c = this_vmm_cpu();
    struct vcpu_switched *s = &c->current->switched;

    vcpu_change_guest(c, to, true);
    vmx_vcpu_load(&to->vmx);
    s->kernel_gs_base = rdmsr(MSR_KERNEL_GS_BASE);
    s->cr2 = read_cr2();
    wrmsr(MSR_KERNEL_GS_BASE, 0);
    write_cr2(0);
    if (unlikely(to->loaded_on != this_cpu()->id))
        vcpu_arrive(to);
}

static inline void vcpu_take_back(void)
{
    struct vmm_cpu *c = this_vmm_cpu();
    struct vcpu *v = c->current;

    vcpu_change_guest(c, v, true);
    vmx_vcpu_load(&v->vmx);
    wrmsr(MSR_KERNEL_GS_BASE, v->switched.kernel_gs_base);
    write_cr2(v->switched.cr2);
}
