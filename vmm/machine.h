/* What the loader told of this machine, and the guests one after another. */
#pragma once
#include "boot_info.h"
#include "lib/types.h"

void machine_init(const struct boot_info *info);
const struct boot_info *machine_boot_info(void);
/* Seconds since 1970-01-01 UTC, now. */
u64 machine_wall_time(void);
bool machine_ends_with_power_off(void);

/* Runs the configuration's guests in their order, then ends the machine as configured. */
NORETURN void machine_run(void);
