/* `stats`, `cpus` and `audit`.  Pure. */
#pragma once
#include "control/shell/output.h"
#include "control/shell/parse.h"

/* Three of the shell's actions; context: struct manage. */
void manage_stats(void *context, const struct shell_order *order, struct output *out);
void manage_cpus(void *context, const struct shell_order *order, struct output *out);
void manage_audit(void *context, const struct shell_order *order, struct output *out);
