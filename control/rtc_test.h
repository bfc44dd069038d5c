/* Whether an interrupt of a device of the machine arrives: the real-time clock's periodic one. */
#pragma once
#include "lib/types.h"

/* Lets it come for 100 ms, then puts the number of interrupts into *count.  ABI_*. */
i64 rtc_test_start(u32 *count);
