/* Registers of the 16550 UART.  PC16550D data sheet, "Registers". */
#pragma once

/* Registers as offsets from the base. */
enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6 };

enum { LCR_8N1 = 0x03, LCR_DLAB = 0x80 };
enum { FCR_ENABLE = 0x01, FCR_CLEAR_BOTH = 0x06, FCR_TRIGGER_14 = 0xc0 };
enum { MCR_DTR = 0x01, MCR_RTS = 0x02, MCR_OUT1 = 0x04, MCR_OUT2 = 0x08, MCR_LOOP = 0x10 };
enum { LSR_DATA_READY = 0x01, LSR_THR_EMPTY = 0x20, LSR_ALL_SENT = 0x40 };
enum { MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80, MSR_LINES = 0xf0 };
