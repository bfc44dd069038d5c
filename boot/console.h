/* Where the loader's words go: the log ring, every serial port that answers, and the screen;
 * the firmware's own console only if there is neither, since firmware repeats its console's
 * text on the serial ports. */
#pragma once
#include "boot_info.h"
#include "lib/log_ring.h"
#include "lib/types.h"

/* Finds the consoles and fills info->uart, uart_count and fb. */
void console_open(struct boot_info *info, struct log_ring *ring);
void console_write(const char *text, size_t len);
void say(const char *format, ...) PRINTF_LIKE(1, 2); /* no newline added */

/* Notes the reason if it is the first, says it as a line, and gives `err` back, so that
 * `return refuse(E_INVAL, ...)` ends a function. */
err_t refuse(err_t err, const char *format, ...) PRINTF_LIKE(2, 3);
/* Notes the reason if it is the first, without a word. */
void refuse_silently(const char *reason);
const char *refusal(void); /* the first reason */

/* Text cursor for who writes to the screen next. */
void console_save_cursor(struct boot_fb *fb);
/* After somebody else has written to the consoles and the ring: the screen shows the ring's end. */
void console_resume(const struct boot_fb *fb);
/* To the serial ports alone.  False: there is none that takes it. */
bool console_write_serial(const char *text, size_t len);
/* True if one of these characters was typed since it was last asked; what else was typed is
 * forgotten.  *any: something was. */
bool console_typed(const char *characters, bool *any);
/* Leaves a reader of the screen some time: says "Press a key to " and `what`, and waits. */
void console_wait(const char *what, u32 seconds);
/* The screen as it was found, and time before, if the firmware would wipe a message away. */
void console_close(void);
