/* The models wired together; see board.h.  A model's outputs are levels and deadlines in
 * its struct; after an access, the row of the port table says which of them to look at.
 * Pure. */
#include "vmm/board.h"
#include "abi/ledger.h"
#include "vmm/policy/io.h"

#define ELCR_SLAVE 0x4d1

enum { IRQ_PIT = 0, IRQ_COM1 = 4, IRQ_RTC = 8, IRQ_SCI = 9 };
enum { PIC_LINES = 16 };
enum { PIN_OF_PIT = 2 }; /* of the I/O APIC; the others have the numbers of their IRQs */

/* ---------------------------------------------------- wires */
/* A message of the I/O APIC that waits is due at once. */
static void set_deadline(struct board *b)
{
    b->deadline =
        b->ioapic.waiting ? 0 : MIN(MIN(b->pit.deadline, b->rtc.deadline), b->pm.deadline);
}

static NOINLINE void toggle_irq(struct board *b, unsigned irq)
{
    pic_toggle(&b->pic, irq);
    ioapic_toggle(&b->ioapic, irq == IRQ_PIT ? PIN_OF_PIT : irq);
    set_deadline(b);
}

/* A line goes to the 8259s and to the I/O APIC; next to nothing is done while its level stays. */
static void set_irq(struct board *b, unsigned irq, bool level)
{
    if (pic_line(&b->pic, irq) != level)
        toggle_irq(b, irq);
}

static void after_pit(struct board *b)
{
    if (b->pit.risen) { /* seen late or not: the PIC gets its edge */
        b->pit.risen = false;
        set_irq(b, IRQ_PIT, false);
        set_irq(b, IRQ_PIT, true);
    } else {
        set_irq(b, IRQ_PIT, b->pit.out0);
    }
    set_deadline(b);
}

static void after_rtc(struct board *b)
{
    set_irq(b, IRQ_RTC, b->rtc.irq);
    set_deadline(b);
}

static void after_pm(struct board *b)
{
    set_irq(b, IRQ_SCI, b->pm.sci);
    set_deadline(b);
}

static NOINLINE void drain(struct board *b)
{
    u8 byte;
    while (b->com1.tx.count && b->host.tx_room(b->host.ctx) && uart_tx_take(&b->com1, &byte))
        b->host.tx(b->host.ctx, byte);
}

static void after_uart(struct board *b)
{
    if (b->com1.tx.count)
        drain(b);
    set_irq(b, IRQ_COM1, b->com1.irq);
}

static NOINLINE void after_timer(struct board *b, u8 what)
{
    switch (what) {
    case AFTER_PIT: after_pit(b); break;
    case AFTER_RTC: after_rtc(b); break;
    default: after_pm(b); break;
    }
}

void board_settle(struct board *b, u8 what)
{
    if (what <= AFTER_IRQ)
        return;
    if (what == AFTER_UART)
        after_uart(b);
    else
        after_timer(b, what);
}

/* ---------------------------------------------------- accesses */
/* A whole access lies inside of its row, or begins with it: the double word at 0xcf8 (PCI)
 * lies over the byte at 0xcf9 (reset). */
static bool takes(const struct io_row *row, u16 port, u8 size)
{
    return (row->sizes & size) && (port == row->first || (u32)port + size - 1 <= row->last);
}

static u32 read_row(struct board *b, const struct io_row *row, u16 port, u8 size, u64 now)
{
    const u32 value = row->read(b, port, size, now);
    board_settle(b, row->after_read);
    return value;
}

static void write_row(struct board *b, const struct io_row *row, u16 port, u8 size, u32 value,
                      u64 now)
{
    row->write(b, port, size, value, now);
    board_settle(b, row->after_write);
}

/* Byte by byte, low one first, as the ISA bus does; bytes beyond port 0xffff are nobody's.
 * True if every byte had a taker. */
static NOINLINE bool read_split(struct board *b, u16 port, u8 size, u64 now, u32 *value)
{
    bool all = true;
    *value = io_cut(0xffffffff, size);
    for (u32 i = 0; i < size; i++) {
        const struct io_row *row = port + i <= 0xffff ? io_find((u16)(port + i)) : &io_rows[0];
        if (!takes(row, (u16)(port + i), 1)) {
            all = false;
            continue;
        }
        const u32 byte = read_row(b, row, (u16)(port + i), 1, now);
        *value = (*value & ~(0xffu << 8 * i)) | byte << 8 * i;
    }
    b->refused += !all;
    return all;
}

static bool write_byte(struct board *b, u32 port, u8 byte, u64 now)
{
    const struct io_row *row = port <= 0xffff ? io_find((u16)port) : &io_rows[0];
    if (takes(row, (u16)port, 1)) {
        write_row(b, row, (u16)port, 1, byte, now);
        return true;
    }
    if (port != b->debug_exit_port || port == 0)
        return false;
    if (b->wish == BOARD_NOTHING) {
        b->wish = BOARD_DEBUG_EXIT;
        b->wish_value = byte;
    }
    return true;
}

