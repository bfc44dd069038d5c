/* See placement.h. */
#include "vmm/placement.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/smp.h"
#include "vmm/cpu_share.h"
#include "vmm/vm.h"

/* Among the allowed ones; with_owner: also those that a pinned vCPU has for itself. */
static u32 least_used(u64 allowed, bool with_owner)
{
    u32 best = CPU_NONE;

    for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
        const struct cpu_share *c = &cpu_share[cpu];

        if ((allowed >> cpu & 1) && (with_owner || c->pinned == 0) &&
            (best == CPU_NONE || c->queue.count <= cpu_share[best].queue.count))
            best = cpu;
    }
    return best;
}

static u32 find(u64 allowed)
{
    const u32 cpu = least_used(allowed, false);

    return cpu != CPU_NONE ? cpu : least_used(allowed, true);
}

u32 placement(const struct vcpu *v)
{
    const char *name = v->vm->config->name;
    u32 cpu = find(v->cpus);

    if (cpu == CPU_NONE) {
        log_warning("guest %s: there is none of the CPUs that `cpu` names; it gets others", name);
        cpu = find(~0ull);
    }
    if (v->pinned && cpu_share[cpu].queue.count)
        log_warning("guest %s: no CPU is left for vCPU %u alone; it shares CPU %u", name, v->id,
                    cpu);
    return cpu;
}
