/* Per-CPU data.  `struct cpu` is private: it is reached through GS only, so no code can
 * name another CPU's.  `struct cpu_public` is what others may see and poke. */
#pragma once
#include "arch/x86_64/seg.h"
#include "lib/types.h"

#define CPUS_MAX 64u

struct cpu_public {
    u32 apic_id;
    bool online;
} __attribute__((aligned(64)));

struct cpu {
    struct cpu *self; /* offset 0: mov %gs:0 */
    u32 id;           /* index in cpu_public[] */
    u32 panicking;
    u64 nmi_count;
    u64 irq_count;
    void *vmm;                /* vmm/'s private per-CPU block; arch never looks inside */
    struct cpu_tables tables; /* GDT, TSS, IST stacks' tops */
} __attribute__((aligned(64)));

extern struct cpu_public cpu_public[CPUS_MAX];

/* The stacks of one CPU, each with a page below it that paging leaves out: an overflow faults
 * instead of running into a neighbour. */
#define CPU_STACK_SIZE (16 * KiB)
#define IST_STACK_SIZE (8 * KiB)

struct ist_stack {
    u8 guard[PAGE_SIZE];
    u8 stack[IST_STACK_SIZE];
};

struct cpu_stacks {
    struct ist_stack ist[IST_COUNT]; /* [i - 1] for enum ist i */
    u8 guard[PAGE_SIZE];
    u8 main[CPU_STACK_SIZE];
} __attribute__((aligned(4096)));

extern struct cpu_stacks cpu_stacks[CPUS_MAX];

/* Makes this CPU number `id`: GS base, GDT, TSS, IST stacks.  The boot CPU is 0 and may call
 * this_cpu() before, from the first C line on. */
void percpu_init(u32 id);
/* True if [va, va + len) lies in one stack of this CPU. */
bool percpu_on_stack(u64 va, u64 len);

static inline struct cpu *this_cpu(void)
{
    struct cpu *c;

    __asm__("mov %%gs:0, %0" : "=r"(c));
    return c;
}
