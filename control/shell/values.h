/* Values of options and keys, by what the row says that they are.  Pure. */
#pragma once
#include "control/shell/parse.h"

/* `what`: for the error, "--memory" or "cache".  `text` of value is set already. */
bool shell_read_value(const char *values, const char *what, struct shell_value *value,
                      char error[SHELL_ERROR]);
/* "file=a,cache=none" into values by key; the text is cut up.  `of`: "disk", "network". */
bool shell_read_keys(const char *of, char *text, struct shell_value value[SHELL_KEYS],
                     char error[SHELL_ERROR]);
