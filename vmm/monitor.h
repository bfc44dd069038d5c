/* The monitor: Lintel's own console for whoever looks after the guests.  Its key, typed at a serial
 * port, puts it there and on the screen in the guest's place, and takes it away again.  This is its
 * mouth and its ear; what it does when a line is complete is vmm/monitor_actions.h.  The boot
 * CPU's. */
#pragma once
#include "lib/types.h"

/* The key was typed at this port. */
void monitor_toggle(u32 port);
void monitor_close(void);
bool monitor_is_open(void);
bool monitor_is_at(u32 port);

/* A character typed at its port; not while it cannot take one: a line waits to be obeyed. */
bool monitor_can_type(void);
void monitor_type(u8 byte);
/* After keys_poll(): sends what it has to say. */
void monitor_poll(void);

/* The line that waits, or NULL. */
const char *monitor_line(void);
/* It was obeyed. */
void monitor_next_line(void);
/* A line to whoever is there; what does not fit any more is left out. */
void monitor_say(const char *format, ...) PRINTF_LIKE(1, 2);
/* Text with LF at its lines' ends. */
void monitor_say_text(const char *text, size_t len);
