/* vmm/hc_stats.c: what the control partition sees of exits, of CPUs and of their trace rings. */
#include "tools/unit/fake_control.h"
#include "vmm/audit.h"
#include "vmm/cpu_share.h"
#include "vmm/hostmem.h"

#define END    (CONTROL_BASE + CONTROL_BYTES)
#define BEHIND (1ull << 32) /* a number whose lower half is good */

static struct pmm frames;
static const struct vm *audited[4];
static u32 audits;

const struct pmm *hostmem(void)
{
    return &frames;
}

void audit(const struct vm *of)
{
    assert_true(audits < ARRAY_LEN(audited));
    audited[audits++] = of;
}

static int world_new(void **state)
{
    (void)both_new(state);
    memset(cpu_share, 0, sizeof(cpu_share[0]) * CPUS_MAX);
    memset(&ring, 0, sizeof(ring));
    exit_stats_reset(v->stats);
    cpu_share[0].trace = &ring;
    v->cpu = 0;
    audits = 0;
    return 0;
}

static void exits(u32 reason, u64 ticks)
{
    struct exit_stat *s = &v->stats->reason[reason];

    s->count++;
    s->sum += ticks;
    s->min = MIN(s->min, ticks);
    s->max = MAX(s->max, ticks);
    hist_add(&s->hist, ticks);
}

static void test_vcpu_stats(void **state)
{
    const struct abi_vcpu_stats *s = control_ram(SCRAP);

    (void)state;
    for (u64 i = 1; i <= 100; i++)
        exits(EXIT_IO, i == 100 ? 1000 : 8);
    exits(EXIT_CPUID, 300);
    v->stats->start = 500;
    v->stats->waiting = 70;
    v->stats->stolen = 20;
    v->stats->injected = 4;
    v->msr_refused = 5;
    vm.board.refused = 6;
    v->left = 9000;
    fake_cpu.tsc = 10500;
    memset(control_ram(SCRAP), 0x55, sizeof(*s));
    assert_int_equal(call(HC_vcpu_stats, PARTITION, 0, SCRAP, 0), ABI_OK);
    assert_int_equal(s->now, 10500);
    assert_int_equal(s->start, 500);
    assert_int_equal(s->ticks, 10000);
    assert_int_equal(s->lintel, 99 * 8 + 1000 + 300);
    assert_int_equal(s->asleep, 70);
    assert_int_equal(s->waiting, 20);
    assert_int_equal(s->away_since, 9000);
    assert_int_equal(s->injected, 4);
    assert_int_equal(s->msrs_refused, 5);
    assert_int_equal(s->ports_refused, 6);
    assert_int_equal(s->cpu, 0);
    assert_int_equal(s->sleeps, 0);
    assert_memory_equal(&s->exit[EXIT_IO],
                        &((struct abi_exit_stats){100, 99 * 8 + 1000, 8, 8, 8, 1000}),
                        sizeof(s->exit[0]));
    assert_memory_equal(&s->exit[EXIT_CPUID],
                        &((struct abi_exit_stats){1, 300, 300, 300, 300, 300}), sizeof(s->exit[0]));
    assert_memory_equal(&s->exit[EXIT_HLT], &((struct abi_exit_stats){0}), sizeof(s->exit[0]));
    v->asleep = true;
    cpu_share[0].running = v;
    assert_int_equal(call(HC_vcpu_stats, PARTITION, 0, SCRAP, 0), ABI_OK);
    assert_int_equal(s->away_since, 0);
    assert_int_equal(s->sleeps, 1);
    v->cpu = CPU_NONE;
    assert_int_equal(call(HC_vcpu_stats, PARTITION, 0, SCRAP, 0), ABI_OK);
    assert_int_equal(s->cpu, CPU_NONE);
}

static void test_nobodys_stats(void **state)
{
    (void)state;
    assert_int_equal(call(HC_vcpu_stats, PARTITION, 1, SCRAP, 0), ABI_EINVAL);
    assert_int_equal(call(HC_vcpu_stats, PARTITION, BEHIND, SCRAP, 0), ABI_EINVAL);
    assert_int_equal(call(HC_vcpu_stats, NOBODY, 0, SCRAP, 0), ABI_ENOENT);
    assert_int_equal(call(HC_vcpu_stats, 0, 0, SCRAP, 0), ABI_ENOENT);
    assert_int_equal(call(HC_vcpu_stats, BEHIND | PARTITION, 0, SCRAP, 0), ABI_ENOENT);
    assert_int_equal(call(HC_vcpu_stats, PARTITION, 0, END - 8, 0), ABI_EFAULT);
    assert_int_equal(call(HC_vcpu_stats, PARTITION, 0, ~0ull, 0), ABI_EFAULT);
    assert_int_equal(call(HC_vcpu_stats, PARTITION, 0, 0, 0), ABI_EFAULT);
    assert_int_equal(call(HC_vcpu_stats, PARTITION, 0, SCRAP, 0), ABI_OK); /* the lock is free */
}

