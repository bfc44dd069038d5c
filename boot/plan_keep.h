/* From the loader's work on a guest to what hv.elf gets of it.  Pure. */
#pragma once
#include "boot/load/load.h"

/* Fills *plan, and copies the work's scratch, work->scratch_used bytes, to `kept`: segments that
 * were made in the scratch are found there, at the same offset, all others where they were. */
void plan_keep(const struct load_plan *work, u8 *kept, struct guest_plan *plan);
