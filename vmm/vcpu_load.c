/* See vcpu_load.h. */
#include "vmm/vcpu_load.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"
#include "vmm/percpu.h"
#include "vmm/vm.h"
#include "vmx/speculation.h"

/* Never left out because the guest is the same as before: its programs may not be.  A call of the
 * control partition, two changes in the middle of an exit, is counted as they are; its record is
 * the exit's, and it has one of its own only where there was a barrier. */
static void change_guest(struct vmm_cpu *c, const struct vcpu *v, bool for_call)
{
    const bool barrier = vmx_mitigation_guest_change();

    c->guest_changes++;
    c->ibpbs += barrier;
    if (barrier || !for_call)
        trace(&c->trace, TRACE_GUEST_CHANGE, v->trace_id, barrier, c->ibpbs, c->guest_changes);
}

void vcpu_put_aside(void)
{
    struct vmm_cpu *c = this_vmm_cpu();

    if (c->current)
        vcpu_switch_out(&c->current->switched);
    c->current = NULL;
}

/* What this CPU's TLBs remember of it may be older than what it did on another. */
static NOINLINE void arrive(struct vcpu *v)
{
    vmx_invvpid_single(v->vpid);
    vmx_invept_single(virt_to_phys(v->vm->ept.root));
    v->trace = &this_vmm_cpu()->trace;
    v->loaded_on = this_cpu()->id;
}

void vcpu_load(struct vcpu *v)
{
    struct vmm_cpu *c = this_vmm_cpu();

    const struct vcpu *was = c->current;

    if (was == v)
        return;
    vcpu_put_aside();
    change_guest(c, v, false);
    vmx_vcpu_load(&v->vmx);
    vcpu_switch_in(&v->switched, v->xcr0, was ? &was->switched : NULL);
    c->current = v;
    if (v->loaded_on != this_cpu()->id)
        arrive(v);
    if (v->tsc_offset_changed) {
        vmx_set_tsc_offset(&v->vmx, v->tsc_offset);
        v->tsc_offset_changed = false;
    }
}

void vcpu_unload(struct vcpu *v)
{
    if (this_vmm_cpu()->current == v)
        vcpu_put_aside();
    if (v->loaded_on == this_cpu()->id) {
        vmx_vcpu_release(&v->vmx);
        vmx_invvpid_single(v->vpid);
        vmx_invept_single(virt_to_phys(v->vm->ept.root));
    }
    v->loaded_on = CPU_NONE;
}

void vcpu_lend(struct vcpu *to)
{
    struct vmm_cpu *c = this_vmm_cpu();
    struct vcpu_switched *s = &c->current->switched;

    change_guest(c, to, true);
    vmx_vcpu_load(&to->vmx);
    s->kernel_gs_base = rdmsr(MSR_KERNEL_GS_BASE);
    s->cr2 = read_cr2();
    wrmsr(MSR_KERNEL_GS_BASE, 0);
    write_cr2(0);
    if (to->loaded_on != this_cpu()->id)
        arrive(to);
}

void vcpu_take_back(void)
{
    struct vmm_cpu *c = this_vmm_cpu();
    struct vcpu *v = c->current;

    change_guest(c, v, true);
    vmx_vcpu_load(&v->vmx);
    wrmsr(MSR_KERNEL_GS_BASE, v->switched.kernel_gs_base);
    write_cr2(v->switched.cr2);
}
