/* Switching the machine off, and on again, by the ways that the loader found. */
#pragma once
#include "power_plan.h"

/* Both plans stay the caller's.  Before this call power_off() knows no way, and power_reboot() none
 * but a triple fault.  After paging_init(). */
void power_init(const struct power_plan *off, const struct power_plan *reset);

/* Each tries the plan's ways, with a log line each. */
NORETURN void power_off(void);
NORETURN void power_reboot(void);
