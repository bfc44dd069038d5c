/* Exits of single instructions: CPUID, HLT, VMCALL, RDMSR, WRMSR, XSETBV, and the refusals. */
#include "abi/errors.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/msr.h"
#include "vmm/handlers.h"
#include "vmm/hypercall.h"
#include "vmm/lapic_quick.h"
#include "vmm/msr_models.h"
#include "vmm/policy/cr.h"
#include "vmm/pv.h"
#include "vmm/vcpu_irq.h"
#include "vmm/vm.h"
#include "vmm/wake.h"

static void answer_cpuid(u64 *r, const struct cpuid_answer *a)
{
    r[RAX] = a->eax;
    r[RBX] = a->ebx;
    r[RCX] = a->ecx;
    r[RDX] = a->edx;
}

static NOINLINE void cpuid_slow(struct vcpu *v)
{
    u64 *r = v->vmx.guest.regs.r;
    u32 live;
    struct cpuid_answer a = *cpuid_find(&v->vm->cpuid, (u32)r[RAX], (u32)r[RCX], &live);

    if (live != CPUID_STATIC) {
        const struct cpuid_view view = {.cr4 = gs_get(&v->vmx.guest, GS_CR4),
                                        .xcr0 = v->xcr0,
                                        .apic_id = v->id,
                                        .apic_off = lapic_mode(&v->lapic) == LAPIC_OFF};

        cpuid_touch_up(&v->vm->cpuid, live, &view, &a);
    }
    answer_cpuid(r, &a);
}

enum verdict on_cpuid(struct vcpu *v, const struct exit *x)
{
    u64 *r = v->vmx.guest.regs.r;
    const struct cpuid_answer *a = cpuid_find_plain(&v->vm->cpuid, greg32(r, RAX));

    (void)x;
    if (likely(a))
        answer_cpuid(r, a);
    else
        cpuid_slow(v);
    return NEXT;
}

/* The single-step trap wakes the processor before it has slept. */
enum verdict on_hlt(struct vcpu *v, const struct exit *x)
{
    struct guest_state *g = &v->vmx.guest;
    const bool trap =
        (gs_get(g, GS_RFLAGS) & RFLAGS_TF) && !(gs_get(g, GS_DEBUGCTL) & DEBUGCTL_BTF);

    (void)x;
    if (trap) {
        vcpu_todo(v, TODO_BOARD);
        return NEXT;
    }
    /* STI before HLT is the rule, and its shadow ends with HLT: not the slow way for that. */
    vcpu_end_shadow(v);
    vcpu_todo(v, TODO_HALT);
    return NEXT;
}

static NOINLINE void known_hypercall(struct vcpu *v, u64 *r)
{
    r[RAX] = (u64)hypercall(v, r[RAX], &(struct hc_args){{r[RDI], r[RSI], r[RDX], r[R10]}});
}

enum verdict on_vmcall(struct vcpu *v, const struct exit *x)
{
    u64 *r = v->vmx.guest.regs.r;

    (void)x;
    if (unlikely(gs_at_exit(&v->vmx.guest, GS_SS_AR) & SEGMENT_DPL))
        return FAULT_UD; /* CPL is not 0 */
    if (r[RAX] < HYPERCALLS)
        known_hypercall(v, r);
    else
        r[RAX] = (u64)ABI_ENOSYS;
    return NEXT;
}

static NOINLINE enum verdict refuse_msr(struct vcpu *v, u32 msr, bool write, u64 value)
{
    v->msr_refused++;
    trace(v->trace, TRACE_MSR_REFUSED, v->trace_id, msr, write, value);
    return FAULT_GP;
}

static void answer_rdmsr(u64 *r, u64 value)
{
    r[RAX] = (u32)value;
    r[RDX] = value >> 32;
}

/* By themselves: what they need would cost the other MSRs registers. */
static NOINLINE enum verdict rdmsr_rare(struct vcpu *v, const struct exit *x)
{
    u64 *r = v->vmx.guest.regs.r;
    const u32 msr = (u32)r[RCX];
    const struct msr_row *row = msr_find(msr), *beyond = msr_find_beyond(msr);
    err_t err = E_INVAL;
    u64 value;

    if (row && row->read == MSR_APIC)
        err = vcpu_lapic_msr_read(v, msr, &value, x->tsc);
    else if (beyond && beyond->read == MSR_CALL)
        err = pv_msr_read(v, msr, &value);
    if (err != OK)
        return refuse_msr(v, msr, false, 0);
    answer_rdmsr(r, value);
    return NEXT;
}

static NOINLINE enum verdict wrmsr_rare(struct vcpu *v, const struct exit *x, u64 value)
{
    const u32 msr = (u32)v->vmx.guest.regs.r[RCX];
    const struct msr_row *row = msr_find(msr), *beyond = msr_find_beyond(msr);
    err_t err = E_INVAL;

    if (row && row->other == MSR_APIC)
        err = vcpu_set_apic_base(v, value, x->tsc);
    else if (beyond && beyond->write == MSR_CALL)
        err = pv_msr_write(v, msr, value);
    return err == OK ? NEXT : refuse_msr(v, msr, true, value);
}

