/* The 16550 UART of a PC.  PC16550D data sheet.  Used by BOOTX64.EFI and hv.elf;
 * who owns a port and who may use it is the caller's affair. */
#pragma once
#include "lib/types.h"

#define UART_PORTS   4u
#define UART_TX_FIFO 16u /* bytes */
/* COM1 to COM4 by convention. */
extern const u16 uart_bases[UART_PORTS];

/* All bits of `status` (LSR_... of uart_regs.h) are 1; false: not in any time that a working port
 * needs. */
bool uart_wait(u16 base, u8 status);
/* False: the byte was not taken in any time that a working port needs; give the port up. */
bool uart_put(u16 base, u8 byte);
/* Fills an empty transmit FIFO without waiting; returns how many bytes went (0: not empty yet). */
u32 uart_fill(u16 base, const u8 *bytes, u32 count);
/* What makes the port interrupt, on a PC through OUT2 as a gate. */
enum uart_interrupt { UART_SILENT = 0, UART_ON_RECEIPT = 1, UART_ON_EMPTY_TRANSMITTER = 2 };
void uart_set_interrupt(u16 base, enum uart_interrupt what);
/* False: nothing was received. */
bool uart_get(u16 base, u8 *byte);
