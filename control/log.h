/* The end of the control partition's log, for its shell; also what earlier lives have said. */
#pragma once
#include "lib/types.h"

/* What say() says is kept from now on; nothing is, if there is no memory.  A device that nobody has
 * stopped yet may write there: that spoils text, and nothing else. */
void log_begin(void);
/* The last lines, at most that many; valid until the next call. */
const char *log_last(u32 lines);
