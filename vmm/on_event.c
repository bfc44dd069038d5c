/* Exits that are not about an instruction: exceptions, NMIs, interrupts, windows, the timer. */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/panic.h"
#include "arch/x86_64/trap.h"
#include "vmm/event.h"
#include "vmm/handlers.h"
#include "vmm/vm.h"
#include "vmm/wake.h"

#define INTR_VALID          BIT32(31)
#define INTR_NMI_UNBLOCKING BIT32(12)
#define INTR_INJECTABLE     0x80000fffu /* bits 30:12 are reserved at entry */
#define INTR_VECTOR(info)   ((u8)(info))
#define QUAL_DEBUG_DR6      (DR6_B0 | DR6_B1 | DR6_B2 | DR6_B3 | DR6_BD | DR6_BS)

/* What the processor did not do because the #DB exited instead of being delivered.
 * SDM Vol. 3C, "Exit Qualification for Debug Exceptions". */
static void debug_exception_state(struct vcpu *v, u64 qual)
{
    struct guest_state *g = &v->vmx.guest;
    const u64 dr7 = gs_get(g, GS_DR7), debugctl = gs_get(g, GS_DEBUGCTL);

    write_dr6((read_dr6() & ~(DR6_B0 | DR6_B1 | DR6_B2 | DR6_B3)) | (qual & QUAL_DEBUG_DR6));
    if (dr7 & DR7_GD)
        gs_set(g, GS_DR7, dr7 & ~DR7_GD);
    if (debugctl & (DEBUGCTL_LBR | DEBUGCTL_BTF))
        gs_set(g, GS_DEBUGCTL, debugctl & ~(u64)(DEBUGCTL_LBR | DEBUGCTL_BTF));
    /* In the shadow of STI or MOV SS, VM entry insists on the single-step that TF makes pending
     * (SDM Vol. 3C, "Checks on Guest Non-Register State").  Injecting #DB discards it. */
    if ((gs_get(g, GS_RFLAGS) & RFLAGS_TF) &&
        (gs_get(g, GS_INTERRUPTIBILITY) & VCPU_BLOCKED_BY_INSN))
        gs_set(g, GS_PENDING_DEBUG, gs_get(g, GS_PENDING_DEBUG) | PENDING_DEBUG_BS);
}

/* Whatever was being delivered when this exit came has to be delivered again. */
void event_redeliver(struct vcpu *v, const struct exit *x)
{
    if (!(x->idt_info & INTR_VALID))
        return;
    vcpu_raise_event(v, (struct event){.info = x->idt_info & INTR_INJECTABLE,
                                       .error = x->idt_error,
                                       .insn_len = (u32)x->insn_len});
    if (EVENT_TYPE(x->idt_info) == EVENT_TYPE_NMI) { /* injecting it blocks NMIs anew */
        struct guest_state *g = &v->vmx.guest;

        gs_set(g, GS_INTERRUPTIBILITY, gs_get(g, GS_INTERRUPTIBILITY) & ~(u64)VCPU_BLOCKED_BY_NMI);
    }
}

void event_nmi_unblocked_by_iret(struct vcpu *v, const struct exit *x, bool unblocked)
{
    struct guest_state *g = &v->vmx.guest;

    if (unblocked && !(x->idt_info & INTR_VALID))
        gs_set(g, GS_INTERRUPTIBILITY, gs_get(g, GS_INTERRUPTIBILITY) | VCPU_BLOCKED_BY_NMI);
}

void event_look_at_the_clock(struct vcpu *v, const struct exit *x)
{
    if (unlikely(x->tsc > v->deadline))
        vcpu_todo(v, TODO_BOARD);
}

enum verdict on_exception(struct vcpu *v, const struct exit *x)
{
    const u8 vector = INTR_VECTOR(x->intr_info);
    const u32 type = EVENT_TYPE(x->intr_info);

    if (type == EVENT_TYPE_NMI) {
        trap_take_nmi();
        return RESUME;
    }
    if (vector == VEC_MC)
        panic("machine check while a guest ran");
    event_look_at_the_clock(v, x);
    event_redeliver(v, x);
    if (vector != VEC_DF)
        event_nmi_unblocked_by_iret(v, x, x->intr_info & INTR_NMI_UNBLOCKING);
    if (vector == VEC_DB)
        debug_exception_state(v, x->qual);
    vcpu_raise_event(v, (struct event){.info = x->intr_info & INTR_INJECTABLE,
                                       .error = x->intr_error,
                                       .insn_len = (u32)x->insn_len});
    return RESUME;
}

enum verdict on_host_irq(struct vcpu *v, const struct exit *x)
{
    trace(v->trace, TRACE_HOST_IRQ, v->trace_id, INTR_VECTOR(x->intr_info), 0, 0);
    trap_dispatch(INTR_VECTOR(x->intr_info));
    vcpu_todo(v, TODO_BOARD);
    return RESUME;
}

enum verdict on_window(struct vcpu *v, const struct exit *x)
{
    (void)x;
    vcpu_todo(v, TODO_EVENT);
    return RESUME;
}

static void set_timer(struct vcpu *v, u64 deadline, u64 now)
{
    vmx_set_timer(&v->vmx, deadline - now);
    v->deadline = deadline;
}

/* If it is the local APIC's timer alone, nothing else has to be looked at. */
static NOINLINE void timer_due(struct vcpu *v, u64 now)
{
    if (v->outside > now) {
        lapic_tick(&v->lapic, now);
        if (likely(v->lapic.deadline > now)) {
            set_timer(v, MIN(v->lapic.deadline, v->outside), now);
            vcpu_todo(v, TODO_EVENT);
            return;
        }
    }
    vcpu_todo(v, TODO_BOARD);
}

/* A guest that moves a timer further away leaves the processor's as it is: then nothing is due. */
enum verdict on_timer(struct vcpu *v, const struct exit *x)
{
    const u64 deadline = MIN(v->lapic.deadline, v->outside);

    if (likely(deadline > x->tsc))
        set_timer(v, deadline, x->tsc);
    else
        timer_due(v, x->tsc);
    return RESUME;
}

/* A loop of PAUSE: it waits, most likely for a vCPU that has no CPU now. */
enum verdict on_pause(struct vcpu *v, const struct exit *x)
{
    (void)x;
    vcpu_todo(v, TODO_YIELD);
    return NEXT;
}

/* INIT was sent to this physical CPU by nobody in Lintel: firmware or a stray agent.  In VMX
 * root mode it stays blocked; the guest goes on. */
enum verdict on_host_init(struct vcpu *v, const struct exit *x)
{
    (void)v, (void)x;
    return RESUME;
}

enum verdict on_machine_check(struct vcpu *v, const struct exit *x)
{
    (void)v, (void)x;
    panic("machine check during VM entry");
}
