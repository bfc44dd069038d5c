/* A guest that kills the control partition: kills=N times within about ticks=N, in three ways, at
 * pseudo-random moments (seed=N), by commands of its test device (abi/scratch.h); start=N: ticks
 * before the first; loops=1: by endless loops alone.  After each it asks the device, which has to
 * answer from the next life, and says how long that took.  late=N: ticks at most, of the longest.
 * For a guest with `served = devices`. */
#include "abi/scratch.h"
#include "guest_tests/rt/cmdline.h"
#include "guest_tests/rt/nap.h"

#define SMASH_WORDS 20u
#define SPIN_EACH   4u /* a watchdog takes half a second: one of so many */

static const struct {
    const char *name;
    u32 command;
} ways[] = {
    {"null call", SCRATCH_DO_crash},
    {"smashed stack", SMASH_WORDS << 8 | SCRATCH_DO_smash},
    {"endless loop", SCRATCH_DO_spin},
};

static u32 count[ARRAY_LEN(ways)];
static u64 slowest;

static u16 port(u32 offset)
{
    return (u16)(SCRATCH_PORTS + offset);
}

static void sleep_until(u64 tsc)
{
    while (rdtsc() < tsc)
        nap(tsc);
}

/* The device answers, and it is the next life's. */
static bool is_back(u32 life)
{
    return inl(port(SCRATCH_ID)) == SCRATCH_IDENT && inl(port(SCRATCH_LIFE)) == life;
}

static bool kill(u32 number, u32 way)
{
    const u32 life = inl(port(SCRATCH_LIFE));
    const u64 begin = rdtsc();
    u64 took;

    outl(port(SCRATCH_COMMAND), ways[way].command);
    if (!EXPECT_TRUE(is_back(life + 1)))
        return false;
    took = rdtsc() - begin;
    slowest = MAX(slowest, took);
    count[way]++;
    say("# %u: %s: back after %llu ticks\n", number, ways[way].name, (unsigned long long)took);
    return true;
}

GUEST_TEST(kills)
{
    const u64 kills = cmdline_number("kills=", 3), ticks = cmdline_number("ticks=", 150000000);
    const u64 each = ticks / MAX(kills, 1ull);
    const bool loops = cmdline_number("loops=", 0) != 0;
    bool good = true;
    u64 next;

    random_seed(cmdline_number("seed=", 1));
    lapic_fresh();
    nap_init();
    next = rdtsc() + cmdline_number("start=", 0);
    for (u32 i = 0; i < kills && good; i++, next += each) {
        const u64 r = random_u64();
        const u32 way = i % SPIN_EACH == SPIN_EACH - 1 || loops ? 2 : (u32)(r & 1);

        sleep_until(next + (r >> 8) % (each / 2)); /* others have time to go on, too */
        good = kill(i, way);
    }
    say("LINTEL-KILLS null=%u smashed=%u endless=%u slowest=%llu\n", count[0], count[1], count[2],
        (unsigned long long)slowest);
}

GUEST_TEST(back_in_time)
{
    EXPECT_TRUE(slowest != 0);
    EXPECT_TRUE(slowest <= cmdline_number("late=", ~0ull));
}
