/* See control_call.h.  Of the control partition's exits those are dealt with here that need nothing
 * of what a turn of its own has: for a call, the hypercall that replies and waits; for a lent
 * turn, the light ones below.  Interrupts and NMIs are taken; before any other exit the control
 * partition stops, so that it happens once more in its own turn: no exit but these changes anything
 * that entering again does not find. */
#include "vmm/control_call.h"
#include "arch/x86_64/insn.h"
#include "vmm/boundary.h"
#include "vmm/cpu_share.h"
#include "vmm/hypercall.h"
#include "vmm/policy/exit.h"
#include "vmm/pv.h"
#include "vmm/vcpu_load.h"
#include "vmm/vcpu_look.h"
#include "vmm/vm.h"
#include "vmm/wake.h"
#include "vmx/enter.h"

#define VMCALL_BYTES 3u

static inline __attribute__((always_inline)) void set_timer(struct vcpu *v, u64 deadline, u64 now)
{
    vmx_set_timer(&v->vmx, deadline > now ? deadline - now : 0);
}

/* It has executed the VMCALL of reply_wait for v's slot. */
static bool is_reply(struct vcpu *v, struct vcpu *control)
{
    const u64 *r = control->vmx.guest.regs.r;
    const u32 slot = v->vm->served.slot + v->id;

    return r[RAX] == HC_reply_wait && r[RDI] == slot &&
           !(gs_at_exit(&control->vmx.guest, GS_SS_AR) & SEGMENT_DPL) &&
           boundary_takes(v, slot, r[RSI]);
}

/* What has been taken from the processor by the exit itself, and cannot happen again.  Not its own
 * exceptions: what is done about them needs all of its state. */
static NOINLINE bool is_taken(struct vcpu *control, u64 reason, struct exit *x)
{
    if (reason != EXIT_EXTERNAL_INTERRUPT && reason != EXIT_EXCEPTION_OR_NMI)
        return false;
    x->qual = x->intr_info = 0;
    vmx_read_exit(x, exit_needs[reason]);
    if (reason == EXIT_EXCEPTION_OR_NMI && EVENT_TYPE(x->intr_info) != EVENT_TYPE_NMI)
        return false;
    return exit_handlers[reason](control, x) == RESUME;
}

/* True: it waits, and has replied. */
static inline __attribute__((always_inline)) bool
run_until_reply(struct vcpu *v, struct vcpu *control, struct exit *x)
{
    u64 reason = EXIT_REASONS;

    while (!(control->todo | v->todo)) {
        struct vmx_vcpu *vmx = &control->vmx;

        reason = vmx_run(&vmx, x);
        if (likely(reason == EXIT_VMCALL) || !is_taken(control, reason, x))
            break;
        reason = EXIT_REASONS;
    }
    vmx_fill_rsb();
    return reason == EXIT_VMCALL && is_reply(v, control);
}

/* It waits until another time than its CPU has for it, which v's turn has to end by. */
static inline __attribute__((always_inline)) void wake_by(struct cpu_share *c, struct vcpu *v,
                                                          struct vcpu *control, u64 now)
{
    if (control->wake == control->sched.wake)
        return;
    spin_lock(&c->lock);
    if (control->sched.state == SCHED_BLOCKED)
        sched_block(&c->queue, &control->sched, control->wake, now);
    spin_unlock(&c->lock);
    if (control->wake >= v->turn_ends)
        return;
    v->turn_ends = control->wake;
    cpu_limit_turn(v->turn_ends, now);
    vcpu_todo(v, TODO_TURN);
}

/* Its wait begins, as boundary_wait() has it; what came meanwhile, or an earlier end, is for its
 * own turn. */
static void let_wait(struct cpu_share *c, struct vcpu *v, struct vcpu *control, u64 now)
{
    u64 *r = control->vmx.guest.regs.r;

    vcpu_skip_insn(control, VMCALL_BYTES);
    r[RAX] = boundary_wait(control, r[R10], now);
    if (control->away.waits != WAIT_EVENT)
        vcpu_wake(control);
    else
        wake_by(c, v, control, now);
}

