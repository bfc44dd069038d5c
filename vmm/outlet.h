/* The outlets of consoles: the serial ports that the loader found, and the screen.  Each has a sink
 * of the log.  The boot CPU's. */
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
};

extern struct outlet outlet[OUTLETS];

/* Registers the log's sinks. */
void outlet_init(const struct boot_info *info);
/* That of COM1 + number, or OUTLET_NONE. */
u32 outlet_of_com(u32 number);

/* Sends what fits into a port's FIFO now, or writes to the screen; returns how much. */
u32 outlet_send(u32 n, const u8 *bytes, u32 count);
/* One character typed at a port. */
bool outlet_get(u32 n, u8 *byte);
