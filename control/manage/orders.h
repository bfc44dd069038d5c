/* Orders about guests' lives and consoles: start, pause, resume, stop, reset, destroy, move,
 * console.  Pure. */
#pragma once
#include "control/shell/output.h"
#include "control/shell/parse.h"

/* Eight of the shell's actions; context: struct manage.  What is ordered happens soon after the
 * answer: `list` shows it. */
void manage_order(void *context, const struct shell_order *order, struct output *out);
