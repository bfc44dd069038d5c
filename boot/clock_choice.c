/* See clock_choice.h.  Pure. */
#include "boot/clock_choice.h"

static bool within_1_percent(u64 a, u64 b)
{
    return (a > b ? a - b : b - a) <= b / 100;
}

u64 clock_choose(const struct clock_figures *figures, const char **source)
{
    const u64 told = figures->cpuid != 0 ? figures->cpuid : figures->firmware;

    if (figures->pit == 0) {
        *source = "unverified";
        return told;
    }
    if (!within_1_percent(told, figures->pit)) {
        *source = "PIT";
        return figures->pit;
    }
    *source = figures->cpuid != 0 ? "CPUID leaf 0x15" : "firmware";
    return told;
}
