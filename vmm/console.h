/* Consoles: Lintel's log goes to every serial port and the screen; a guest's COM1 goes to
 * one port of its own (and the screen), which the log leaves alone meanwhile. */
#pragma once
#include "boot_info.h"
#include "lib/types.h"

struct board_host;
struct vm;

/* Registers the log's sinks: the UARTs and framebuffer that the loader found. */
void console_init(const struct boot_info *info);

/* Connects a guest's COM1: fills the board's callbacks.  `which` is an enum config_console. */
void console_attach(struct vm *vm, struct board_host *host, u32 which);
/* The guest that has the console, or NULL. */
struct vm *console_guest(void);
/* Sends what is left of the guest's output and gives the port back to the log. */
void console_detach(void);

/* Moves characters from the ring to the port and the screen. */
void console_poll(u64 now);
/* The TSC from which on console_poll() and console_get() are worth a call, and the one by which
 * they have to be called even if that costs a VM exit: later, as long as only input can come. */
u64 console_due(void);
u64 console_deadline(void);
/* They are due at this TSC, too. */
void console_wake(u64 tsc);

/* What the live view has of the guest's port and of the screen.  Meanwhile the guest's output for
 * the port waits in the ring, and what the screen would show is remembered. */
void console_view(bool on_port, bool on_screen);
/* `count` rows of ASCII, `stride` bytes from one to the next; bit n of `headings`: row n is one.
 * The port leaves a picture out while it still sends the one before. */
void console_view_draw(const char *rows, u32 count, size_t stride, u32 headings);

/* One character typed at the guest's port. */
bool console_get(u8 *byte);
