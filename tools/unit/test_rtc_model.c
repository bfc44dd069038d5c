/* The MC146818 against a second one that counts second by second and carries by hand, over a
 * million random accesses and waits.  Motorola MC146818 data sheet. */
#include "vmm/dev/rtc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROUNDS  1000000u
#define T0      5000u /* TSC of power-on; it runs at the clock's frequency */
#define REG_A   10u
#define REG_B   11u
#define REG_C   12u
#define CENTURY 0x32u
#define ANY     (-1)

enum { SECOND, MINUTE, HOUR, UNITS };
enum { B_SET = 0x80, B_PIE = 0x40, B_AIE = 0x20, B_UIE = 0x10, B_BINARY = 4, B_24H = 2 };

struct dumb {
    i32 now[UNITS], alarm[UNITS];
    u32 weekday, day, month, year;
    u8 a, b, c;
    u64 clk, phase; /* of the second */
};

static u32 seed = 11;
static struct rtc rtc;
static struct dumb dumb;

static u32 below(u32 n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 16) % n;
}

static u8 coded(u32 n)
{
    return (u8)(dumb.b & B_BINARY ? n : n / 10 * 16 + n % 10);
}

static u8 coded_hour(u32 hour)
{
    if (dumb.b & B_24H)
        return coded(hour);
    return (u8)(coded(hour % 12 ? hour % 12 : 12) | (hour < 12 ? 0 : 0x80));
}

static u8 coded_unit(u32 unit, i32 n)
{
    if (n == ANY)
        return (u8)(0xc0 + below(64));
    return unit == HOUR ? coded_hour((u32)n) : coded((u32)n);
}

static bool chain_runs(void)
{
    return (dumb.a & 0x60) != 0x60;
}

static void next_day(void)
{
    static const u8 days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (dumb.year % 4 == 0 && dumb.year % 100 != 0) || dumb.year % 400 == 0;

    dumb.weekday = dumb.weekday % 7 + 1;
    if (dumb.day++ < days[dumb.month - 1] + (dumb.month == 2 && leap ? 1u : 0u))
        return;
    dumb.day = 1;
    if (dumb.month++ < 12)
        return;
    dumb.month = 1;
    dumb.year++;
}

static void next_second(void)
{
    static const i32 most[UNITS] = {59, 59, 23};
    u32 unit = 0;
    bool rings = true;

    while (unit < UNITS && dumb.now[unit] == most[unit])
        dumb.now[unit++] = 0;
    if (unit < UNITS)
        dumb.now[unit]++;
    else
        next_day();
    for (unit = 0; unit < UNITS; unit++)
        rings = rings && (dumb.alarm[unit] == ANY || dumb.alarm[unit] == dumb.now[unit]);
    dumb.c |= (u8)(0x10 | (rings ? 0x20 : 0));
}

/* The clocks between two edges of the periodic interrupt; 0: none. */
static u64 period(void)
{
    static const u16 periods[16] = {0,   128, 256, 4,    8,    16,   32,   64,
                                    128, 256, 512, 1024, 2048, 4096, 8192, 16384};

    return chain_runs() ? periods[dumb.a & 15] : 0;
}

static void dumb_wait(u64 clocks)
{
    const u64 from = dumb.clk - dumb.phase, to = from + clocks, tick = period();

    if (tick && from / tick != to / tick)
        dumb.c |= 0x40;
    for (u64 second = from / RTC_HZ; second < to / RTC_HZ; second++)
        if (chain_runs() && !(dumb.b & B_SET))
            next_second();
    dumb.clk += clocks;
}

/* ------------------------------------------------------------ both */

static u64 tsc(void)
{
    return T0 + dumb.clk;
}

static u8 get(u32 reg)
{
    rtc_write(&rtc, 0x70, (u8)reg, tsc());
    return rtc_read(&rtc, 0x71, tsc());
}

static void put(u32 reg, u8 value)
{
    rtc_write(&rtc, 0x70, (u8)reg, tsc());
    rtc_write(&rtc, 0x71, value, tsc());
}

