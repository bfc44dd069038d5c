/* See vcpu_load.h. */
#include "vmm/vcpu_load.h"
#include "arch/x86_64/paging.h"
#include "vmm/vm.h"
#include "vmx/speculation.h"

void vcpu_change_guest(struct vmm_cpu *c, const struct vcpu *v, bool for_call)
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

void vcpu_arrive(struct vcpu *v)
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
    vcpu_change_guest(c, v, false);
    vmx_vcpu_load(&v->vmx);
    vcpu_switch_in(&v->switched, v->xcr0, was ? &was->switched : NULL);
    c->current = v;
    if (v->loaded_on != this_cpu()->id)
        vcpu_arrive(v);
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
