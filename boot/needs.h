/* What a configuration asks of the machine.  Pure. */
#pragma once
#include "config.h"

/* Bytes of RAM that the guests have at once, if all that start by themselves do: the sum of them,
 * or the largest if they run one by one; at least what the largest needs that is started by hand.
 * The control partition's comes on top. */
u64 needs_guest_memory(const struct config *config);
