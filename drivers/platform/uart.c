/* The 16550 UART; see uart.h.  PC16550D data sheet, "Registers". */
#include "drivers/platform/uart.h"
#include "arch/x86_64/insn.h"
#include "drivers/platform/uart_regs.h"

/* A full FIFO needs 1.4 ms at 115200 baud; a port read takes about 1 us on a real machine
 * and a few instructions on an emulator. */
#define POLLS_MAX 200000u

const u16 uart_bases[UART_PORTS] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};

bool uart_wait(u16 base, u8 status)
{
    for (u32 i = 0; i < POLLS_MAX; i++) {
        if ((inb((u16)(base + LSR)) & status) == status)
            return true;
        cpu_pause();
    }
    return false;
}

bool uart_put(u16 base, u8 byte)
{
    if (!uart_wait(base, LSR_THR_EMPTY))
        return false;
    outb((u16)(base + THR), byte);
    return true;
}

bool uart_get(u16 base, u8 *byte)
{
    if (!(inb((u16)(base + LSR)) & LSR_DATA_READY))
        return false;
    *byte = inb((u16)(base + RBR));
    return true;
}

u32 uart_fill(u16 base, const u8 *bytes, u32 count)
{
    u32 sent = 0;

    if (inb((u16)(base + LSR)) & LSR_THR_EMPTY)
        for (; sent < count && sent < UART_TX_FIFO; sent++)
            outb((u16)(base + THR), bytes[sent]);
    return sent;
}

void uart_set_interrupt(u16 base, enum uart_interrupt what)
{
    const u8 gate = what == UART_SILENT ? 0 : MCR_OUT2;

    outb((u16)(base + MCR), MCR_DTR | MCR_RTS | gate);
    outb((u16)(base + IER), (u8)what);
}
