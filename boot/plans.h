/* The guests' plans, for hv.elf. */
#pragma once
#include "boot_info.h"

/* Bytes that they take, at most. */
u64 plans_bytes(const struct config *config);

/* One for each guest of the configuration, as info->plans; an image that no loader takes is noted
 * in its plan.  After the files, the clock.  E_NOMEM, said. */
err_t plans_make(struct boot_info *info);
