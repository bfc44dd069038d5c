/* The outlets of consoles: the serial ports that the loader found, and the screen.  Each has a sink
 * of the log, and text that may cover what it shows else.  The boot CPU's. */
#pragma once
#include "arch/x86_64/log.h"
#include "boot_info.h"

#define OUTLET_SCREEN BOOT_UARTS_MAX /* the ports are 0, 1, ... */
#define OUTLETS       (BOOT_UARTS_MAX + 1)
#define OUTLET_NONE   0xffffffffu

struct outlet {
    bool exists;
    u16 port; /* I/O base; unless it is the screen */
    struct log_sink sink;
    u32 covers;   /* how often it was covered */
    bool covered; /* a terminal keeps what it showed in its other page (xterm's alternate screen) */
    u32 len, sent; /* of text[], what covers it */
    char text[4096];
};

extern struct outlet outlet[OUTLETS];

/* Registers the log's sinks. */
void outlet_init(const struct boot_info *info);
/* That of COM1 + number, or OUTLET_NONE. */
u32 outlet_of_com(u32 number);

/* Sends what fits into a port's FIFO now, or writes to the screen; returns how much. */
u32 outlet_send(u32 n, const u8 *bytes, u32 count);
/* Goes on with what covers a port.  False: there is more. */
bool outlet_send_text(u32 n);
/* Text for a port that is covered; returns how much of it was taken. */
u32 outlet_say(u32 n, const char *text, u32 len);
/* One character typed at a port. */
bool outlet_get(u32 n, u8 *byte);

/* Something else has the outlet from now on.  What is written to the screen meanwhile is
 * remembered. */
void outlet_cover(u32 n, bool covered);
/* `count` rows of ASCII, `stride` bytes from one to the next; bit n of `headings`: row n is one.
 * A port leaves a picture out while it still sends the one before. */
void outlet_draw(u32 n, const char *rows, u32 count, size_t stride, u32 headings);
