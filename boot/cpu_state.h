/* The processor state of the firmware's that hv.elf changes and lab_call() leaves as hv.elf had
 * it: debug registers, x87 and SSE, XCR0, and MSRs. */
#pragma once
#include "lib/types.h"

void cpu_state_save(void);
/* What the last cpu_state_save() found. */
void cpu_state_restore(void);
