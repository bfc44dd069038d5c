/* What it costs a guest that the control partition answers: from RDTSC to RDTSC around the access,
 * by its test device (abi/scratch.h). */
#include "abi/scratch.h"
#include "guest_tests/rt/bench.h"

#define SAMPLES 400u

static u32 sample[SAMPLES];

#define BENCH(name, ...) BENCH_EACH(name, sample, SAMPLES, __VA_ARGS__)

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
