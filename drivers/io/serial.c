/* A 16550 as a stream; see serial.h. */
#include "drivers/io/serial.h"
#include "lib/mem.h"

enum {
    RBR = 0,
    THR = 0,
    DLL = 0,
    IER = 1,
    DLM = 1,
    IIR = 2,
    FCR = 2,
    LCR = 3,
    MCR = 4,
    LSR = 5,
    MSR = 6
};
enum { IER_RECEIVED = 0x01, IER_EMPTY = 0x02, IER_LINE = 0x04 };
enum { IIR_NONE = 0x01 };
enum { FCR_ON = 0x01, FCR_CLEAR = 0x06, FCR_TRIGGER_8 = 0x80 };
enum { LCR_8N1 = 0x03, LCR_DIVISOR = 0x80 };
enum { MCR_DTR = 0x01, MCR_RTS = 0x02, MCR_OUT1 = 0x04, MCR_OUT2 = 0x08, MCR_LOOP = 0x10 };
enum { LSR_DATA = 0x01, LSR_OVERRUN = 0x02, LSR_BAD = 0x1c, LSR_EMPTY = 0x20 };
enum { MSR_LINES = 0xf0 };

#define FIFO     16u
#define BAUD_MAX 115200u
#define NOTHING  0xffu /* what no device reads as */
/* More than a FIFO holds, and less than an endless stream. */
#define BYTES_A_TURN 64u
#define TURNS        8u
/* 16 bytes at 300 baud are half a second. */
#define STUCK_US 1000000u
_Static_assert((SERIAL_RING & (SERIAL_RING - 1)) == 0, "a power of two");

static u8 get(const struct serial *s, u32 reg)
{
    return io_read8(&s->registers, reg);
}

static void set(const struct serial *s, u32 reg, u32 value)
{
    io_write8(&s->registers, reg, (u8)value);
}

static u32 room(const struct serial_ring *r)
{
    return SERIAL_RING - (r->head - r->tail);
}

/* In loop-back mode the four outputs are wired to the four inputs. */
static bool lines_follow(const struct serial *s, u32 outputs, u32 inputs)
{
    set(s, MCR, MCR_LOOP | outputs);
    return (get(s, MSR) & MSR_LINES) == inputs;
}

static bool is_there(const struct serial *s)
{
    /* OUT1, OUT2, RTS, DTR show as RI, DCD, CTS, DSR. */
    return get(s, LSR) != NOTHING && lines_follow(s, MCR_OUT2 | MCR_RTS, 0x80 | 0x10) &&
           lines_follow(s, MCR_OUT1 | MCR_DTR, 0x40 | 0x20);
}

err_t serial_start(struct serial *s, struct io_env *env, u16 base, u32 line, u32 baud)
{
    memset(s, 0, sizeof(*s));
    s->env = env;
    s->line = line;
    if (baud == 0 || baud > BAUD_MAX || BAUD_MAX % baud != 0)
        return E_INVAL;
    TRY(env->ops->ports(env, base, 8, &s->registers));
    if (!is_there(s))
        return E_NOENT;
    const u32 divisor = BAUD_MAX / baud;
    set(s, IER, 0);
    set(s, LCR, LCR_DIVISOR);
    set(s, DLL, divisor & 0xff);
    set(s, DLM, divisor >> 8);
    set(s, LCR, LCR_8N1);
    set(s, FCR, FCR_ON | FCR_CLEAR | FCR_TRIGGER_8);
    set(s, MCR, MCR_DTR | MCR_RTS | MCR_OUT2); /* OUT2 lets interrupts out */
    return OK;
}

/* Whether the FIFO is empty interests only while there is something to send. */
static void set_sending(struct serial *s, bool on)
{
    s->sending = on;
    set(s, IER, s->wants_interrupts ? IER_RECEIVED | IER_LINE | (on ? IER_EMPTY : 0) : 0);
}

static void receive(struct serial *s)
{
    for (u32 i = 0; i < BYTES_A_TURN; i++) {
        const u8 status = get(s, LSR);
        if (status == NOTHING || !(status & LSR_DATA))
            return;
        const u8 byte = get(s, RBR);
        s->counts.overruns += !!(status & LSR_OVERRUN);
        if (status & LSR_BAD) {
            s->counts.bad++;
        } else if (room(&s->rx) == 0) {
            s->counts.lost++;
        } else {
            s->rx.byte[s->rx.head++ % SERIAL_RING] = byte;
            s->counts.received++;
        }
    }
}

static void give_up(struct serial *s)
{
    if (!s->stuck)
        io_log(s->env, IO_LOG_WARN, "serial port: takes no bytes any more");
    s->stuck = true;
    s->counts.given_up += s->tx.head - s->tx.tail;
    s->tx.tail = s->tx.head;
}

static void transmit(struct serial *s)
{
    const u8 status = get(s, LSR);
    const u64 now = io_now(s->env);

    if (status != NOTHING && (status & LSR_EMPTY)) {
        s->stuck = false;
        s->tx_since = now;
        for (u32 i = 0; i < FIFO && s->tx.tail != s->tx.head; i++) {
            set(s, THR, s->tx.byte[s->tx.tail++ % SERIAL_RING]);
            s->counts.sent++;
        }
    } else if (s->tx.tail != s->tx.head && now - s->tx_since >= STUCK_US) {
        give_up(s);
    }
    const bool more = s->tx.tail != s->tx.head;
    if (more != s->sending)
        set_sending(s, more);
}

u32 serial_write(struct serial *s, const u8 *bytes, u32 count)
{
    const u32 n = MIN(count, room(&s->tx));

    if (n > 0 && s->tx.tail == s->tx.head)
        s->tx_since = io_now(s->env);
    for (u32 i = 0; i < n; i++)
        s->tx.byte[s->tx.head++ % SERIAL_RING] = bytes[i];
    if (n > 0)
        transmit(s);
    return n;
}

u32 serial_read(struct serial *s, u8 *bytes, u32 count)
{
    u32 n = 0;

    for (; n < count && s->rx.tail != s->rx.head; n++)
        bytes[n] = s->rx.byte[s->rx.tail++ % SERIAL_RING];
    return n;
}

u64 serial_poll(struct serial *s)
{
    receive(s);
    transmit(s);
    return s->tx.tail != s->tx.head ? s->tx_since + STUCK_US : IO_NEVER;
}

static bool on_interrupt(void *arg)
{
    struct serial *s = (struct serial *)arg;
    bool mine = false;

    for (u32 i = 0; i < TURNS; i++) {
        const u8 why = get(s, IIR);
        if (why == NOTHING || (why & IIR_NONE))
            break;
        mine = true;
        receive(s);
        transmit(s);
        (void)get(s, MSR);
    }
    s->counts.interrupts += mine;
    return mine;
}

void serial_interrupts(struct serial *s, bool on)
{
    s->irq.handler = on_interrupt;
    s->irq.arg = s;
    if (on && s->irq.id == 0 && s->env->ops->irq_line(s->env, s->line, false, &s->irq) != OK) {
        s->irq.id = 0;
        io_log(s->env, IO_LOG_WARN, "serial port: no interrupt line %u; it has to be polled",
               s->line);
        return;
    }
    s->wants_interrupts = on;
    set_sending(s, s->tx.tail != s->tx.head);
}

void serial_stop(struct serial *s)
{
    s->wants_interrupts = false;
    s->tx.tail = s->tx.head;
    set_sending(s, false);
    if (s->irq.id != 0)
        s->env->ops->irq_free(s->env, &s->irq);
    s->irq.id = 0;
}
