/* Consoles.  An outlet (vmm/outlet.h) shows the text of one guest, its front; without one it shows
 * Lintel's log.  Other guests that are to use the same outlet wait behind it, and lose what they
 * say beyond GUEST_CONSOLE_SIZE.  The boot CPU alone touches the devices; the functions are for it,
 * but console_typed() and console_put(). */
#pragma once
#include "boot_info.h"
#include "lib/types.h"

struct board_host;
struct vm;

/* Registers the log's sinks: the UARTs and framebuffer that the loader found. */
void console_init(const struct boot_info *info);

/* Connects a guest's COM1 as its configuration says: fills the board's callbacks, whose context is
 * the guest.  The control partition is in front where it was when its last life ended, and else
 * from console_make_front() on. */
void console_attach(struct vm *vm, struct board_host *host);
/* Sends what is left of the guest's output where it is in front, and gives these outlets to the
 * guests that wait for them, or back to the log.  comes_back: they are kept for a guest of the same
 * id. */
void console_detach(struct vm *vm, bool comes_back);
/* It does not come back after all. */
void console_forget(u32 id);

/* The guest in front, or NULL. */
struct vm *console_front(u32 outlet);
/* Of a guest that is connected: to the front, wherever it waits. */
void console_make_front(struct vm *vm);
/* The control partition's comes to the front of this outlet, which is its port from now on if it is
 * one, and of the screen. */
void console_call(struct vm *control, u32 outlet);
/* The one in whose place the control partition was, the guest that has waited longest, or the log
 * comes to the front where it is. */
void console_leave_front(struct vm *vm);
bool console_is_front(const struct vm *vm);

/* Moves characters from the guests to ports and screen. */
void console_poll(u64 now);
/* The TSC from which on console_turn() is worth a call, and the one by which it has to be called
 * even if that costs a VM exit: later, as long as only input can come; undisturbed: never for that,
 * if console_is_told(). */
u64 console_due(void);
u64 console_deadline(bool undisturbed);
/* From now on a port that has received something calls console_wake(). */
void console_is_told(void);
/* It is due at this TSC, too. */
void console_wake(u64 tsc);

/* What was typed at the machine's keyboard is for whoever is in front of the screen; returns how
 * much of it there was room for.  The control partition's vCPU's, on any CPU. */
u32 console_keyboard(const u8 *bytes, u32 count);
/* One character typed at a port, or at the keyboard. */
bool console_get(u32 outlet, u8 *byte);
/* One that was typed for the guest's COM1.  With its board's lock, on any CPU. */
bool console_typed(struct vm *vm, u8 *byte);
/* One of the guest's output, if guest_console_room() or its like says so.  With its board's lock,
 * on any CPU. */
void console_put(struct vm *vm, u8 byte);
/* The control partition's event for this guest's console is posted, if it is due. */
void console_tell(struct vm *vm);
