/* See cpu.h. */
#include "vmm/cpu.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/smp.h"
#include "lib/atomic.h"
#include "vmm/cpu_share.h"
#include "vmm/run.h"
#include "vmm/vcpu_load.h"
#include "vmm/vm.h"
#include "vmm/vm_end.h"
#include "vmm/wake.h"

/* ------------------------------------------------------------ turns */

static struct vcpu *vcpu_of(struct sched_entity *e)
{
    return e ? CONTAINER_OF(e, struct vcpu, sched) : NULL;
}

static struct vcpu *choose(struct cpu_share *c, u64 *due)
{
    const u64 now = rdtsc();

    spin_lock(&c->lock);
    c->running = vcpu_of(sched_pick(&c->queue, now));
    *due = sched_deadline(&c->queue, now);
    spin_unlock(&c->lock);
    return c->running;
}

/* To another vCPU of its guest that waits for this CPU, in turns; else to anybody. */
static void yield(struct cpu_share *c, struct vcpu *v, u64 now)
{
    const struct vm *vm = v->vm;

    for (u32 i = 1; i < vm->vcpus; i++) {
        struct vcpu *sibling = vm->vcpu[(v->yielded_to + i) % vm->vcpus];

        if (sibling->cpu == v->cpu && sched_yield_to(&c->queue, &sibling->sched, now)) {
            v->yielded_to = sibling->id;
            return;
        }
    }
    sched_yield_turn(&c->queue, now);
}

/* Why it has left decides where it is until its next turn. */
static void put_back(struct cpu_share *c, struct vcpu *v)
{
    const u64 now = rdtsc();

    spin_lock(&c->lock);
    c->running = NULL;
    if (unlikely(c->soon)) {
        (void)sched_wake(&c->queue, &c->soon->sched, now);
        c->soon = NULL;
    }
    switch (v->leave) {
    case LEAVE_ASLEEP:
        if (!READ_ONCE(v->todo)) /* what comes from now on finds it blocked, and wakes it */
            sched_block(&c->queue, &v->sched, v->wake, now);
        break;
    case LEAVE_WAITS:
        if (!(READ_ONCE(v->todo) & WAIT_ENDS))
            sched_block(&c->queue, &v->sched, v->wake, now);
        break;
    case LEAVE_YIELD: yield(c, v, now); break;
    case LEAVE_PAUSED:
        if (!READ_ONCE(v->todo) && READ_ONCE(v->vm->paused))
            sched_block(&c->queue, &v->sched, SCHED_NEVER, now);
        break;
    case LEAVE_TURN_OVER:
    case LEAVE_MOVES: break;
    case LEAVE_ENDED:
        c->pinned -= v->pinned;
        sched_remove(&c->queue, &v->sched, now);
        v->cpu = CPU_NONE;
        break;
    }
    spin_unlock(&c->lock);
}

/* ------------------------------------------------------------ balance */

static bool may_run_on(const struct vcpu *v, u32 cpu)
{
    return v->cpus >> cpu & 1;
}

/* Nobody wants to run there, and nobody owns it. */
static bool is_idle(u32 cpu)
{
    const struct cpu_share *c = &cpu_share[cpu];

    return READ_ONCE(c->asleep) && !READ_ONCE(c->running) && !READ_ONCE(c->pinned);
}

static u32 idle_cpu_for(const struct vcpu *v)
{
    for (u32 cpu = 0; cpu < cpu_count(); cpu++)
        if (cpu_public[cpu].online && may_run_on(v, cpu) && is_idle(cpu))
            return cpu;
    return CPUS_MAX;
}

static void go_to(struct cpu_share *c, struct vcpu *v, u32 cpu)
{
    spin_lock(&c->lock);
    c->pinned -= v->pinned;
    sched_remove(&c->queue, &v->sched, rdtsc());
    v->cpu = CPU_NONE;
    spin_unlock(&c->lock);
    vcpu_unload(v);
    vcpu_attach(v, cpu);
}

/* A turn is over and somebody else waits for his: one that is not pinned goes to a CPU that sleeps.
 */
static void give_away(struct cpu_share *c, struct vcpu *v)
{
    const u32 cpu = v->pinned || !READ_ONCE(c->queue.ready) ? CPUS_MAX : idle_cpu_for(v);

    if (cpu != CPUS_MAX)
        go_to(c, v, cpu);
}

/* ------------------------------------------------------------ the loop */

static void turn(const struct cpu_duties *duties, struct vcpu *v, u64 due)
{
    struct cpu_share *c = this_cpu_share();
    u64 began;

    vcpu_load(v);
    if (rdtsc() >= v->vm->dies_at)
        vm_end(v->vm, VM_END_EXPIRED, 0);
    v->turn_ends = MIN(due, v->vm->dies_at);
    cpu_limit_turn(v->turn_ends);
    began = rdtsc() - c->slept; /* what it sleeps in the turn does not count */
    vcpu_run(v);
    apic_timer_stop();
    c->busy += v->left - c->slept - began;
    put_back(c, v);
    if (v->leave == LEAVE_TURN_OVER)
        give_away(c, v);
    if (v->leave == LEAVE_MOVES)
        go_to(c, v, atomic_xchg(&v->away.move_to, 0) - 1);
    if (v->leave == LEAVE_ENDED) {
        vcpu_unload(v);
        duties->ended(v);
    }
}

bool cpu_turn(const struct cpu_duties *duties)
{
    struct cpu_share *c = this_cpu_share();
    u64 due;
    struct vcpu *v = choose(c, &due);

    if (v)
        turn(duties, v, due);
    else
        c->next = due;
    return v != NULL;
}

static void idle(u64 due)
{
    static const u64 nothing;
    struct cpu_share *c = this_cpu_share();
    bool wanted;

    spin_lock(&c->lock); /* who wakes a vCPU after this look sees that we sleep */
    wanted = c->queue.ready != 0;
    c->asleep = !wanted;
    spin_unlock(&c->lock);
    if (!wanted)
        cpu_sleep(&nothing, MIN(c->next, due));
}

void cpu_loop(const struct cpu_duties *duties)
{
    this_cpu_share()->began = rdtsc();
    for (;;) {
        duties->between(atomic_xchg(&this_cpu_share()->todo, 0));
        if (!cpu_turn(duties))
            idle(duties->due());
    }
}
