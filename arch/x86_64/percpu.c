/* Per-CPU data and stacks, static: a CPU works before anything can be allocated. */
#include "arch/x86_64/percpu.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/msr.h"

struct cpu_public cpu_public[CPUS_MAX];
struct cpu_stacks cpu_stacks[CPUS_MAX];

/* Not in the header: C code reaches its own through GS only; start.asm needs the name. */
extern struct cpu cpus[CPUS_MAX];
struct cpu cpus[CPUS_MAX];

void percpu_init(u32 id)
{
    struct cpu *const c = &cpus[id];
    u64 ist_top[IST_END] = {0};

    for (unsigned i = IST_NONE + 1; i < IST_END; i++)
        ist_top[i] = (u64)(cpu_stacks[id].ist[i - 1].stack + IST_STACK_SIZE);

    /* Zeroed, but for a CPU that has taken the number of one that was left out. */
    *c = (struct cpu){.self = c, .id = id};
    seg_init(&c->tables, ist_top);
    wrmsr(MSR_GS_BASE, (u64)c); /* after seg_init(): loading a null GS clears the base */
}

static bool within(u64 va, u64 len, const u8 *start, u64 size)
{
    const u64 base = (u64)start;

    return va >= base && len <= size && va - base <= size - len;
}

bool percpu_on_stack(u64 va, u64 len)
{
    const struct cpu_stacks *const s = &cpu_stacks[this_cpu()->id];

    for (unsigned i = 0; i < IST_COUNT; i++)
        if (within(va, len, s->ist[i].stack, IST_STACK_SIZE))
            return true;
    return within(va, len, s->main, CPU_STACK_SIZE);
}