static void set_unit(u32 unit)
{
    dumb.now[unit] = (i32)below(unit == HOUR ? 24 : 60);
    put(unit * 2, coded_unit(unit, dumb.now[unit]));
}

static void set_alarm(u32 unit)
{
    dumb.alarm[unit] = below(3) ? ANY : (i32)below(unit == HOUR ? 24 : 60);
    put(unit * 2 + 1, coded_unit(unit, dumb.alarm[unit]));
}

static void set_date(void)
{
    dumb.weekday = below(7) + 1, dumb.day = below(28) + 1;
    dumb.month = below(12) + 1, dumb.year = dumb.year / 100 * 100 + below(100);
    put(6, coded(dumb.weekday));
    put(7, coded(dumb.day));
    put(8, coded(dumb.month));
    put(9, coded(dumb.year % 100));
    put(CENTURY, coded(dumb.year / 100));
}

static void set_b(void)
{
    const u8 format = below(8) ? dumb.b & (B_BINARY | B_24H) : (u8)(below(4) << 1);
    const u8 b = (u8)(below(256) & (below(4) ? 0x78 : 0xf8)) | format;
    const bool changed = format != (dumb.b & (B_BINARY | B_24H));

    put(REG_B, b);
    dumb.b = b & B_SET ? b & (u8)~B_UIE : b;
    if (!changed)
        return;
    for (u32 unit = 0; unit < UNITS; unit++) {
        set_unit(unit);
        set_alarm(unit);
    }
    set_date();
}

static void set_a(void)
{
    const bool ran = chain_runs();

    dumb.a = (u8)((below(4) ? 0x20 : 0x60 + below(2) * 0x10) | below(16));
    put(REG_A, dumb.a);
    if (!ran && chain_runs())
        dumb.phase = dumb.clk - RTC_HZ / 2;
}

static void look(void)
{
    for (u32 unit = 0; unit < UNITS; unit++)
        assert_int_equal(get(unit * 2), coded_unit(unit, dumb.now[unit]));
    assert_int_equal(get(6), coded(dumb.weekday));
    assert_int_equal(get(7), coded(dumb.day));
    assert_int_equal(get(8), coded(dumb.month));
    assert_int_equal(get(9), coded(dumb.year % 100));
    assert_int_equal(get(CENTURY), coded(dumb.year / 100));
}

static void read_flags(void)
{
    const bool irq = dumb.c & dumb.b & 0x70;

    assert_int_equal(get(REG_C), dumb.c | (irq ? 0x80 : 0));
    dumb.c = 0;
}

static void wait(void)
{
    dumb_wait(below(50) ? below(2000) : below(20) ? RTC_HZ * below(4) : RTC_HZ * below(100000));
    rtc_tick(&rtc, tsc());
    assert_int_equal(rtc.irq, (dumb.c & dumb.b & 0x70) != 0);
}

static void test_second_by_second(void **state)
{
    (void)state;
    dumb = (struct dumb){.weekday = 4, .day = 15, .month = 11, .year = 2023, .a = 0x26, .b = B_24H};
    dumb.now[HOUR] = 22, dumb.now[MINUTE] = 13, dumb.now[SECOND] = 20;
    dumb.day = 14, dumb.weekday = 3; /* a Tuesday; Sunday is 1 */
    rtc_init(&rtc, RTC_HZ, T0, 1700000000, 64 * MiB);
    for (u32 i = 0; i < ROUNDS; i++) {
        switch (below(32)) {
        case 0: set_unit(below(UNITS)); break;
        case 1:
        case 2: set_alarm(below(UNITS)); break;
        case 3: set_b(); break;
        case 4: set_a(); break;
        case 5: i % 16 ? (void)0 : set_date(); break;
        case 6:
        case 7:
        case 8: look(); break;
        case 9:
        case 10:
        case 11: read_flags(); break;
        default: wait(); break;
        }
    }
    look();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_second_by_second)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
