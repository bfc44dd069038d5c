/* The port table's functions and what is derived from its rows; see io.h.  Pure. */
#include "vmm/policy/io.h"
#include "lib/mem.h"
#include "vmm/board.h"

/* The first wish stands: the machine that made it has ended. */
static void ask(struct board *b, enum board_wish wish)
{
    if (b->wish == BOARD_NOTHING)
        b->wish = wish;
}

/* ---------------------------------------------------- from a port to its model */
static u32 read_pic(struct board *b, u16 port, u8 size UNUSED, u64 now UNUSED)
{
    return pic_read(&b->pic, port);
}

static void write_pic(struct board *b, u16 port, u8 size UNUSED, u32 value, u64 now UNUSED)
{
    pic_write(&b->pic, port, (u8)value);
}

static u32 read_pit(struct board *b, u16 port, u8 size UNUSED, u64 now)
{
    return pit_read(&b->pit, port, now);
}

static void write_pit(struct board *b, u16 port, u8 size UNUSED, u32 value, u64 now)
{
    pit_write(&b->pit, port, (u8)value, now);
}

static u32 read_rtc(struct board *b, u16 port, u8 size UNUSED, u64 now)
{
    return rtc_read(&b->rtc, port, now);
}

static void write_rtc(struct board *b, u16 port, u8 size UNUSED, u32 value, u64 now)
{
    rtc_write(&b->rtc, port, (u8)value, now);
}

static u32 read_com1(struct board *b, u16 port, u8 size UNUSED, u64 now UNUSED)
{
    return uart_read(&b->com1, port & 7);
}

static void write_com1(struct board *b, u16 port, u8 size UNUSED, u32 value, u64 now UNUSED)
{
    uart_write(&b->com1, port & 7, (u8)value);
}

static u32 read_i8042(struct board *b, u16 port, u8 size UNUSED, u64 now UNUSED)
{
    return i8042_read(&b->i8042, port);
}

static void write_i8042(struct board *b, u16 port, u8 size UNUSED, u32 value, u64 now UNUSED)
{
    if (i8042_write(&b->i8042, port, (u8)value))
        ask(b, BOARD_RESET);
}

static u32 read_fw(struct board *b, u16 port, u8 size UNUSED, u64 now UNUSED)
{
    return fwports_read(&b->fw, port);
}

static void write_fw(struct board *b, u16 port, u8 size UNUSED, u32 value, u64 now UNUSED)
{
    if (fwports_write(&b->fw, port, (u8)value))
        ask(b, BOARD_RESET);
}

static u32 read_pm1(struct board *b, u16 port, u8 size UNUSED, u64 now)
{
    pm_tick(&b->pm, now);
    return pm_read(&b->pm, port);
}

static void write_pm1(struct board *b, u16 port, u8 size UNUSED, u32 value, u64 now)
{
    if (pm_write(&b->pm, port, (u8)value, now))
        ask(b, BOARD_POWER_OFF);
}

static u32 read_timer(struct board *b, u16 port, u8 size, u64 now)
{
    return io_cut(pm_timer(&b->pm, now) >> 8 * (port & 3), size);
}

static u32 read_pci(struct board *b, u16 port UNUSED, u8 size UNUSED, u64 now UNUSED)
{
    return pci_address_read(&b->pci);
}

static void write_pci(struct board *b, u16 port UNUSED, u8 size UNUSED, u32 value, u64 now UNUSED)
{
    pci_address_write(&b->pci, value);
}

static u32 read_nothing(struct board *b UNUSED, u16 port UNUSED, u8 size, u64 now UNUSED)
{
    return io_cut(0xffffffff, size);
}

static void write_nothing(struct board *b UNUSED, u16 port UNUSED, u8 size UNUSED, u32 value UNUSED,
                          u64 now UNUSED)
{
}

/* ---------------------------------------------------- derived from the rows */
#define IO_ROW(id, ...) ROW_##id,
enum {
    ROW_REFUSED,
#include "vmm/policy/io_ports.def"
    ROWS
};

#define IO_ROW(id, first, last, sizes, action, rd, wr, after_rd, after_wr, name)                   \
    [ROW_##id] = {first, last, sizes, action, after_rd, after_wr, rd, wr, name},
const struct io_row io_rows[] = {
    [ROW_REFUSED] = {0, 0xffff, 0, IO_REFUSE, AFTER_NONE, AFTER_NONE, read_nothing, write_nothing,
                     "refused"},
#include "vmm/policy/io_ports.def"
};

/* Constant-time lookup. A port in two rows is an error of the compiler (-Woverride-init). */
#define IO_ROW(id, first, last, ...) [first... last] = ROW_##id,
const u8 io_row_of_port[0x10000] = {
#include "vmm/policy/io_ports.def"
};

_Static_assert(ROWS <= 0x100, "io_row_of_port holds bytes");

const struct io_row *io_row_at(size_t i)
{
    return i < ROWS - 1 ? &io_rows[i + 1] : NULL;
}

void io_bitmap_build(u8 a[4096], u8 b[4096])
{
    memset(a, 0xff, 4096);
    memset(b, 0xff, 4096);
    for (size_t i = 1; i < ROWS; i++) {
        if (io_rows[i].action != IO_PASS)
            continue;
        for (u32 port = io_rows[i].first; port <= io_rows[i].last; port++) {
            u8 *page = port < 0x8000 ? a : b;
            page[port % 0x8000 / 8] &= (u8)~BIT32(port % 8);
        }
    }
}
