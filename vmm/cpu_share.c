/* See cpu_share.h. */
#include "vmm/cpu_share.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/insn.h"
#include "lib/atomic.h"
#include "vmm/vm.h"

struct cpu_share cpu_share[CPUS_MAX];

void cpu_share_init(u64 slice_ticks)
{
    for (u32 i = 0; i < CPUS_MAX; i++)
        sched_queue_init(&cpu_share[i].queue, slice_ticks, rdtsc());
}

void cpu_interrupt(u32 cpu)
{
    if (cpu == this_cpu()->id)
        return;
    if (load_acquire(&cpu_share[cpu].asleep))
        apic_send_ipi(cpu, APIC_VECTOR_KICK);
    else
        apic_send_nmi(cpu);
}

void cpu_ask(u32 cpu, u64 what)
{
    struct cpu_share *c = &cpu_share[cpu];

    if ((atomic_or(&c->todo, what) & what) == what)
        return; /* it was told */
    spin_lock(&c->lock);
    if (c->running)
        (void)atomic_or(&c->running->todo, (u64)TODO_RESCHED);
    spin_unlock(&c->lock);
    cpu_interrupt(cpu);
}

/* The preemption timer counts the guest's time alone: a guest that exits all the time would keep
 * the CPU far too long.  In all other cases it comes first. */
#define TURN_GRACE 2000u /* ticks */

void cpu_limit_turn(u64 ends, u64 now)
{
    if (ends < SCHED_NEVER - TURN_GRACE)
        apic_timer_set(ends + TURN_GRACE, now);
    else
        apic_timer_stop();
}

bool cpu_may_sleep(const struct vcpu *v)
{
    const struct cpu_share *c = this_cpu_share();

    /* What it sleeps is not to be charged to its budget, and it may die meanwhile. */
    if (v->sched.budget || v->vm->dies_at != ~0ull)
        return false;
    return sched_alone(&c->queue, &v->sched) && !READ_ONCE(c->todo);
}

void cpu_sleep(const u64 *word, u64 until)
{
    struct cpu_share *c = this_cpu_share();

    (void)atomic_xchg(&c->asleep,
                      1); /* before the looks: who writes after them sends an interrupt */
    if (!READ_ONCE(*word) && !READ_ONCE(c->todo)) {
        const u64 from = rdtsc();

        apic_wait_until(until);
        c->slept += rdtsc() - from;
    }
    store_release(&c->asleep, 0);
    if (c->running)
        cpu_limit_turn(c->running->turn_ends, rdtsc());
}
