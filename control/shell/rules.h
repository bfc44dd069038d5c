/* What has to hold beyond the rows: limits, what has to be given, what belongs together.  Pure. */
#pragma once
#include "control/shell/parse.h"

/* The name of a new guest. */
bool shell_rule_name(const struct shell_names *names, const char *name, char error[SHELL_ERROR]);
/* An order whose words are all right by themselves.  Numbers of network addresses (48 bits) are
 * set. */
bool shell_rules(struct shell_order *order, char error[SHELL_ERROR]);