static NOINLINE bool write_split(struct board *b, u16 port, u8 size, u32 value, u64 now)
{
    bool all = true;
    if (port == LEDGER_PORT && b->host.mark) {
        b->host.mark(b->host.ctx, value);
        return true;
    }
    for (u32 i = 0; i < size; i++)
        all &= write_byte(b, port + i, (u8)(value >> 8 * i), now);
    b->refused += !all;
    return all;
}

bool board_port_read(struct board *b, u16 port, u8 size, u64 now, u32 *value)
{
    const struct io_row *row = io_find(port);
    if (unlikely(!takes(row, port, size)))
        return read_split(b, port, size, now, value);
    *value = read_row(b, row, port, size, now);
    return true;
}

bool board_port_write(struct board *b, u16 port, u8 size, u32 value, u64 now)
{
    const struct io_row *row = io_find(port);
    if (unlikely(!takes(row, port, size)))
        return write_split(b, port, size, value, now);
    write_row(b, row, port, size, value, now);
    return true;
}

/* ---------------------------------------------------- time and characters */
void board_tick(struct board *b, u64 now)
{
    if (now >= b->pit.deadline) {
        pit_tick(&b->pit, now);
        after_pit(b);
    }
    if (now >= b->rtc.deadline) {
        rtc_tick(&b->rtc, now);
        after_rtc(b);
    }
    if (now >= b->pm.deadline) {
        pm_tick(&b->pm, now);
        after_pm(b);
    }
}

bool board_console_room(const struct board *b)
{
    return uart_rx_room(&b->com1);
}

void board_console_input(struct board *b, u8 byte)
{
    uart_rx_put(&b->com1, byte);
    after_uart(b);
}

void board_console_drained(struct board *b, u64 now UNUSED)
{
    after_uart(b);
}

void board_set_lines(struct board *b, u32 levels)
{
    u32 moved = (levels ^ b->ioapic.lines) & BOARD_FREE_LINES;

    for (; moved; moved &= moved - 1) {
        const unsigned line = (unsigned)__builtin_ctz(moved);

        if (line < PIC_LINES)
            pic_toggle(&b->pic, line);
        ioapic_toggle(&b->ioapic, line);
    }
    set_deadline(b);
}

bool board_has_power_button(const struct board *b)
{
    return pm_hears_button(&b->pm);
}

void board_press_power_button(struct board *b, u64 now)
{
    pm_press_button(&b->pm, now);
    after_pm(b);
}

u8 board_irq_ack(struct board *b)
{
    return pic_ack(&b->pic);
}

/* ---------------------------------------------------- the I/O APIC */
u32 board_ioapic_read(const struct board *b, u32 offset)
{
    return ioapic_read(&b->ioapic, offset);
}

void board_ioapic_write(struct board *b, u32 offset, u32 value)
{
    ioapic_write(&b->ioapic, offset, value);
    set_deadline(b);
}

void board_eoi(struct board *b, u8 vector)
{
    ioapic_eoi(&b->ioapic, vector);
    set_deadline(b);
}

bool board_take_message(struct board *b, struct apic_message *m)
{
    const bool taken = ioapic_take(&b->ioapic, m);
    set_deadline(b);
    return taken;
}

/* ---------------------------------------------------- life */
static void connect(struct board *b)
{
    after_pit(b);
    after_rtc(b);
    after_uart(b);
    after_pm(b);
}

void board_init(struct board *b, const struct board_host *host, u64 tsc_hz, u64 now, u64 wall_time,
                u64 memory, u16 debug_exit_port)
{
    *b = (struct board){.tsc_hz = tsc_hz, .host = *host, .debug_exit_port = debug_exit_port};
    pit_init(&b->pit, tsc_hz, now);
    rtc_init(&b->rtc, tsc_hz, now, wall_time, memory);
    pm_init(&b->pm, tsc_hz, now);
    board_reset(b, now);
}

void board_reset(struct board *b, u64 now)
{
    pic_reset(&b->pic);
    ioapic_reset(&b->ioapic);
    pic_write(&b->pic, ELCR_SLAVE, 1u << (IRQ_SCI - 8)); /* as a PC's firmware leaves it */
    pit_reset(&b->pit);
    rtc_reset(&b->rtc, now);
    uart_reset(&b->com1);
    i8042_reset(&b->i8042);
    pm_reset(&b->pm, now);
    pci_ports_reset(&b->pci);
    fwports_reset(&b->fw);
    b->wish = BOARD_NOTHING;
    b->wish_value = 0;
    connect(b);
}
