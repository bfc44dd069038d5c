/* Time, as far as the firmware and the processor tell it. */
#pragma once
#include "lib/types.h"

/* TSC ticks per second: what CPUID says if it says all of it, else measured for 50 ms. */
u64 clock_tsc_hz(void);
/* Seconds since 1970-01-01 UTC; 0: the firmware does not know. */
u64 clock_wall_time(void);
