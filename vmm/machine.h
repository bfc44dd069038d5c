/* The guests of the configuration: which of them live, and the end of the machine. */
#pragma once
#include "lib/types.h"

/* Before any CPU runs guests. */
void machine_start(void);
/* What each CPU does from then on: the guests' turns; on the boot CPU also their consoles and
 * lives. */
NORETURN void machine_run(void);
