/* The board under random port accesses, ticks, characters and acknowledgements.
 * Invariants: the deadline is the models' and lies ahead after a tick; the processor's
 * interrupt pin agrees with the PICs' registers; its lines are the I/O APIC's too; counts stay in
 * their buffers; a refused read gives ones. Input: records of {operation, port or byte, value, time
 * step}. */
#include "lib/mem.h"
#include "vmm/board.h"
#include "vmm/policy/io.h"
#include <stdlib.h>

#define CHECK(c)                                                                                   \
    do {                                                                                           \
        if (!(c))                                                                                  \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static bool room_now;

static void tx(void *ctx, u8 byte)
{
    (void)ctx, (void)byte;
    CHECK(room_now);
}

static bool tx_room(void *ctx)
{
    (void)ctx;
    return room_now;
}

/* The request that a chip puts on INT, in the words of the data sheet: fully nested,
 * special mask, special fully nested. */
static bool chip_asks(const struct pic *c, u8 irr, bool master)
{
    for (unsigned i = 0; i < 8; i++) {
        const unsigned ir = (c->highest + i) & 7;
        const bool masked = c->imr >> ir & 1;
        if ((irr >> ir & 1) && !masked)
            return !(c->isr >> ir & 1) || (c->special_nested && master && ir == 2);
        const bool nested = c->special_nested && master && ir == 2;
        if ((c->isr >> ir & 1) && !(c->special_mask && masked) && !nested)
            return false;
    }
    return false;
}

static void check_pic(const struct pic_pair *p)
{
    const struct pic *m = &p->chip[0], *s = &p->chip[1];
    u8 irr = m->irr;
    CHECK(!(m->irr & 4) && m->highest < 8 && s->highest < 8);
    if (!m->single && s->init == 0 && chip_asks(s, s->irr, false))
        irr |= 4;
    CHECK(p->intr == (m->init == 0 && chip_asks(m, irr, true)));
    for (unsigned i = 0; i < 2; i++) /* no request without its line */
        CHECK((p->chip[i].irr & ~p->chip[i].lines) == 0);
}

static void check(const struct board *b)
{
    check_pic(&b->pic);
    CHECK(b->com1.rx.count <= UART_FIFO && b->com1.rx.first < UART_FIFO);
    CHECK(b->com1.tx.count <= UART_FIFO && b->com1.tx.first < UART_FIFO);
    CHECK(b->com1.tx.count == 0 || !room_now);
    CHECK(b->rtc.index < sizeof(b->rtc.cmos));
    CHECK(b->deadline ==
          (b->ioapic.waiting ? 0 : MIN(MIN(b->pit.deadline, b->rtc.deadline), b->pm.deadline)));
    const u32 pic_lines = (u32)b->pic.chip[0].lines | (u32)b->pic.chip[1].lines << 8;
    CHECK(b->ioapic.lines == ((pic_lines & ~1u) | (pic_lines & 1) << 2));
    CHECK(((b->pic.chip[0].lines >> 4 & 1) != 0) == b->com1.irq);
    CHECK(((b->pic.chip[1].lines & 1) != 0) == b->rtc.irq);
    CHECK(((b->pic.chip[1].lines >> 1 & 1) != 0) == b->pm.sci);
    CHECK(!b->pit.risen);
}

/* Mostly ports with rows, now and then any. */
static u16 pick_port(u16 raw)
{
    size_t rows = 0;
    while (io_row_at(rows))
        rows++;
    const struct io_row *row = io_row_at(raw % (rows + 1));
    if (!row)
        return raw;
    return (u16)(row->first + (raw >> 8) % (row->last - row->first + 1));
}

static void step(struct board *b, const u8 r[8], u64 *now)
{
    const u16 port = pick_port((u16)(r[1] | r[2] << 8));
    const u8 width = (u8)(1u << r[0] / 16 % 3);
    const u32 value = (u32)(r[3] | r[4] << 8 | r[5] << 16);
    u32 got = 0;
    *now += (u64)r[6] << r[7] % 40;
    room_now = r[7] & 0x80 ? !room_now : room_now;
    switch (r[0] % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5: board_port_write(b, port, width, value, *now); break;
    case 6:
    case 7:
    case 8:
    case 9:
        if (!board_port_read(b, port, width, *now, &got) && io_find(port)->action == IO_REFUSE)
            CHECK((got & 0xff) == 0xff);
        CHECK(width == 4 || got >> 8 * width == 0);
        break;
    case 10:
        if (b->deadline != CLOCK_NEVER && (i64)(b->deadline - *now) > 0)
            *now = b->deadline;
        board_tick(b, *now);
        break;
    case 11:
    case 12: {
        const bool was = board_irq_pending(b);
        const u8 vector = board_irq_ack(b);
        CHECK(was || (vector & 7) == 7);
        break;
    }
    case 13:
        if (board_console_room(b))
            board_console_input(b, r[3]);
        break;
    case 14: board_console_drained(b, *now); break;
    default:
        if (r[3] == 0)
            board_reset(b, *now);
        else if (r[3] < 0x80)
            board_ioapic_write(b, r[3] & 0x50, value >> 8);
        else
            board_eoi(b, r[4]);
        break;
    }
    if (room_now)
        board_console_drained(b, *now);
    check(b);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static struct board b;
    const struct board_host host = {.tx = tx, .tx_room = tx_room};
    if (size < 8)
        return 0;
    /* From 2 MHz on: below the PIT's 1.19 MHz an edge may be due within the tick of another. */
    u64 now = (u64)data[0] << 24, hz = 1ull << (21 + data[1] % 15);
    room_now = true;
    board_init(&b, &host, hz + data[2], now, (u64)data[3] << (data[4] % 40), (u64)data[5] << 24,
               0xf4);
    check(&b);
    for (size_t at = 8; at + 8 <= size; at += 8) {
        step(&b, data + at, &now);
        board_tick(&b, now);
        check(&b);
        struct apic_message m;
        while (board_take_message(&b, &m))
            check(&b);
        CHECK(b.deadline > now);
    }
    return 0;
}
