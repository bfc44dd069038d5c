/* Commands that the control partition has no hypercall to carry out.  Pure. */
#pragma once
#include "control/shell/output.h"
#include "control/shell/parse.h"

/* One of the shell's actions: says so, and what would do it. */
void manage_refuse(void *context, const struct shell_order *order, struct output *out);