/* Not inline: what the assembly spoils is saved here. */
__attribute__((noinline)) bool control_call(struct vcpu *v, struct vcpu *control, u64 *value)
{
    struct cpu_share *c = this_cpu_share();
    struct exit x WRITTEN_LATER;
    bool replied = false;
    u64 now = rdtsc();

    control->turn_ends = v->deadline;
    boundary_goes_on(control, now);
    (void)atomic_xchg(&c->called, 1); /* before the looks at what it is to do */
    if (!READ_ONCE(control->away.any)) {
        vcpu_lend(control);
        set_timer(control, control->turn_ends, now);
        replied = run_until_reply(v, control, &x);
        if (replied) {
            *value = control->vmx.guest.regs.r[RDX];
            let_wait(c, v, control, x.tsc);
        }
        vcpu_take_back();
        set_timer(v, v->deadline, rdtsc());
    }
    store_release(&c->called, 0);
    if (replied)
        v->away.waits = WAIT_NOTHING;
    else
        vcpu_wake(control);
    return replied;
}

/* ------------------------------------------------------------ a lent turn */

/* What the guest is told meanwhile and may hear after it.  That its turn ends earlier takes the CPU
 * from the control partition, too (cpu_limit_turn()). */
#define TODO_LATER                                                                                 \
    ((u64)(TODO_BOARD | TODO_EVENT | TODO_MAIL | TODO_CONSOLE | TODO_LINES | TODO_TURN))

/* A hypercall that touches neither the VMCS of a guest nor what else is in the processor. */
static bool is_light(const struct vcpu *control)
{
    switch (control->vmx.guest.regs.r[RAX]) {
    case HC_wait:
    case HC_reply:
    case HC_reply_wait:
    case HC_line:
    case HC_msi: return true;
    default: return false;
    }
}

/* True: it waits. */
static bool run_until_wait(const struct vcpu *v, struct vcpu *control, struct exit *x)
{
    while (!READ_ONCE(control->todo) && !(READ_ONCE(v->todo) & ~TODO_LATER)) {
        struct vmx_vcpu *vmx = &control->vmx;
        const u64 reason = vmx_run(&vmx, x);

        if (reason != EXIT_VMCALL || !is_light(control)) {
            if (!is_taken(control, reason, x))
                break;
        } else if (x->tsc >= control->turn_ends) { /* the timer does not count Lintel's own time */
            break;
        } else if (exit_handlers[EXIT_VMCALL](control, x) != NEXT) {
            break; /* by a program in user mode: nothing was done */
        } else {
            vcpu_skip_insn(control, VMCALL_BYTES);
            if (atomic_and(&control->todo, ~(u64)TODO_WAIT) & TODO_WAIT)
                return true;
        }
    }
    return false;
}

/* Neither was v in its guest meanwhile nor was Lintel busy with its exit. */
static void account(struct vcpu *v, struct exit *x, u64 ticks)
{
    x->tsc += ticks;
    if (v->asleep) {
        v->stats->waiting += ticks;
        return;
    }
    v->stats->stolen += ticks;
    pv_steal_update(v, ticks);
}

/* When v's turn would have ended.  False: it has by now. */
static bool turn_goes_on(struct cpu_share *c, struct vcpu *v, u64 now)
{
    u64 ends;

    spin_lock(&c->lock);
    ends = sched_deadline(&c->queue, now);
    spin_unlock(&c->lock);
    if (ends <= now)
        return false;
    v->turn_ends = MIN(ends, v->vm->dies_at);
    return true;
}

__attribute__((noinline)) bool control_serve(struct vcpu *v, struct exit *x)
{
    struct cpu_share *c = this_cpu_share();
    struct vcpu *control = c->soon;
    const u64 began = rdtsc();
    struct exit own WRITTEN_LATER;
    bool waits = false;

    if (!control || control->away.waits != WAIT_EVENT || !turn_goes_on(c, v, began))
        return false;
    c->soon = NULL;
    control->turn_ends = vcpu_next_look(v);
    boundary_goes_on(control, began);
    (void)atomic_xchg(&c->called, 1);
    if (!READ_ONCE(control->away.any)) {
        vcpu_lend(control);
        set_timer(control, control->turn_ends, began);
        waits = run_until_wait(v, control, &own);
        vmx_fill_rsb();
        vcpu_take_back();
    }
    store_release(&c->called, 0);
    if (waits)
        wake_by(c, v, control, rdtsc());
    else
        vcpu_wake(control);
    vcpu_todo(v, TODO_TURN);
    account(v, x, rdtsc() - began);
    return true;
}
