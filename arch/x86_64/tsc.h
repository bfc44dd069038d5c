/* The time-stamp counter as the clock of everything. */
#pragma once
#include "lib/types.h"

void tsc_init(u64 hz); /* ticks per second, as the loader has measured them */
extern u64 tsc_hz;     /* ticks per second */
void tsc_delay_us(u64 microseconds);
