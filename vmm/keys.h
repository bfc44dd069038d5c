/* What is typed at the machine's serial ports: keys that Lintel takes for itself, and the rest,
 * which is for the guest in front.  A key that shows something takes it away, too; typed twice
 * within half a second it is one such character for the guest. */
#pragma once
#include "lib/types.h"

/* After console_poll(), on the boot CPU. */
void keys_poll(u64 now);
