/* What it costs a guest that the control partition answers: from RDTSC to RDTSC around the access,
 * by its test device (abi/scratch.h). */
#include "abi/scratch.h"
#include "guest_tests/rt/guest.h"

#define SAMPLES 400u

static u32 sample[SAMPLES];

static void sort(u32 count)
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

static void report(const char *name)
{
    sort(SAMPLES);
    say("BENCH %s min=%u median=%u max=%u\n", name, sample[0], sample[SAMPLES / 2],
        sample[SAMPLES - 1]);
}

#define BENCH(name, ...)                                                                           \
    do {                                                                                           \
        for (u32 i_ = 0; i_ < SAMPLES; i_++) {                                                     \
            const u64 start_ = rdtsc();                                                            \
            __VA_ARGS__;                                                                           \
            sample[i_] = (u32)(rdtsc() - start_);                                                  \
        }                                                                                          \
        report(name);                                                                              \
    } while (0)

GUEST_TEST(accesses)
{
    volatile u32 *const page = (volatile u32 *)SCRATCH_PAGE;

    EXPECT_EQ(inl(SCRATCH_PORTS + SCRATCH_ID), SCRATCH_IDENT);
    BENCH("forward-in", (void)inl(SCRATCH_PORTS + SCRATCH_ID));
    BENCH("forward-out", outl(SCRATCH_PORTS, 1));
    BENCH("forward-load", (void)page[SCRATCH_ID / 4]);
    BENCH("forward-store", page[0] = 1);
    BENCH("doorbell-port", outl(SCRATCH_PORTS + SCRATCH_BELL, 1));
    BENCH("doorbell-memory", page[SCRATCH_BELL / 4] = 1);
    EXPECT_EQ(page[SCRATCH_ID / 4], SCRATCH_IDENT);
}
