/* The time-stamp counter as the clock of everything. */
#pragma once
#include "lib/types.h"

/* Measures the TSC against the PIT (channel 2) or, where a row of hints helps, the ACPI PM timer;
 * believes CPUID leaf 0x15 / the loader's figure only within 1 % of the measurement. */
void tsc_init(u64 hint_hz);
extern u64 tsc_hz; /* ticks per second */
void tsc_delay_us(u64 microseconds);
