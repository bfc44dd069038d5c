/* THE port table: which I/O ports a guest has, who models them.  A port without a
 * row is refused (reads ones, takes writes in silence).  The rows are in io_ports.def;
 * the VMCS's I/O bitmaps are derived from them.  Pure. */
#pragma once
#include "lib/types.h"

struct board;

/* What happens to an access: IO_MODEL exits and is emulated; IO_PASS does not exit.  What the
 * control partition may claim: refused ports; IO_SPARE, whose model stands in for a device that is
 * not there; of IO_SHARED only accesses that begin before it, its own stay the model's. */
enum io_action { IO_REFUSE, IO_SPARE, IO_SHARED, IO_MODEL, IO_PASS };

/* What an access may have moved, and board_settle() has to pass on: nothing; the 8259s' request or
 * the board's wish; a model's line, deadline or characters. */
enum io_after { AFTER_NONE, AFTER_IRQ, AFTER_PIT, AFTER_RTC, AFTER_UART, AFTER_PM };

struct io_row {
    u16 first, last;
    u8 sizes; /* access sizes that the model takes whole, or-ed: 1, 2, 4; others are split */
    u8 action;
    u8 after_read, after_write;
    /* read gives no more than `size` bytes; write looks at no more than them. */
    u32 (*read)(struct board *b, u16 port, u8 size, u64 now);
    void (*write)(struct board *b, u16 port, u8 size, u32 value, u64 now);
    const char *name;
};

extern const struct io_row io_rows[]; /* [0]: the refusing row of all other ports */
extern const u8 io_row_of_port[0x10000];

/* Never NULL: a port without a row gives io_rows[0], whose action is IO_REFUSE. */
static inline const struct io_row *io_find(u16 port)
{
    return &io_rows[io_row_of_port[(u32)port]]; /* unsigned: no sign to be extended */
}

/* The low `size` (1, 2, 4) bytes of a value. */
static inline u32 io_cut(u32 value, u8 size)
{
    return value & 0xffffffff >> (32 - 8 * size);
}

/* The i-th row of the table in order of ports; NULL after the last. */
const struct io_row *io_row_at(size_t i);

/* SDM Vol. 3C, "I/O-Bitmap Addresses": a is for ports 0..0x7fff, b for 0x8000..0xffff;
 * a set bit exits. Only ports of IO_PASS rows are clear. */
void io_bitmap_build(u8 a[4096], u8 b[4096]);
