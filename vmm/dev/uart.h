/* A 16550A.  Characters take no time: the transmitter holds what nobody has taken yet
 * (uart_tx_take), and the receiver's time-out is over as soon as a character has come.
 * National PC16550D data sheet.  Pure. */
#pragma once
#include "lib/types.h"

#define UART_FIFO 16

struct uart_fifo {
    u8 data[UART_FIFO];
    u8 first, count;
};

struct uart {
    struct uart_fifo rx, tx;
    u8 ier, lcr, mcr, scr;
    u8 fcr;         /* enable and trigger level */
    u8 line_errors; /* LSR: overrun */
    u8 modem_delta; /* MSR bits 3:0 */
    u8 dll, dlm;
    bool thre_event; /* the transmitter became empty and IIR has not told it yet */
    bool irq;        /* the level of the interrupt line: INTR gated by OUT2 */
};

void uart_reset(struct uart *u);
u8 uart_read(struct uart *u, unsigned reg); /* reg 0..7 */
void uart_write(struct uart *u, unsigned reg, u8 value);

bool uart_tx_take(struct uart *u, u8 *byte); /* the next character to send, if any */
bool uart_rx_room(const struct uart *u);     /* false also in loop-back */
void uart_rx_put(struct uart *u, u8 byte);   /* without room: overrun */
