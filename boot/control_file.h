/* The control partition's program. */
#pragma once
#include "boot_info.h"
#include "lib/types.h"

/* Adds to *total what it will take, in bytes, if the configuration names one.  Refuses (and says
 * so) when there is no such file. */
err_t control_file_find(const struct boot_info *info, u64 *total);
/* Loads it, and says in *info where it is. */
err_t control_file_load(struct boot_info *info);
