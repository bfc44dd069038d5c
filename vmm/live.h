/* The live view (vmm/dashboard.h) on the guest's serial port and on the screen.  Ctrl-T, typed at
 * the port, shows it and takes it away; `live = on` in lintel.conf shows it on the screen from the
 * start.  It is refreshed once a second by whoever polls the console. */
#pragma once
#include "vmm/vcpu.h"

/* A guest has got the console.  on_screen: the screen shows the view for all of its life. */
void live_attach(bool on_screen);
/* After console_poll(): reads what was typed, and draws anew if it is time. */
void live_poll(const struct vcpu *v, u64 now);
/* Whether live_get() would give one. */
bool live_waiting(void);
/* One character typed for the guest.  Any CPU's, but one at a time. */
bool live_get(u8 *byte);
