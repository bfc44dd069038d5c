/* What Tab may put at the cursor: commands, guests, options, words of values, settings, what can be
 * traced.  Pure. */
#pragma once
#include "control/shell/editor.h"

/* `names` as shell_parse() has them. */
void shell_complete(const struct shell_names *names, const char *line, u32 cursor,
                    struct editor_completion *c);
