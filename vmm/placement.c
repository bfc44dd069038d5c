/* See placement.h. */
#include "vmm/placement.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/smp.h"
#include "vmm/cpu_share.h"
#include "vmm/vm.h"

static u32 least_used(u64 allowed)
{
    u32 best = CPU_NONE;

    for (u32 cpu = 0; cpu < cpu_count(); cpu++)
        if (cpu_public[cpu].online && (allowed >> cpu & 1) &&
            (best == CPU_NONE || cpu_share[cpu].queue.count <= cpu_share[best].queue.count))
            best = cpu;
    return best;
}

u32 placement(const struct vcpu *v)
{
    const u32 cpu = least_used(v->cpus);

    if (cpu != CPU_NONE)
        return cpu;
    log_warning("guest %s: none of the CPUs that `cpu` names runs; it gets others",
                v->vm->config->name);
    return least_used(~0ull);
}
