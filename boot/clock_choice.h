/* Which of several figures is the time-stamp counter's frequency.  Pure. */
#pragma once
#include "lib/types.h"

/* Ticks per second; 0: there is no such figure. */
struct clock_figures {
    u64 pit;      /* measured against the PIT */
    u64 cpuid;    /* CPUID leaf 0x15 claims it */
    u64 firmware; /* measured against the firmware's clock; not needed if there is cpuid */
};

/* The most exact figure that the measurement against the PIT confirms, and what it is; without a
 * PIT, the best there is, 0 if there is none. */
u64 clock_choose(const struct clock_figures *figures, const char **source);
