/* Time, as far as the firmware and the machine tell it. */
#pragma once
#include "boot_info.h"

/* Fills tsc_hz, wall_time and wall_tsc of info.  E_IO, said: nothing tells how fast the time-stamp
 * counter is. */
err_t clock_read(struct boot_info *info);
