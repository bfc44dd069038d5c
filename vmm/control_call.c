/* See control_call.h.  One exit of the control partition is dealt with here: the hypercall that
 * replies and waits.  Interrupts and NMIs are taken; before any other exit the control partition
 * stops, so that it happens once more in its own turn: no exit but these changes anything that
 * entering again does not find. */
#include "vmm/control_call.h"
#include "arch/x86_64/insn.h"
#include "vmm/boundary.h"
#include "vmm/cpu_share.h"
#include "vmm/hypercall.h"
#include "vmm/policy/exit.h"
#include "vmm/vcpu_load.h"
#include "vmm/vm.h"
#include "vmm/wake.h"
#include "vmx/enter.h"

#define VMCALL_BYTES 3u

static void set_timer(struct vcpu *v, u64 deadline, u64 now)
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

/* Its wait begins, as boundary_wait() has it; what came meanwhile, or an earlier end, is for its
 * own turn. */
static void let_wait(struct cpu_share *c, struct vcpu *control, u64 now)
{
    u64 *r = control->vmx.guest.regs.r;
    const u64 until = r[R10];

    vcpu_skip_insn(control, VMCALL_BYTES);
    r[RAX] = boundary_wait(control, until, now);
    if (control->away.waits != WAIT_EVENT) {
        vcpu_wake(control);
    } else if (until != control->sched.wake) {
        spin_lock(&c->lock);
        if (control->sched.state == SCHED_BLOCKED)
            sched_block(&c->queue, &control->sched, until, now);
        spin_unlock(&c->lock);
    }
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
            let_wait(c, control, x.tsc);
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
