/* See handoff.h.  While the control partition runs for a guest, the guest's entity in the queue is
 * the one that runs and pays; the control partition's stays blocked, or is woken by others and has
 * its own turn later. */
#include "vmm/handoff.h"
#include "vmm/boundary.h"
#include "vmm/run.h"
#include "vmm/vcpu_load.h"
#include "vmm/vm.h"
#include "vmm/wake.h"

/* Back to v.  What came for the control partition after its last look gives it a turn of its own.
 */
static void give_back(struct cpu_share *c, struct vcpu *v, struct vcpu *control)
{
    spin_lock(&c->lock);
    c->running = v;
    if (unlikely(READ_ONCE(control->todo) & WAIT_ENDS) &&
        sched_wake(&c->queue, &control->sched, rdtsc()))
        vcpu_todo(v, TODO_RESCHED);
    spin_unlock(&c->lock);
}

/* False: somebody else has woken it, and it gets a turn of its own. */
static bool take(struct cpu_share *c, struct vcpu *control)
{
    bool blocked;

    spin_lock(&c->lock);
    blocked = control->sched.state == SCHED_BLOCKED;
    if (blocked)
        c->running = control;
    spin_unlock(&c->lock);
    return blocked;
}

/* Its next wait may have another end than the one for which it is blocked. */
static void block_anew(struct cpu_share *c, struct vcpu *control)
{
    if (control->wake == control->sched.wake)
        return;
    spin_lock(&c->lock);
    if (control->sched.state == SCHED_BLOCKED)
        sched_block(&c->queue, &control->sched, control->wake, rdtsc());
    spin_unlock(&c->lock);
}

/* The control partition goes on, or ends, in a turn of its own; v is blocked until its reply comes.
 */
static void change_turns(struct cpu_share *c, struct vcpu *v, struct vcpu *control)
{
    const u64 now = rdtsc();

    spin_lock(&c->lock);
    if (!v->forward.replied && !(READ_ONCE(v->todo) & WAIT_ENDS))
        sched_block(&c->queue, &v->sched, SCHED_NEVER, now);
    (void)sched_wake(&c->queue, &control->sched, now);
    spin_unlock(&c->lock);
}

static void run_control(struct vcpu *v, struct vcpu *control)
{
    vcpu_load(control);
    control->turn_ends = v->turn_ends;
    boundary_goes_on(control);
    control->deadline = control->outside = control->turn_ends;
    v->forward.handed = true;
    vcpu_run_on(control);
    v->forward.handed = false;
}

struct vcpu *handoff(struct cpu_share *c, struct vcpu *v)
{
    struct vcpu *control;

    while ((control = v->forward.to) != NULL) {
        v->forward.to = NULL;
        c->soon = NULL; /* it looks at everything now */
        if (v->leave != LEAVE_WAITS || !take(c, control)) {
            vcpu_ask(control, TODO_WAKE);
            break;
        }
        run_control(v, control);
        if (control->leave != LEAVE_WAITS) {
            change_turns(c, v, control);
            return control;
        }
        block_anew(c, control);
        give_back(c, v, control);
        if (!v->forward.replied)
            break;
        vcpu_load(v);
        (void)boundary_wait_is_over(v, NULL);
        vcpu_run_on(v);
    }
    return v;
}
