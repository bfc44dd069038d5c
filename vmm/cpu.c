/* See cpu.h. */
#include "vmm/cpu.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/smp.h"
#include "lib/atomic.h"
#include "vmm/boundary.h"
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

/* With the lock. */
static struct vcpu *pick(struct cpu_share *c, u64 now)
{
    c->running = vcpu_of(sched_pick(&c->queue, now));
    c->due = sched_deadline(&c->queue, now);
    return c->running;
}

static struct vcpu *choose(struct cpu_share *c)
{
    struct vcpu *v;

    spin_lock(&c->lock);
    v = pick(c, rdtsc());
    spin_unlock(&c->lock);
    return v;
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

/* Why it has left decides where it is until its next turn.  With the lock. */
static void put_back(struct cpu_share *c, struct vcpu *v)
{
    const u64 now = v->left;

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

/* SCHED_NEVER: v should not go there. */
static u64 load_of(u32 cpu, const struct vcpu *v)
{
    struct cpu_share *c = &cpu_share[cpu];
    u64 load;

    spin_lock(&c->lock);
    load = c->pinned ? SCHED_NEVER : sched_load(&c->queue, v->sched.priority);
    spin_unlock(&c->lock);
    return load;
}

/* For v, which has used its turn while others wait: one that sleeps, or else the one on which it
 * would have the least beside it, if that is less than here. */
static u32 better_cpu_for(const struct cpu_share *c, const struct vcpu *v)
{
    u64 least = READ_ONCE(c->queue.waiting);
    u32 best = CPUS_MAX;

    for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
        u64 load;

        if (cpu == v->cpu || !cpu_public[cpu].online || !may_run_on(v, cpu))
            continue;
        if (is_idle(cpu))
            return cpu;
        load = load_of(cpu, v);
        if (load < least)
            least = load, best = cpu;
    }
    return best;
}

static void go_to(struct cpu_share *c, struct vcpu *v, u32 cpu)
{
    spin_lock(&c->lock);
    c->pinned -= v->pinned;
    sched_remove(&c->queue, &v->sched, rdtsc());
    v->cpu = CPU_NONE;
    spin_unlock(&c->lock);
    vcpu_unload(v);
    vcpu_attach_again(v, cpu);
}

/* A turn is over and somebody else waits for his: one that is not pinned goes where fewer compute.
 */
static void give_away(struct cpu_share *c, struct vcpu *v)
{
    const u32 cpu = v->pinned || !READ_ONCE(c->queue.ready) ? CPUS_MAX : better_cpu_for(c, v);

    if (cpu != CPUS_MAX)
        go_to(c, v, cpu);
}

/* ------------------------------------------------------------ the loop */

static const struct cpu_duties *duties;

/* Nothing is to be done between its turn and the next one's.  cut: its turn has ended for somebody
 * who was to run soon: it has not used it, and need not go elsewhere. */
static bool only_turns(const struct cpu_share *c, const struct vcpu *v, bool cut)
{
    if (READ_ONCE(c->todo) || v->left >= duties->due())
        return false;
    return BIT(v->leave) & (BIT(LEAVE_ASLEEP) | BIT(LEAVE_YIELD) | BIT(LEAVE_WAITS) |
                            (cut ? BIT(LEAVE_TURN_OVER) : 0));
}

static NOINLINE void look_at_lifetime(struct vcpu *v, u64 now)
{
    boundary_runs(v, now);
    v->turn_ends = MIN(v->turn_ends, v->vm->dies_at);
    if (now >= v->vm->dies_at)
        vm_end(v->vm, VM_END_EXPIRED, 0);
}

static void take_up(struct cpu_share *c, struct vcpu *v)
{
    vcpu_load(v);

    const u64 now = rdtsc();

    v->turn_ends = c->due;
    if (unlikely(v->vm->dies_at != ~0ull))
        look_at_lifetime(v, now);
    cpu_limit_turn(v->turn_ends, now);
    c->turn_began = now - c->slept; /* what it sleeps in the turn does not count */
}

static struct vcpu *next_turn(struct vcpu *v)
{
    struct cpu_share *c = this_cpu_share();
    const bool cut = c->soon;
    struct vcpu *next = NULL;

    c->busy += v->left - c->slept - c->turn_began;
    spin_lock(&c->lock);
    put_back(c, v);
    if (likely(only_turns(c, v, cut)))
        next = pick(c, v->left);
    spin_unlock(&c->lock);
    if (next)
        take_up(c, next);
    return next;
}

/* What else follows from why it has left. */
static void settle(struct cpu_share *c, struct vcpu *v)
{
    switch (v->leave) {
    case LEAVE_TURN_OVER: give_away(c, v); break;
    case LEAVE_MOVES: go_to(c, v, atomic_xchg(&v->away.move_to, 0) - 1); break;
    case LEAVE_ENDED:
        vcpu_unload(v);
        duties->ended(v);
        break;
    default: break;
    }
}

static void take_turns(struct cpu_share *c, struct vcpu *v)
{
    take_up(c, v);
    v = vcpu_run(v, next_turn);
    cpu_limit_turn(SCHED_NEVER, v->left);
    settle(c, v);
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
        cpu_sleep(&nothing, MIN(c->due, due));
}

void cpu_loop(const struct cpu_duties *of_all)
{
    struct cpu_share *c = this_cpu_share();

    duties = of_all;
    c->began = rdtsc();
    for (;;) {
        struct vcpu *v;

        duties->between(atomic_xchg(&c->todo, 0));
        v = choose(c);
        if (v)
            take_turns(c, v);
        else
            idle(duties->due());
    }
}
