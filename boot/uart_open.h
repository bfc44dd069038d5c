/* Serial ports found and set up: what hv.elf finds done. */
#pragma once
#include "lib/types.h"

/* Is there a 16550 at these eight I/O ports?  A loop-back test of the modem lines: nothing is
 * sent, and every register is as before afterwards.  Waits (bounded) for a byte on its way. */
bool uart_probe(u16 base);

/* 115200 baud, 8 bits, no parity, one stop bit, FIFOs on and empty, interrupts off. */
void uart_init(u16 base);
