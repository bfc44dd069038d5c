/* See wake.h. */
#include "vmm/wake.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/panic.h"
#include "vmm/cpu_share.h"

/* With the queue's lock: v->cpu does not change meanwhile.  NULL: it belongs nowhere just now; who
 * gives it a CPU wakes it. */
static struct cpu_share *lock_queue_of(const struct vcpu *v)
{
    for (;;) {
        const u32 cpu = READ_ONCE(v->cpu);

        if (cpu == CPU_NONE)
            return NULL;

        struct cpu_share *c = &cpu_share[cpu];

        spin_lock(&c->lock);
        if (v->cpu == cpu)
            return c;
        spin_unlock(&c->lock);
    }
}

/* Somebody else wants to run by now.  The running one's own CPU knows until when it may go on, and
 * need not leave it for that. */
static void move_end_of_turn(struct cpu_share *c, u64 now)
{
    struct vcpu *v = c->running;

    if (c != this_cpu_share()) {
        (void)atomic_or(&v->todo, (u64)TODO_RESCHED);
        return;
    }
    v->turn_ends = MIN(v->turn_ends, sched_deadline(&c->queue, now));
    cpu_limit_turn(v->turn_ends, now);
    vcpu_todo(v, TODO_TURN);
}

void vcpu_wake(struct vcpu *v)
{
    struct cpu_share *c = lock_queue_of(v);

    if (!c)
        return;

    const u32 cpu = v->cpu;
    bool tell = c->running == v;

    if (!tell) {
        const u64 now = rdtsc();

        tell = sched_wake(&c->queue, &v->sched, now);
        if (tell && c->running)
            move_end_of_turn(c, now);
    }
    spin_unlock(&c->lock);
    if (tell)
        cpu_interrupt(cpu);
}

void vcpu_ask(struct vcpu *v, u64 bits)
{
    if ((atomic_or(&v->todo, bits) & bits) != bits)
        vcpu_wake(v);
}

void vcpu_end_turn_by(struct vcpu *v)
{
    const u64 now = rdtsc();

    v->outside = MIN(v->outside, v->turn_ends);
    if (v->turn_ends >= v->deadline)
        return;
    v->deadline = v->turn_ends;
    if (v->deadline > now)
        vmx_set_timer(&v->vmx, v->deadline - now);
    else
        vcpu_todo(v, TODO_RESCHED);
}

static void attach(struct vcpu *v, u32 cpu,
                   err_t (*add)(struct sched_queue *q, struct sched_entity *e, u64 now))
{
    struct cpu_share *c = &cpu_share[cpu];

    spin_lock(&c->lock);
    v->cpu = cpu;
    c->pinned += v->pinned;
    if (add(&c->queue, &v->sched, rdtsc()) != OK)
        panic("vCPU %x cannot be scheduled", v->trace_id);
    spin_unlock(&c->lock);
    vcpu_wake(v);
}

void vcpu_attach(struct vcpu *v, u32 cpu)
{
    attach(v, cpu, sched_add);
}

void vcpu_attach_again(struct vcpu *v, u32 cpu)
{
    attach(v, cpu, sched_join);
}