/* What calls others is in functions by itself, so that on_wrmsr() and wrmsr_apic() save no
 * registers, and reads the MSR's number anew, so that they move none. */
static __attribute__((noinline)) enum verdict wrmsr_model(struct vcpu *v, const struct exit *x,
                                                          u64 value)
{
    const u32 msr = (u32)v->vmx.guest.regs.r[RCX];

    if (likely(msr == MSR_TSC_DEADLINE)) { /* by far the most frequent */
        vcpu_set_tsc_deadline(v, value, x->tsc);
        return NEXT;
    }
    return msr_model_write(v, msr, value, x->tsc) == OK ? NEXT : refuse_msr(v, msr, true, value);
}

static __attribute__((noinline)) enum verdict wrmsr_apic_slow(struct vcpu *v, const struct exit *x,
                                                              u64 value)
{
    const u32 msr = (u32)v->vmx.guest.regs.r[RCX];

    return vcpu_lapic_msr_write(v, msr, value, x->tsc) == OK ? NEXT
                                                             : refuse_msr(v, msr, true, value);
}

static __attribute__((noinline)) enum verdict wrmsr_apic(struct vcpu *v, const struct exit *x,
                                                         u64 value)
{
    const u32 msr = (u32)v->vmx.guest.regs.r[RCX];

    if (likely(lapic_mode(&v->lapic) == LAPIC_X2APIC)) {
        if (msr == MSR_X2APIC_EOI && value == 0 && lapic_quick_eoi(v, x->tsc))
            return NEXT;
        if (msr == MSR_X2APIC_SELF_IPI && lapic_quick_self_ipi(v, value, x->tsc))
            return NEXT;
    }
    return wrmsr_apic_slow(v, x, value);
}

enum verdict on_rdmsr(struct vcpu *v, const struct exit *x)
{
    u64 *r = v->vmx.guest.regs.r;
    const u32 msr = (u32)r[RCX];
    const struct msr_row *row = msr_find(msr);
    u64 value;

    if (!row)
        return rdmsr_rare(v, x);
    if (row->read == MSR_HELD)
        value = v->msr_held[row->slot + (msr - row->first)];
    else if (row->read != MSR_CALL)
        return rdmsr_rare(v, x); /* or refused */
    else if (msr_model_read(v, msr, &value, x->tsc) != OK)
        return refuse_msr(v, msr, false, 0);
    answer_rdmsr(r, value);
    return NEXT;
}

enum verdict on_wrmsr(struct vcpu *v, const struct exit *x)
{
    u64 *r = v->vmx.guest.regs.r;
    const u32 msr = (u32)r[RCX];
    const u64 value = (u64)(u32)r[RDX] << 32 | (u32)r[RAX];
    const struct msr_row *row = msr_find(msr);

    if (!row)
        return wrmsr_rare(v, x, value);
    if (row->write == MSR_HELD) {
        u64 *held = &v->msr_held[row->slot + (msr - row->first)];

        if ((*held ^ value) & ~row->writable)
            return wrmsr_rare(v, x, value); /* or refused */
        *held = value;
        return NEXT;
    }
    if (row->write == MSR_CALL)
        return wrmsr_model(v, x, value);
    if (row->write == MSR_APIC)
        return wrmsr_apic(v, x, value);
    if (row->write == MSR_IGNORE)
        return NEXT;
    return wrmsr_rare(v, x, value); /* or refused */
}

enum verdict on_xsetbv(struct vcpu *v, const struct exit *x)
{
    const u64 *r = v->vmx.guest.regs.r;
    const u64 value = (u64)(u32)r[RDX] << 32 | (u32)r[RAX];

    (void)x;
    if (!(gs_get(&v->vmx.guest, GS_CR4) & CR4_OSXSAVE))
        return FAULT_UD;
    if (vcpu_cpl(v) != 0 || (u32)r[RCX] != 0 || xcr0_check(value, v->vm->cpuid.xcr0_mask) != OK)
        return FAULT_GP;
    v->xcr0 = value;
    xsetbv(0, value); /* Lintel uses no extended state: the guest's value stays loaded */
    return NEXT;
}

enum verdict skip_insn(struct vcpu *v, const struct exit *x)
{
    (void)v, (void)x;
    return NEXT;
}

enum verdict refuse_ud(struct vcpu *v, const struct exit *x)
{
    (void)v, (void)x;
    return FAULT_UD;
}

enum verdict refuse_gp(struct vcpu *v, const struct exit *x)
{
    (void)v, (void)x;
    return FAULT_GP;
}

enum verdict stop_guest(struct vcpu *v, const struct exit *x)
{
    (void)v, (void)x;
    return KILL;
}
