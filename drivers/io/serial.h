/* The 16550 UART of a PC as a stream of bytes, with its FIFO and interrupts.  PC16550D data sheet.
 * The rules of env.h hold. */
#pragma once
#include "drivers/io/env.h"

#define SERIAL_RING 1024u /* bytes; a power of two */

struct serial_ring {
    u8 byte[SERIAL_RING];
    u32 head, tail; /* count up; tail is where bytes go out */
};

struct serial_counts {
    u64 received, sent;
    u64 lost;       /* received, and no room */
    u64 overruns;   /* lost by the device */
    u64 bad;        /* parity or framing errors, breaks: the byte is dropped */
    u64 given_up;   /* to send, when the device took nothing any more */
    u64 interrupts; /* that were this device's */
};

/* Owner: the caller, who does not move it. */
struct serial {
    struct io_env *env;
    struct io_window registers;
    struct io_irq irq;
    u32 line;
    bool wants_interrupts, sending;
    bool stuck;   /* it takes nothing: what is written is dropped until it does again */
    u64 tx_since; /* when it took the last byte */
    struct serial_ring rx, tx;
    struct serial_counts counts;
};

/* 8 data bits, no parity, one stop bit.  baud: a divisor of 115200.  E_NOENT: no 16550 is there (a
 * loop-back test of its modem lines); E_INVAL: no such speed; others: the environment's. */
err_t serial_start(struct serial *s, struct io_env *env, u16 base, u32 line, u32 baud);
/* How many bytes were taken; the rest finds no room yet.  Sent by serial_poll() and interrupts. */
u32 serial_write(struct serial *s, const u8 *bytes, u32 count);
/* How many bytes had come, at most `count`. */
u32 serial_read(struct serial *s, u8 *bytes, u32 count);
/* Moves bytes both ways.  Returns when it wants to be called again at the latest (io_now()). */
u64 serial_poll(struct serial *s);
void serial_interrupts(struct serial *s, bool on);
/* Interrupts off; what was not sent is dropped. */
void serial_stop(struct serial *s);
