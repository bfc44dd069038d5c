/* The answer of `help`, out of commands.def.  Pure. */
#pragma once
#include "control/shell/output.h"
#include "control/shell/parse.h"

/* One of the shell's actions; without a context. */
void shell_help(void *context, const struct shell_order *order, struct output *out);
