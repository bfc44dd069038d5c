/* What is typed interrupts the boot CPU, so that no guest on it has to exit for a look at the
 * serial ports. */
#pragma once

/* On the boot CPU, after apic_init() and once no I/O APIC is masked any more.  Each port has to
 * show that its interrupt comes; if one does not, or two ports share a line, all are looked at as
 * before (console_deadline()). */
void console_irq_start(void);
