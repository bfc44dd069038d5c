/* `disk` and `net`.  Pure. */
#pragma once
#include "control/shell/output.h"
#include "control/shell/parse.h"

/* Two of the shell's actions; context: struct manage. */
void manage_disk(void *context, const struct shell_order *order, struct output *out);
void manage_net(void *context, const struct shell_order *order, struct output *out);
