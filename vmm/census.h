/* Whether all that guests get comes back: frames, Lintel's memory for their sake, VPIDs, places on
 * the CPUs' queues.  On the boot CPU only. */
#pragma once
#include "lib/types.h"

/* Before the first guest: what there is.  After that it does nothing, and says false. */
bool census_begin(void);
/* While no guest lives: compares, and logs an error if something has not come back; `after` is the
 * name of the guest that has just ended. */
void census_check(const char *after);
/* The line LINTEL-MEMORY, with what the table of frames itself says. */
void census_report(void);
