/* 16550A; see uart.h.  Pure. */
#include "vmm/dev/uart.h"

// clang-format off
enum { IER_RX = 1, IER_THRE = 2, IER_LINE = 4, IER_MODEM = 8 };
enum { IIR_MODEM = 0x00, IIR_NONE = 0x01, IIR_THRE = 0x02, IIR_RX = 0x04, IIR_LINE = 0x06,
       IIR_TIMEOUT = 0x0c, IIR_FIFOS = 0xc0 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4, FCR_TRIGGER = 0xc0 };
enum { LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 0x10 };
enum { LSR_DR = 1, LSR_OE = 2, LSR_ERRORS = 0x1e, LSR_THRE = 0x20, LSR_TEMT = 0x40 };
enum { MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80, MSR_TERI = 0x04 };
// clang-format on

static const u8 rx_trigger[4] = {1, 4, 8, 14};

static unsigned depth(const struct uart *u)
{
    return u->fcr & FCR_ENABLE ? UART_FIFO : 1;
}

static void put(struct uart_fifo *f, u8 byte)
{
    f->data[(f->first + f->count) % UART_FIFO] = byte;
    f->count++;
}

static u8 take(struct uart_fifo *f)
{
    const u8 byte = f->data[f->first];
    f->first = (u8)((f->first + 1u) % UART_FIFO);
    f->count--;
    return byte;
}

/* The highest pending interrupt, as IIR shows it (data sheet, table "Interrupt Control
 * Functions"). */
static u8 pending(const struct uart *u)
{
    if ((u->ier & IER_LINE) && u->line_errors)
        return IIR_LINE;
    if ((u->ier & IER_RX) && u->rx.count)
        return !(u->fcr & FCR_ENABLE) || u->rx.count >= rx_trigger[u->fcr >> 6] ? IIR_RX
                                                                                : IIR_TIMEOUT;
    if ((u->ier & IER_THRE) && u->thre_event)
        return IIR_THRE;
    if ((u->ier & IER_MODEM) && u->modem_delta)
        return IIR_MODEM;
    return IIR_NONE;
}

/* On a PC, OUT2 connects INTR to the bus; loop-back holds the pin inactive. */
static void update(struct uart *u)
{
    u->irq = (u->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2 && pending(u) != IIR_NONE;
}

void uart_reset(struct uart *u)
{
    *u = (struct uart){.dll = 1};
}

void uart_rx_put(struct uart *u, u8 byte)
{
    if (u->rx.count >= depth(u)) /* the new one is lost, the FIFO stays (FIFO mode) */
        u->line_errors |= LSR_OE;
    else
        put(&u->rx, byte);
    update(u);
}

bool uart_rx_room(const struct uart *u)
{
    return !(u->mcr & MCR_LOOP) && u->rx.count < depth(u);
}

bool uart_tx_take(struct uart *u, u8 *byte)
{
    if (u->tx.count == 0)
        return false;
    *byte = take(&u->tx);
    if (u->tx.count == 0) {
        u->thre_event = true;
        update(u);
    }
    return true;
}

static void send(struct uart *u, u8 byte)
{
    u->thre_event = false;
    if (u->mcr & MCR_LOOP) {
        u->thre_event = true; /* it is out at once */
        uart_rx_put(u, byte);
        return;
    }
    if (u->tx.count < depth(u)) /* a program that does not look at THRE loses characters */
        put(&u->tx, byte);
    update(u);
}

/* MSR bits 7:4: a peer that is always ready; in loop-back, our own outputs. */
static u8 modem_lines(u8 mcr)
{
    if (!(mcr & MCR_LOOP))
        return MSR_DCD | MSR_DSR | MSR_CTS;
    return (u8)((mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
                (mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static void write_mcr(struct uart *u, u8 value)
{
    const u8 before = modem_lines(u->mcr);
    u->mcr = value & 0x1f;
    const u8 after = modem_lines(u->mcr), changed = before ^ after;
    u->modem_delta |= (u8)(changed >> 4 & ~MSR_TERI);
    if (before & changed & MSR_RI) /* the ring indicator tells of its trailing edge only */
        u->modem_delta |= MSR_TERI;
}

static void write_ier(struct uart *u, u8 value)
{
    const u8 risen = (u8)(value & ~u->ier);
    u->ier = value & 0x0f;
    /* Enabling the interrupt while the transmitter is empty raises it (again). */
    if ((risen & IER_THRE) && u->tx.count == 0)
        u->thre_event = true;
}

static void write_fcr(struct uart *u, u8 value)
{
    const bool switched = ((u->fcr ^ value) & FCR_ENABLE) != 0;
    const bool was_sending = u->tx.count != 0;
    /* The other bits are not programmed unless bit 0 is written as one. */
    u->fcr = value & FCR_ENABLE ? value & (FCR_TRIGGER | FCR_ENABLE) : 0;
    if (switched || (value & FCR_ENABLE && value & FCR_CLEAR_RX))
        u->rx.count = 0;
    if (switched || (value & FCR_ENABLE && value & FCR_CLEAR_TX))
        u->tx.count = 0;
    if (was_sending && u->tx.count == 0)
        u->thre_event = true;
}

void uart_write(struct uart *u, unsigned reg, u8 value)
{
    const bool dlab = (u->lcr & LCR_DLAB) != 0;
    switch (reg) {
    case 0:
        if (!dlab) {
            send(u, value);
            return;
        }
        u->dll = value;
        break;
    case 1:
        if (dlab)
            u->dlm = value;
        else
            write_ier(u, value);
        break;
    case 2: write_fcr(u, value); break;
    case 3: u->lcr = value; break;
    case 4: write_mcr(u, value); break;
    case 7: u->scr = value; break;
    default: break; /* LSR and MSR are read-only */
    }
    update(u);
}

static u8 read_data(struct uart *u)
{
    if (u->rx.count == 0)
        return 0;
    const u8 byte = take(&u->rx);
    update(u);
    return byte;
}

static u8 read_iir(struct uart *u)
{
    const u8 iir = pending(u);
    if (iir == IIR_THRE) { /* told: this read is its acknowledgement */
        u->thre_event = false;
        update(u);
    }
    return (u8)(iir | (u->fcr & FCR_ENABLE ? IIR_FIFOS : 0));
}

static u8 read_lsr(struct uart *u)
{
    const u8 lsr =
        (u8)((u->rx.count ? LSR_DR : 0) | u->line_errors | (u->tx.count ? 0 : LSR_THRE | LSR_TEMT));
    if (u->line_errors) {
        u->line_errors = 0;
        update(u);
    }
    return lsr;
}

static u8 read_msr(struct uart *u)
{
    const u8 msr = modem_lines(u->mcr) | u->modem_delta;
    if (u->modem_delta) {
        u->modem_delta = 0;
        update(u);
    }
    return msr;
}

u8 uart_read(struct uart *u, unsigned reg)
{
    const bool dlab = (u->lcr & LCR_DLAB) != 0;
    switch (reg) {
    case 0: return dlab ? u->dll : read_data(u);
    case 1: return dlab ? u->dlm : u->ier;
    case 2: return read_iir(u);
    case 3: return u->lcr;
    case 4: return u->mcr;
    case 5: return read_lsr(u);
    case 6: return read_msr(u);
    default: return u->scr;
    }
}
