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
    void *vmm;        /* vmm/'s private per-CPU block; arch never looks inside */
    struct cpu_tables tables; /* GDT, TSS, IST stacks' tops */
} __attribute__((aligned(64)));

extern struct cpu_public cpu_public[CPUS_MAX];

static inline struct cpu *this_cpu(void)
{
    struct cpu *c;

    __asm__("mov %%gs:0, %0" : "=r"(c));
    return c;
}
