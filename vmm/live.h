/* The live view (vmm/dashboard.h) of a guest, on a serial port and on the screen.  Its key, typed
 * at a port, shows the guest in front there, on the port and on the screen, and takes the view away
 * again; a guest with `live = on` is shown on the screen as long as it is in front there.  It is
 * refreshed once a second by whoever polls the consoles: the boot CPU. */
#pragma once
#include "lib/types.h"

struct vm;

/* The key was typed at this port. */
void live_toggle(u32 port);
bool live_is_at(u32 port);
/* After keys_poll(): draws anew if it is time. */
void live_poll(u64 now);
/* Something else has the screen. */
void live_hide(void);
/* A guest is about to end. */
void live_forget(const struct vm *vm);
