/* What any handler must keep to, whatever the exit. */
#pragma once
#include "tools/replay/stream.h"

/* Takes out of a changed exit what no processor says, and notes what must stay. */
void rules_prepare(struct step *step);
/* After play(): aborts over a broken rule. */
void rules_check(const struct step *step, bool played);
