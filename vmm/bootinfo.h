/* What the loader told of this machine. */
#pragma once
#include "boot_info.h"
#include "lib/types.h"

void bootinfo_init(const struct boot_info *info);
const struct boot_info *bootinfo(void); /* NULL before bootinfo_init() */
/* Seconds since 1970-01-01 UTC, now. */
u64 bootinfo_wall_time(void);
