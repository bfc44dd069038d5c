/* The guests one after another, and the end of the machine. */
#pragma once
#include "lib/types.h"

/* Runs the configuration's guests in their order, then ends the machine as configured. */
NORETURN void machine_run(void);