static void test_cpu_stats(void **state)
{
    const struct abi_cpu_stats *s = control_ram(SCRAP);

    (void)state;
    cpu_share[0].began = 100;
    cpu_share[0].busy = 250;
    cpu_share[0].queue.count = 3;
    ring.written = 12345;
    fake_cpu.tsc = 1100;
    assert_int_equal(call(HC_cpu_stats, 0, SCRAP, 0, 0), ABI_OK);
    assert_memory_equal(s, &((struct abi_cpu_stats){1100, 100, 250, 12345, 3, 0}), sizeof(*s));
    assert_int_equal(call(HC_cpu_stats, 1, SCRAP, 0, 0), ABI_EINVAL);
    assert_int_equal(call(HC_cpu_stats, CPUS_MAX, SCRAP, 0, 0), ABI_EINVAL);
    assert_int_equal(call(HC_cpu_stats, BEHIND, SCRAP, 0, 0), ABI_EINVAL);
    assert_int_equal(call(HC_cpu_stats, ~0ull, SCRAP, 0, 0), ABI_EINVAL);
    assert_int_equal(call(HC_cpu_stats, 0, END - sizeof(*s) + 1, 0, 0), ABI_EFAULT);
    assert_int_equal(call(HC_cpu_stats, 0, ~0ull, 0, 0), ABI_EFAULT);
}

static void test_trace(void **state)
{
    const struct trace_record *at = control_ram(SCRAP);

    (void)state;
    assert_int_equal(call(HC_trace_read, 0, 0, SCRAP, 1), ABI_ENOENT); /* it is empty */
    for (u32 i = 0; i < TRACE_RECORDS; i++)
        ring.record[i].tsc = 1000 + i;
    ring.written = 100;
    assert_int_equal(call(HC_trace_read, 0, 0, SCRAP, ABI_TRACE_MAX), ABI_TRACE_MAX);
    assert_int_equal(at[ABI_TRACE_MAX - 1].tsc, 1000 + ABI_TRACE_MAX - 1);
    assert_int_equal(call(HC_trace_read, 0, 98, SCRAP, ABI_TRACE_MAX), 2);
    assert_int_equal(at[1].tsc, 1099);
    assert_int_equal(at[2].tsc, 1002); /* as it was */
    assert_int_equal(call(HC_trace_read, 0, 100, SCRAP, 1), ABI_ENOENT);
    assert_int_equal(call(HC_trace_read, 0, 5, SCRAP, 0), 0);

    ring.written = 3 * TRACE_RECORDS + 10;
    assert_int_equal(call(HC_trace_read, 0, 3 * TRACE_RECORDS - 1, SCRAP, 8), 1); /* its end */
    assert_int_equal(at[0].tsc, 1000 + TRACE_RECORDS - 1);
    assert_int_equal(call(HC_trace_read, 0, 3 * TRACE_RECORDS, SCRAP, ABI_TRACE_MAX), 10);
    assert_int_equal(call(HC_trace_read, 0, 2 * TRACE_RECORDS + 11, SCRAP, 1), 1);
    assert_int_equal(at[0].tsc, 1011);
    assert_int_equal(call(HC_trace_read, 0, 2 * TRACE_RECORDS + 10, SCRAP, 1), ABI_ENOENT);
    assert_int_equal(call(HC_trace_read, 0, 0, SCRAP, 1), ABI_ENOENT);
    assert_int_equal(call(HC_trace_read, 0, ~0ull, SCRAP, 1), ABI_ENOENT);
}

static void test_wrong_trace(void **state)
{
    (void)state;
    ring.written = 100;
    assert_int_equal(call(HC_trace_read, 1, 0, SCRAP, 1), ABI_EINVAL);
    assert_int_equal(call(HC_trace_read, CPUS_MAX, 0, SCRAP, 1), ABI_EINVAL);
    assert_int_equal(call(HC_trace_read, BEHIND, 0, SCRAP, 1), ABI_EINVAL);
    assert_int_equal(call(HC_trace_read, 0, 0, SCRAP, ABI_TRACE_MAX + 1), ABI_EINVAL);
    assert_int_equal(call(HC_trace_read, 0, 0, SCRAP, ~0ull), ABI_EINVAL);
    assert_int_equal(call(HC_trace_read, 0, 0, END - 32, 2), ABI_EFAULT);
    assert_int_equal(call(HC_trace_read, 0, 0, ~0ull, 1), ABI_EFAULT);
}

static void test_audit(void **state)
{
    (void)state;
    frames.free_frames = 1000;
    assert_int_equal(call(HC_audit, 0, 0, 0, 0), 4000);
    assert_int_equal(audits, 2);
    assert_null(audited[0]); /* Lintel's own */
    assert_ptr_equal(audited[1], &vm);
    audits = 0;
    partition_remove(&vm);
    assert_int_equal(call(HC_audit, 0, 0, 0, 0), 4000);
    assert_int_equal(audits, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_vcpu_stats, world_new),
        cmocka_unit_test_setup(test_nobodys_stats, world_new),
        cmocka_unit_test_setup(test_cpu_stats, world_new),
        cmocka_unit_test_setup(test_trace, world_new),
        cmocka_unit_test_setup(test_wrong_trace, world_new),
        cmocka_unit_test_setup(test_audit, world_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
