/* The 16550A against a second, dumb one, over a million random accesses and characters: shifted
 * arrays for FIFOs, every answer computed anew.  PC16550D data sheet. */
#include "vmm/dev/uart.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 1500000u

struct dumb {
    u8 reg_ier, reg_lcr, reg_mcr, reg_scr, dll, dlm, trigger;
    bool fifos, empty_told, overrun;
    u8 delta;
    u8 in[16], out[16];
    u32 ins, outs;
};

static u32 seed = 7;

static u32 below(u32 n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 16) % n;
}

static u32 most(const struct dumb *d)
{
    return d->fifos ? 16 : 1;
}

static void receive(struct dumb *d, u8 byte)
{
    if (d->ins == most(d))
        d->overrun = true;
    else
        d->in[d->ins++] = byte;
}

/* Level by level, the highest first. */
static u8 cause(const struct dumb *d)
{
    static const u8 triggers[] = {1, 4, 8, 14};

    if ((d->reg_ier & 4) && d->overrun)
        return 6;
    if ((d->reg_ier & 1) && d->ins)
        return d->fifos && d->ins < triggers[d->trigger] ? 0xc : 4;
    if ((d->reg_ier & 2) && !d->empty_told)
        return 2;
    if ((d->reg_ier & 8) && d->delta)
        return 0;
    return 1;
}

static u8 modem(u8 mcr)
{
    u8 lines = 0;

    if (!(mcr & 16))
        return 0xb0;
    lines |= mcr & 2 ? 0x10 : 0; /* RTS to CTS */
    lines |= mcr & 1 ? 0x20 : 0; /* DTR to DSR */
    lines |= mcr & 4 ? 0x40 : 0; /* OUT1 to RI */
    lines |= mcr & 8 ? 0x80 : 0; /* OUT2 to DCD */
    return lines;
}

static u8 dumb_read(struct dumb *d, u32 reg)
{
    u8 value;

    if (reg <= 1 && (d->reg_lcr & 0x80))
        return reg ? d->dlm : d->dll;
    switch (reg) {
    case 0:
        if (!d->ins)
            return 0;
        value = d->in[0];
        memmove(d->in, d->in + 1, sizeof(d->in) - 1);
        d->ins--;
        return value;
    case 1: return d->reg_ier;
    case 2:
        value = cause(d);
        d->empty_told |= value == 2;
        return value | (d->fifos ? 0xc0 : 0);
    case 3: return d->reg_lcr;
    case 4: return d->reg_mcr;
    case 5:
        value = (u8)((d->ins ? 1 : 0) | (d->overrun ? 2 : 0) | (d->outs ? 0 : 0x60));
        d->overrun = false;
        return value;
    case 6:
        value = modem(d->reg_mcr) | d->delta;
        d->delta = 0;
        return value;
    default: return d->reg_scr;
    }
}

static void dumb_transmit(struct dumb *d, u8 value)
{
    d->empty_told = true;
    if (d->reg_mcr & 16) {
        d->empty_told = false;
        receive(d, value);
    } else if (d->outs < most(d)) {
        d->out[d->outs++] = value;
    }
}

static void dumb_fcr(struct dumb *d, u8 value)
{
    const bool on = value & 1, change = on != d->fifos, sending = d->outs;

    d->fifos = on;
    d->trigger = on ? value >> 6 : 0;
    if (change || (on && (value & 2)))
        d->ins = 0;
    if (change || (on && (value & 4)))
        d->outs = 0;
    if (sending && !d->outs)
        d->empty_told = false;
}

static void dumb_mcr(struct dumb *d, u8 value)
{
    const u8 before = modem(d->reg_mcr), after = modem(value & 0x1f);

    d->reg_mcr = value & 0x1f;
    for (u32 line = 0; line < 4; line++) {
        const u8 bit = (u8)(0x10 << line);

        if (line == 2 ? (before & bit) && !(after & bit) : (before & bit) != (after & bit))
            d->delta |= (u8)(1 << line);
    }
}

static void dumb_write(struct dumb *d, u32 reg, u8 value)
{
    if (reg <= 1 && (d->reg_lcr & 0x80)) {
        *(reg ? &d->dlm : &d->dll) = value;
        return;
    }
    switch (reg) {
    case 0: dumb_transmit(d, value); break;
    case 1:
        if ((value & 2) && !(d->reg_ier & 2) && !d->outs)
            d->empty_told = false;
        d->reg_ier = value & 15;
        break;
    case 2: dumb_fcr(d, value); break;
    case 3: d->reg_lcr = value; break;
    case 4: dumb_mcr(d, value); break;
    case 7: d->reg_scr = value; break;
    default: break;
    }
}

static bool dumb_take(struct dumb *d, u8 *byte)
{
    if (!d->outs)
        return false;
    *byte = d->out[0];
    memmove(d->out, d->out + 1, sizeof(d->out) - 1);
    if (--d->outs == 0)
        d->empty_told = false;
    return true;
}

static void step(struct uart *u, struct dumb *d)
{
    const u32 reg = below(8);
    u8 value = (u8)below(256), taken = 0, wanted = 0;

    switch (below(5)) {
    case 0:
        if (reg == 3 && below(4)) /* most of the time without the divisor latch */
            value &= 0x7f;
        uart_write(u, reg, value);
        dumb_write(d, reg, value);
        break;
    case 1:
    case 2: assert_int_equal(uart_read(u, reg), dumb_read(d, reg)); break;
    case 3:
        assert_int_equal(uart_tx_take(u, &taken), dumb_take(d, &wanted));
        assert_int_equal(taken, wanted);
        break;
    default:
        assert_int_equal(uart_rx_room(u), !(d->reg_mcr & 16) && d->ins < most(d));
        uart_rx_put(u, value);
        receive(d, value);
    }
}

static void test_against_a_dumb_one(void **state)
{
    struct dumb d = {.dll = 1, .empty_told = true};
    struct uart u;
    u32 interrupts = 0;

    (void)state;
    uart_reset(&u);
    for (u32 i = 0; i < ROUNDS; i++) {
        step(&u, &d);
        assert_int_equal(u.irq, (d.reg_mcr & 0x18) == 8 && cause(&d) != 1);
        interrupts += u.irq;
    }
    assert_true(interrupts > ROUNDS / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_a_dumb_one)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
