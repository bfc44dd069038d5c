/* MSRs whose writes mean something.  SDM Vol. 4; Vol. 3B, "Time-Stamp Counter Adjustment". */
#include "vmm/msr_models.h"
#include "arch/x86_64/msr.h"
#include "vmm/policy/cr.h"
#include "vmm/pv.h"
#include "vmm/vcpu_irq.h"
#include "vmm/vm.h"
#include "vmm/wake.h"

static u64 guest_tsc(const struct vcpu *v, u64 now)
{
    return now + v->tsc_offset;
}

static void move_tsc(struct vcpu *v, u64 by, u64 now)
{
    v->tsc_offset += by;
    v->tsc_adjust += by;
    vmx_set_tsc_offset(&v->vmx, v->tsc_offset);
    lapic_tsc_moved(&v->lapic, guest_tsc(v, now), now);
    if (v->lapic.deadline < v->deadline)
        vcpu_todo(v, TODO_BOARD);
    if (v->pv.system_time & KVM_MSR_ENABLED)
        pv_tsc_moved(v);
}

/* Each of the eight bytes is a memory type that exists. */
static bool pat_is_valid(u64 pat)
{
    for (u32 i = 0; i < 8; i++) {
        const u64 type = pat >> (8 * i) & 0xff;

        if (type > MEMORY_TYPE_UC_MINUS || type == 2 || type == 3)
            return false;
    }
    return true;
}

err_t msr_model_read(struct vcpu *v, u32 msr, u64 *value, u64 now)
{
    switch (msr) {
    case MSR_TSC_ADJUST: *value = v->tsc_adjust; return OK;
    case MSR_TSC_DEADLINE:
        *value = lapic_tsc_deadline(&v->lapic, now);
        if (vcpu_lapic_moved(v))
            vcpu_todo(v, TODO_BOARD);
        return OK;
    case MSR_DEBUGCTL: *value = gs_get(&v->vmx.guest, GS_DEBUGCTL); return OK;
    case MSR_XSS: *value = 0; return OK;
    default: return E_INVAL;
    }
}

err_t msr_model_write(struct vcpu *v, u32 msr, u64 value, u64 now)
{
    switch (msr) {
    case MSR_TSC: move_tsc(v, value - guest_tsc(v, now), now); return OK;
    case MSR_TSC_ADJUST: move_tsc(v, value - v->tsc_adjust, now); return OK;
    case MSR_DEBUGCTL: /* single-step on branches only; no branch records, no trace store */
        if (value & ~(u64)DEBUGCTL_BTF)
            return E_INVAL;
        gs_set(&v->vmx.guest, GS_DEBUGCTL, value);
        return OK;
    case MSR_PAT:
        if (!pat_is_valid(value))
            return E_INVAL;
        gs_set(&v->vmx.guest, GS_PAT, value);
        return OK;
    case MSR_XSS: return value == 0 ? OK : E_INVAL; /* no supervisor state is offered */
    case MSR_EFER: {
        const struct cr_view view = {.cr0 = gs_get(&v->vmx.guest, GS_CR0),
                                     .efer = gs_get(&v->vmx.guest, GS_EFER)};
        u64 efer;

        TRY(efer_write(&view, value, &efer));
        gs_set(&v->vmx.guest, GS_EFER, efer);
        return OK;
    }
    default: return E_INVAL;
    }
}
