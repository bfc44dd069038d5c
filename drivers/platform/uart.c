/* The 16550 UART; see uart.h.  PC16550D data sheet, "Registers". */
#include "drivers/platform/uart.h"
#include "arch/x86_64/insn.h"

/* Registers as offsets from the base. */
enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6 };

enum { LCR_8N1 = 0x03, LCR_DLAB = 0x80 };
enum { FCR_ENABLE = 0x01, FCR_CLEAR_BOTH = 0x06, FCR_TRIGGER_14 = 0xc0 };
enum { MCR_DTR = 0x01, MCR_RTS = 0x02, MCR_OUT1 = 0x04, MCR_OUT2 = 0x08, MCR_LOOP = 0x10 };
enum { LSR_DATA_READY = 0x01, LSR_THR_EMPTY = 0x20, LSR_ALL_SENT = 0x40 };
enum { MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80, MSR_LINES = 0xf0 };

#define DIVISOR_115200 1u
#define NO_DEVICE      0xffu /* what a read of a port without a device gives */

/* A full FIFO needs 1.4 ms at 115200 baud; a port read takes about 1 us on a real machine
 * and a few instructions on an emulator. */
#define POLLS_MAX 200000u

const u16 uart_bases[UART_PORTS] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};

static bool wait_for(u16 base, u8 status)
{
    for (u32 i = 0; i < POLLS_MAX; i++) {
        if ((inb((u16)(base + LSR)) & status) == status)
            return true;
        cpu_pause();
    }
    return false;
}

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
    if (!wait_for(base, LSR_ALL_SENT))
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

bool uart_tx_ready(u16 base)
{
    return inb((u16)(base + LSR)) & LSR_THR_EMPTY;
}

bool uart_put(u16 base, u8 byte)
{
    if (!wait_for(base, LSR_THR_EMPTY))
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

    if (uart_tx_ready(base))
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
