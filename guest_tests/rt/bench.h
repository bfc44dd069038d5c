/* What something costs, in TSC ticks: samples, and the line that tools/laboratory reads. */
#pragma once
#include "guest_tests/rt/guest.h"

static inline void bench_sort(u32 *sample, u32 count)
{
    for (u32 gap = count / 2; gap > 0; gap /= 2)
        for (u32 i = gap; i < count; i++) {
            const u32 value = sample[i];
            u32 j = i;

            for (; j >= gap && sample[j - gap] > value; j -= gap)
                sample[j] = sample[j - gap];
            sample[j] = value;
        }
}

/* Sorts the samples. */
static inline void bench_report(const char *name, u32 *sample, u32 count)
{
    bench_sort(sample, count);
    say("BENCH %s min=%u median=%u max=%u\n", name, sample[0], sample[count / 2],
        sample[count - 1]);
}

/* From RDTSC to RDTSC around the statement, `count` times. */
#define BENCH_EACH(name, sample, count, ...)                                                       \
    do {                                                                                           \
        for (u32 i_ = 0; i_ < (count); i_++) {                                                     \
            const u64 start_ = rdtsc();                                                            \
            __VA_ARGS__;                                                                           \
            (sample)[i_] = (u32)(rdtsc() - start_);                                                \
        }                                                                                          \
        bench_report(name, sample, count);                                                         \
    } while (0)
