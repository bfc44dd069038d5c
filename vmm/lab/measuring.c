/* The record, the counter and the histogram of an exit, without an exit. */
#include "vmm/lab/measuring.h"
#include "arch/x86_64/insn.h"
#include "vmm/measure.h"
#include "vmm/vm.h"

static inline void fence(void)
{
    __asm__ volatile("lfence" : : : "memory");
}

static void measure(struct lab *lab, struct vcpu *v, u64 reason)
{
    static const struct lab_row row = {
        "per-exit", "measuring",
        "all that Lintel does to measure an exit: the trace record, the counter, the histogram, "
        "and the RDTSC before the entry"};
    struct exit x = {0};

    for (u32 i = 0; i < LAB_SERIES; i++) {
        const u64 start = rdtsc();
        struct trace_record *record;

        fence();
        x.tsc = start;
        record = measure_exit(v, &x, reason);
        measure_entry(v, record, &x, reason);
        fence();
        lab->sample[i] = rdtsc() - start;
    }
    lab_report_series(lab, &row);
}

static void measure_nothing(struct lab *lab)
{
    static const struct lab_row row = {"stamps", "measuring", "nothing: the stamps of per-exit"};

    for (u32 i = 0; i < LAB_SERIES; i++) {
        const u64 start = rdtsc();

        fence();
        fence();
        lab->sample[i] = rdtsc() - start;
    }
    lab_report_series(lab, &row);
}

void lab_measuring(struct lab *lab, struct vm *vm)
{
    static const volatile u32 reason = EXIT_CPUID; /* known at run time, as after an exit */

    measure_nothing(lab);
    measure(lab, vm->vcpu[0], reason);
}
