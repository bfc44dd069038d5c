/* The 8254 against a second one that counts clock by clock, as the data sheet describes each mode:
 * all modes of the channel whose GATE a program can move, over a million random programs, counts,
 * gates and readings.  Intel 8254 data sheet, "Mode Definitions". */
#include "vmm/dev/pit.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROUNDS  1000000u
#define T0      1000u /* TSC of power-on; it runs at the PIT's frequency */
#define CHANNEL 0x42u
#define CONTROL 0xb0u /* channel 2, both bytes, binary */

static u32 seed = 3;

static u32 below(u32 n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 16) % n;
}

/* One counter: the count register, the counting element, and what the next clock is to do. */
struct dumb {
    u32 mode, cr, half; /* half: clocks left in mode 3's half */
    u16 ce;
    bool written; /* a count has been */
    bool counting, load, gate, out;
};

static void dumb_program(struct dumb *d, u32 mode)
{
    *d = (struct dumb){.mode = mode, .gate = d->gate, .out = mode != 0};
}

static void dumb_count(struct dumb *d, u32 count)
{
    d->cr = count ? count : 0x10000;
    if (d->mode == 0)
        d->out = false;
    if (d->mode == 0 || d->mode == 4 || ((d->mode == 2 || d->mode == 3) && !d->written))
        d->load = true;
    d->written = true;
}

static void dumb_gate(struct dumb *d, bool gate)
{
    if (gate && !d->gate && d->written && d->mode != 0 && d->mode != 4)
        d->load = true; /* a trigger */
    d->gate = gate;
}

static void begin_half(struct dumb *d, bool high)
{
    d->out = high;
    d->ce = (u16)(d->cr & ~1u);
    d->half = high ? (d->cr + 1) / 2 : d->cr / 2;
}

static void load(struct dumb *d)
{
    d->load = false;
    d->counting = true;
    d->ce = (u16)d->cr;
    if (d->mode == 3)
        begin_half(d, true);
    else
        d->out = d->mode > 1;
}

static void count_square_wave(struct dumb *d)
{
    d->ce = (u16)(d->ce - 2);
    if (--d->half == 0)
        begin_half(d, !d->out);
}

/* A falling edge of CLK. */
static void dumb_clock(struct dumb *d)
{
    const bool needs_gate = d->mode != 1 && d->mode != 5;

    if (d->mode >= 4)
        d->out = true; /* a strobe is one clock long */
    if (d->load) {
        load(d);
        return;
    }
    if (!d->counting || (needs_gate && !d->gate))
        return;
    if (d->mode == 3) {
        count_square_wave(d);
        return;
    }
    d->ce--;
    switch (d->mode) {
    case 0:
    case 1: d->out = d->out || d->ce == 0; break;
    case 2:
        if (d->ce == 0) /* was 1 */
            d->ce = (u16)d->cr;
        d->out = d->ce != 1;
        break;
    default: d->out = d->ce != 0; break;
    }
}

static bool dumb_out(const struct dumb *d)
{
    return d->out || ((d->mode == 2 || d->mode == 3) && !d->gate);
}

/* ------------------------------------------------------------ both */

static struct pit pit;
static struct dumb dumb;
static u64 now;

static void write_count(u32 count)
{
    pit_write(&pit, CHANNEL, (u8)count, now);
    pit_write(&pit, CHANNEL, (u8)(count >> 8), now);
    dumb_count(&dumb, count);
}

/* Small ones end soon, and large ones fill the register. */
static u32 some_count(void)
{
    const u32 least = dumb.mode == 2 || dumb.mode == 3 ? 2 : 1;

    return below(8) ? least + below(24) : below(2) ? 0 : 0x10000 - 1 - below(64);
}

static void program(void)
{
    const u32 mode = below(6);

    pit_write(&pit, 0x43, (u8)(CONTROL | mode << 1), now);
    dumb_program(&dumb, mode);
    if (below(8))
        write_count(some_count());
}

static void gate(void)
{
    const bool high = below(2);

    pit_write(&pit, 0x61, high, now);
    dumb_gate(&dumb, high);
}

static void read_count(void)
{
    u16 value;

    if (!dumb.counting)
        return;
    pit_write(&pit, 0x43, 0x80, now); /* latch */
    value = pit_read(&pit, CHANNEL, now);
    value = (u16)(value | pit_read(&pit, CHANNEL, now) << 8);
    assert_int_equal(value, dumb.ce);
}

static void read_status(void)
{
    pit_write(&pit, 0x43, 0xe8, now);
    const u8 status = pit_read(&pit, CHANNEL, now);

    assert_int_equal(status >> 7, dumb_out(&dumb));
    assert_int_equal(status & 0x3f, (CONTROL & 0x3f) | dumb.mode << 1);
}

static void clocks(u32 count)
{
    while (count--) {
        now++;
        dumb_clock(&dumb);
        assert_int_equal(pit_read(&pit, 0x61, now) >> 5 & 1, dumb_out(&dumb));
    }
}

static void test_clock_by_clock(void **state)
{
    (void)state;
    now = T0;
    pit_init(&pit, PIT_HZ, now);
    pit_write(&pit, 0x43, CONTROL, now);
    dumb_program(&dumb, 0);
    for (u32 i = 0; i < ROUNDS; i++) {
        switch (below(8)) {
        case 0: program(); break;
        case 1: write_count(some_count()); break;
        case 2:
        case 3: gate(); break;
        case 4:
        case 5: read_count(); break;
        default: read_status(); break;
        }
        clocks(2 + below(below(4) ? 6 : 40)); /* two: what a clock loads is there */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_clock_by_clock)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
