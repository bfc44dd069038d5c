/* See uart_open.h.  PC16550D data sheet, "Registers". */
#include "boot/uart_open.h"
#include "arch/x86_64/insn.h"
#include "drivers/platform/uart.h"
#include "drivers/platform/uart_regs.h"

#define DIVISOR_115200 1u
#define NO_DEVICE      0xffu /* what a read of a port without a device gives */

/* In loop-back mode the four outputs are wired to the four inputs. */
static bool lines_follow(u16 base, u8 outputs, u8 inputs)
{
    outb((u16)(base + MCR), (u8)(MCR_LOOP | outputs));
    return (inb((u16)(base + MSR)) & MSR_LINES) == inputs;
}

bool uart_probe(u16 base)
{
    const u8 mcr = inb((u16)(base + MCR));

    if (inb((u16)(base + LSR)) == NO_DEVICE || mcr == NO_DEVICE)
        return false;
    /* Loop-back would swallow what the firmware is still sending. */
    if (!uart_wait(base, LSR_ALL_SENT))
        return false;

    const bool there = lines_follow(base, MCR_OUT2 | MCR_RTS, MSR_DCD | MSR_CTS) &&
                       lines_follow(base, MCR_OUT1 | MCR_DTR, MSR_RI | MSR_DSR);

    outb((u16)(base + MCR), mcr);
    return there;
}

void uart_init(u16 base)
{
    outb((u16)(base + IER), 0);
    outb((u16)(base + LCR), LCR_DLAB);
    outb((u16)(base + DLL), DIVISOR_115200);
    outb((u16)(base + DLM), 0);
    outb((u16)(base + LCR), LCR_8N1);
    outb((u16)(base + FCR), FCR_ENABLE | FCR_CLEAR_BOTH | FCR_TRIGGER_14);
    outb((u16)(base + MCR), MCR_DTR | MCR_RTS);
}
