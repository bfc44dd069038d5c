/* What a guest's virtual CPUs have done together. */
#include "lib/mem.h"
#include "vmm/vm.h"

void vm_exit_counts(const struct vm *vm, u64 counts[EXIT_REASONS])
{
    memset(counts, 0, EXIT_REASONS * sizeof(counts[0]));
    for (u32 i = 0; i < vm->vcpus; i++)
        for (u32 reason = 0; reason < EXIT_REASONS; reason++)
            counts[reason] += vm->vcpu[i]->stats->reason[reason].count;
}

u64 vm_exits(const struct vm *vm)
{
    u64 count = 0;

    for (u32 i = 0; i < vm->vcpus; i++)
        count += exit_stats_count(vm->vcpu[i]->stats);
    return count;
}

struct exit_times vm_times(const struct vm *vm, u64 now)
{
    struct exit_times t = {0};

    for (u32 i = 0; i < vm->vcpus; i++) {
        const struct exit_times one = exit_stats_times(vm->vcpu[i]->stats, now);

        t.total += one.total;
        t.lintel += one.lintel;
        t.waiting += one.waiting;
        t.stolen += one.stolen;
    }
    return t;
}
