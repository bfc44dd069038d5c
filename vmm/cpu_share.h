/* What the physical CPUs know of each other: who belongs to which, and whose turn it is.
 *
 * A vCPU belongs to one CPU at a time (v->cpu), which alone runs it, loads its state and changes
 * where it belongs.  Others tell it something by a bit in v->todo (vmm/wake.h). Lock order: a VM's
 * board -> the queue of one CPU -> the frames -> the log. */
#pragma once
#include "arch/x86_64/percpu.h"
#include "arch/x86_64/spinlock.h"
#include "vmm/sched.h"
#include "vmm/vcpu.h"

enum cpu_todo {
    CPU_CONSOLE = 1, /* the boot CPU: a guest has something to show */
    CPU_CONTROL = 2, /* the boot CPU: a guest has ended, or is to be started or stopped */
};

/* What other CPUs may look at and change. */
struct cpu_share {
    struct spinlock lock; /* of the next two */
    struct sched_queue queue;
    u32 pinned;           /* vCPUs that own this CPU */
    struct vcpu *soon;    /* its own: wants to run when the running one leaves; NULL: nobody */
    u32 called;           /* the control partition runs here, in the turn of `running`; atomic */
    struct vcpu *running; /* its turn: in the guest, or in Lintel on its behalf */
    u64 todo;             /* enum cpu_todo; atomic */
    u32 asleep;           /* in HLT, or about to: an interrupt wakes it, not an NMI */
    u64 began;            /* TSC when it began to run guests */
    u64 busy;             /* ticks since then in which guests had it, as of the last turn's end */
    u64 slept;            /* ticks in cpu_sleep() */
    u64 turn_began;       /* its own: TSC, less `slept` then */
    u64 due;              /* its own: TSC by which somebody else may have to run */
    const struct trace_ring *trace; /* its own to write; NULL: there is no such CPU */
} __attribute__((aligned(512)));    /* a power of two: the index is a shift */

extern struct cpu_share cpu_share[CPUS_MAX];

static inline struct cpu_share *this_cpu_share(void)
{
    return &cpu_share[this_cpu()->id];
}

/* Before the first vCPU. */
void cpu_share_init(u64 slice_ticks);

/* Something to do for a CPU, enum cpu_todo; it is woken or interrupted. */
void cpu_ask(u32 cpu, u64 what);
/* A CPU that is in a guest leaves it; one that is in Lintel, with an entry ahead, comes out of the
 * guest at once (vmx_expire_timer()); one that sleeps wakes up. */
void cpu_interrupt(u32 cpu);

/* An interrupt takes the running vCPU out of its guest soon after that TSC value, whatever it does;
 * SCHED_NEVER: none does. */
void cpu_limit_turn(u64 ends, u64 now);

/* A vCPU that waits may do it where it is: nobody else wants this CPU. */
bool cpu_may_sleep(const struct vcpu *v);
/* Sleeps until an interrupt, at the latest at the TSC value `until`, unless `*word` or this CPU's
 * own todo is not 0. */
void cpu_sleep(const u64 *word, u64 until);
