/* What is typed at the machine's serial ports and keyboard: the key that brings the control
 * partition's console to the front, and takes it away again, and the rest, which is for the guest
 * in front.  Typed twice within half a second the key is one such character for the guest. */
#pragma once
#include "lib/types.h"

/* After console_poll(), on the boot CPU. */
void keys_poll(u64 now);
