/* `trace`.  Pure. */
#pragma once
#include "control/manage/manage.h"

/* What may be named: guests, then what events.h has.  Into m->names. */
void manage_name_events(struct manage *m);
/* One of the shell's actions; context: struct manage. */
void manage_trace(void *context, const struct shell_order *order, struct output *out);
