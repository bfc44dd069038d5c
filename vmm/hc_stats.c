/* The hypercalls by which the control partition sees what is counted and traced anyway, and has the
 * page tables looked through. */
#include "arch/x86_64/insn.h"
#include "lib/atomic.h"
#include "vmm/audit.h"
#include "vmm/cpu_share.h"
#include "vmm/gmem.h"
#include "vmm/hostmem.h"
#include "vmm/hypercall.h"
#include "vmm/partition.h"

_Static_assert(ABI_EXITS == EXIT_REASONS, "one numbering");

static struct abi_exit_stats exits_of(const struct exit_stat *r)
{
    if (r->count == 0)
        return (struct abi_exit_stats){0};
    return (struct abi_exit_stats){.count = r->count,
                                   .sum = r->sum,
                                   .min = r->min,
                                   .median = exit_stat_quantile(r, 500),
                                   .p99 = exit_stat_quantile(r, 990),
                                   .max = r->max};
}

static void describe(const struct vcpu *v, struct abi_vcpu_stats *s)
{
    const u64 now = rdtsc();
    const struct exit_times t = exit_stats_times(v->stats, now);
    const u32 cpu = READ_ONCE(v->cpu);

    s->now = now;
    s->start = v->stats->start;
    s->ticks = t.total;
    s->lintel = t.lintel;
    s->asleep = t.waiting;
    s->waiting = t.stolen;
    s->away_since =
        cpu == CPU_NONE || READ_ONCE(cpu_share[cpu].running) == v ? 0 : READ_ONCE(v->left);
    s->injected = v->stats->injected;
    s->msrs_refused = v->msr_refused;
    s->ports_refused = v->vm->board.refused;
    s->cpu = cpu;
    s->sleeps = READ_ONCE(v->asleep);
    for (u32 i = 0; i < EXIT_REASONS; i++)
        s->exit[i] = exits_of(&v->stats->reason[i]);
}

i64 hc_vcpu_stats(struct vcpu *v, const struct hc_args *args)
{
    static struct abi_vcpu_stats s; /* too large for the stack; the partitions' lock is its, too */
    u32 life;
    const struct vm *vm = partition_lock(args->a[0], &life);
    i64 result = ABI_EINVAL;

    if (!vm)
        return ABI_ENOENT;
    if (args->a[1] < vm->vcpus) {
        describe(vm->vcpu[args->a[1]], &s);
        result = gmem_write(v->vm, (gpa_t){args->a[2]}, &s, sizeof(s)) == OK ? ABI_OK : ABI_EFAULT;
    }
    partition_unlock();
    return result;
}

/* NULL: there is no such CPU. */
static const struct trace_ring *ring_of(u64 cpu)
{
    return cpu < CPUS_MAX ? load_acquire(&cpu_share[cpu].trace) : NULL;
}

i64 hc_cpu_stats(struct vcpu *v, const struct hc_args *args)
{
    const struct trace_ring *ring = ring_of(args->a[0]);
    struct abi_cpu_stats s = {.now = rdtsc()};

    if (!ring)
        return ABI_EINVAL;

    const struct cpu_share *c = &cpu_share[args->a[0]];

    s.began = READ_ONCE(c->began);
    s.busy = READ_ONCE(c->busy);
    s.traced = READ_ONCE(ring->written);
    s.vcpus = READ_ONCE(c->queue.count);
    return gmem_write(v->vm, (gpa_t){args->a[1]}, &s, sizeof(s)) == OK ? ABI_OK : ABI_EFAULT;
}

/* Less than a ring's length back, since record `written` is what its CPU may be writing there. */
static bool is_kept(const struct trace_ring *ring, u64 position)
{
    return load_acquire(&ring->written) - position < TRACE_RECORDS;
}

i64 hc_trace_read(struct vcpu *v, const struct hc_args *args)
{
    const struct trace_ring *ring = ring_of(args->a[0]);
    const u64 position = args->a[1], index = position % TRACE_RECORDS;
    u64 count = args->a[3], written;

    if (!ring || count > ABI_TRACE_MAX)
        return ABI_EINVAL;
    written = READ_ONCE(ring->written);
    if (position >= written)
        return ABI_ENOENT;
    count = MIN(MIN(count, written - position), TRACE_RECORDS - index);
    if (gmem_write(v->vm, (gpa_t){args->a[2]}, &ring->record[index],
                   count * sizeof(ring->record[0])) != OK)
        return ABI_EFAULT;
    return is_kept(ring, position) ? (i64)count : ABI_ENOENT; /* not overwritten meanwhile */
}

i64 hc_audit(struct vcpu *v, const struct hc_args *args)
{
    u32 life;

    (void)v, (void)args;
    audit(NULL);
    for (u64 n = 1; n < PARTITIONS; n++) {
        const struct vm *vm = partition_lock(n, &life);

        if (!vm)
            continue;
        audit(vm);
        partition_unlock();
    }
    return (i64)(READ_ONCE(hostmem()->free_frames) * (PAGE_SIZE / KiB));
}
