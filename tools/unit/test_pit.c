/* The 8254: every mode's output clock by clock against the data sheet's waveforms, the
 * sequences of Linux (calibration, periodic, one-shot, shutdown), lateness and drift.
 * Most tests take a TSC that runs at the PIT's own frequency: one tick is one clock. */
#include "vmm/dev/pit.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 1000 /* TSC of power-on */

static void program(struct pit *p, unsigned ch, u8 mode, u16 count, u64 at)
{
    pit_write(p, 0x43, (u8)(ch << 6 | 0x30 | (u32)mode << 1), T0 + at);
    pit_write(p, (u16)(0x40 + ch), (u8)count, T0 + at);
    pit_write(p, (u16)(0x40 + ch), (u8)(count >> 8), T0 + at);
}

static u16 read16(struct pit *p, unsigned ch, u64 at)
{
    const u8 low = pit_read(p, (u16)(0x40 + ch), T0 + at);
    return (u16)(low | pit_read(p, (u16)(0x40 + ch), T0 + at) << 8);
}

static u8 read_status(struct pit *p, unsigned ch, u64 at)
{
    pit_write(p, 0x43, (u8)(0xe0 | 2 << ch), T0 + at);
    return pit_read(p, (u16)(0x40 + ch), T0 + at);
}

static bool out2(struct pit *p, u64 at)
{
    return pit_read(p, 0x61, T0 + at) >> 5 & 1;
}

/* OUT at each clock after the count was written at clock 0 with GATE high (modes 1 and 5:
 * GATE rises at clock 0): 'h' and 'l'. */
static const struct {
    u8 mode;
    u16 count;
    const char *wave;
} waves[] = {
    {0, 4, "lllllhhhhhhh"}, {1, 3, "hlllhhhhhhhh"}, {2, 3, "hhhlhhlhhlhh"},
    {3, 4, "hhhllhhllhhl"}, {3, 5, "hhhhllhhhllh"}, {4, 3, "hhhhlhhhhhhh"},
    {5, 3, "hhhhlhhhhhhh"}, {6, 3, "hhhlhhlhhlhh"}, {7, 4, "hhhllhhllhhl"},
};

static void test_waveforms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(waves); i++) {
        struct pit p;
        const bool by_gate = waves[i].mode == 1 || waves[i].mode == 5;
        pit_init(&p, PIT_HZ, T0);
        pit_write(&p, 0x61, by_gate ? 0 : 1, T0);
        program(&p, 2, waves[i].mode, waves[i].count, 0);
        pit_write(&p, 0x61, 1, T0);
        for (u64 clk = 0; waves[i].wave[clk]; clk++)
            assert_int_equal(out2(&p, clk), waves[i].wave[clk] == 'h');
    }
}

/* The rising edges of the same waves make the interrupts of channel 0, at their clock. */
static void test_irq0_edges(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(waves); i++) {
        struct pit p;
        if (waves[i].mode == 1 || waves[i].mode == 5)
            continue;
        pit_init(&p, PIT_HZ, T0);
        program(&p, 0, waves[i].mode, waves[i].count, 0);
        p.risen = false;
        for (u64 clk = 1; waves[i].wave[clk]; clk++) {
            const bool rises = waves[i].wave[clk] == 'h' && waves[i].wave[clk - 1] == 'l';
            assert_int_equal(p.deadline == T0 + clk, rises);
            if (rises)
                pit_tick(&p, T0 + clk);
            assert_int_equal(p.risen, rises);
            p.risen = false;
        }
        if (waves[i].mode == 0 || waves[i].mode == 4)
            assert_true(p.deadline == CLOCK_NEVER);
    }
}

static void test_counts(void **state)
{
    (void)state;
    static const struct {
        u8 mode;
        u16 count, at, want;
    } cases[] = {
        {0, 100, 1, 100},   {0, 100, 51, 50},    {0, 100, 101, 0}, {0, 100, 102, 0xffff},
        {0, 0, 1, 0},       {0, 0, 2, 0xffff},   {2, 100, 1, 100}, {2, 100, 100, 1},
        {2, 100, 101, 100}, {2, 100, 250, 51},   {2, 0, 65535, 2}, {3, 8, 1, 8},
        {3, 8, 4, 2},       {3, 8, 5, 8},        {3, 8, 8, 2},     {3, 8, 9, 8},
        {3, 7, 1, 6},       {3, 7, 4, 0},        {3, 7, 5, 6},     {3, 7, 8, 6},
        {4, 10, 11, 0},     {4, 10, 12, 0xffff},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pit p;
        pit_init(&p, PIT_HZ, T0);
        program(&p, 0, cases[i].mode, cases[i].count, 0);
        assert_int_equal(read16(&p, 0, cases[i].at), cases[i].want);
    }
}

static void test_bcd(void **state)
{
    (void)state;
    struct pit p;
    pit_init(&p, PIT_HZ, T0);
    pit_write(&p, 0x43, 0x31, T0); /* mode 0, BCD */
    pit_write(&p, 0x40, 0x34, T0);
    pit_write(&p, 0x40, 0x12, T0);
    assert_int_equal(read16(&p, 0, 1), 0x1234);
    assert_int_equal(read16(&p, 0, 36), 0x1199);
    assert_true(p.deadline == T0 + 1 + 1234);
    assert_int_equal(read16(&p, 0, 1 + 1234), 0);
    assert_int_equal(read16(&p, 0, 1 + 1235), 0x9999);
    pit_write(&p, 0x40, 0x00, T0 + 5000);
    pit_write(&p, 0x40, 0x00, T0 + 5000);
    assert_true(p.deadline == T0 + 5001 + 10000);
    assert_int_equal(read16(&p, 0, 5002), 0x9999);
}

static void test_latch_and_read_back(void **state)
{
    (void)state;
    struct pit p;
    pit_init(&p, PIT_HZ, T0);
    program(&p, 0, 2, 0x1000, 0);
    pit_write(&p, 0x43, 0x00, T0 + 1); /* latch */
    pit_write(&p, 0x43, 0x00, T0 + 9); /* a second one changes nothing */
    assert_int_equal(read16(&p, 0, 100), 0x1000);
    assert_int_equal(read16(&p, 0, 101), 0x1000 - 100);
    assert_int_equal(read_status(&p, 0, 101), 0x80 | 0x34);
    pit_write(&p, 0x43, 0xc2, T0 + 201); /* count and status */
    assert_int_equal(pit_read(&p, 0x40, T0 + 300), 0x80 | 0x34);
    assert_int_equal(read16(&p, 0, 300), 0x1000 - 200);
    /* One-byte formats. */
    pit_write(&p, 0x43, 0x94, T0); /* channel 2, LSB only, mode 2 */
    pit_write(&p, 0x61, 0x01, T0);
    pit_write(&p, 0x42, 0x80, T0);
    assert_int_equal(pit_read(&p, 0x42, T0 + 2), 0x7f);
    pit_write(&p, 0x43, 0x80, T0 + 3);
    assert_int_equal(pit_read(&p, 0x42, T0 + 9), 0x7e);
    pit_write(&p, 0x43, 0xa4, T0); /* MSB only */
    pit_write(&p, 0x42, 0x80, T0);
    assert_int_equal(pit_read(&p, 0x42, T0 + 2), 0x7f);
    assert_int_equal(read_status(&p, 1, 0), 0x40); /* never programmed: null count */
    pit_write(&p, 0x43, 0x70, T0);
    assert_int_equal(read_status(&p, 1, 0), 0x40 | 0x30);
    assert_int_equal(pit_read(&p, 0x43, T0), 0xff);
}

/* arch/x86/kernel/tsc.c: quick_pit_calibrate() watches channel 2's high byte fall. */
static void test_linux_calibration(void **state)
{
    (void)state;
    struct pit p;
    pit_init(&p, PIT_HZ, T0);
    pit_write(&p, 0x61, (u8)((pit_read(&p, 0x61, T0) & ~2) | 1), T0);
    pit_write(&p, 0x43, 0xb0, T0);
    pit_write(&p, 0x42, 0xff, T0);
    pit_write(&p, 0x42, 0xff, T0);
    for (u64 at = 1; at < 0xff00; at += 97)
        assert_int_equal(read16(&p, 2, at) >> 8, (0xffff - (at - 1)) >> 8);
    assert_false(out2(&p, 0xffff));
    assert_true(out2(&p, 0x10000)); /* pit_calibrate_tsc() waits for this */
}

/* drivers/clocksource/i8253.c: set_periodic, next_event, shutdown. */
static void test_linux_clockevent(void **state)
{
    (void)state;
    struct pit p;
    pit_init(&p, PIT_HZ, T0);
    program(&p, 0, 2, 4773, 0); /* HZ=250 */
    p.risen = false;
    for (u64 i = 1; i < 1000; i++) {
        assert_true(p.deadline == T0 + 1 + i * 4773);
        pit_tick(&p, p.deadline);
        assert_true(p.risen);
        p.risen = false;
    }
    u64 now = T0 + 5000000;
    pit_write(&p, 0x43, 0x38, now); /* one-shot: mode 4 */
    p.risen = false;
    for (u64 i = 0; i < 1000; i++) {
        const u16 delta = (u16)(1 + i * 65);
        pit_write(&p, 0x40, (u8)delta, now);
        pit_write(&p, 0x40, (u8)(delta >> 8), now);
        assert_true(p.deadline == now + 2 + delta);
        now = p.deadline;
        pit_tick(&p, now);
        assert_true(p.risen);
        p.risen = false;
        assert_true(p.deadline == CLOCK_NEVER);
    }
    pit_write(&p, 0x43, 0x30, now); /* shutdown: mode 0 */
    assert_false(p.out0);
    assert_true(p.deadline == CLOCK_NEVER);
    pit_write(&p, 0x40, 0, now);
    pit_write(&p, 0x40, 0, now);
    assert_true(p.deadline == now + 1 + 65536);
}

static void test_late_ticks_coalesce_in_phase(void **state)
{
    (void)state;
    struct pit p;
    pit_init(&p, PIT_HZ, T0);
    program(&p, 0, 2, 1000, 0);
    pit_tick(&p, T0 + 1 + 123456789);
    assert_true(p.risen);
    assert_true(p.deadline == T0 + 1 + 123457000);
    /* An edge that is due when the guest reprograms the timer is not lost. */
    p.risen = false;
    pit_write(&p, 0x43, 0x30, T0 + 1 + 123457500);
    assert_true(p.risen);
}

static void test_new_count_waits_for_the_period(void **state)
{
    (void)state;
    struct pit p;
    pit_init(&p, PIT_HZ, T0);
    program(&p, 0, 2, 100, 0);
    pit_write(&p, 0x40, 50, T0 + 30);
    pit_write(&p, 0x40, 0, T0 + 30);
    assert_int_equal(read_status(&p, 0, 30) & 0x40, 0x40); /* null count */
    assert_true(p.deadline == T0 + 101);
    pit_tick(&p, p.deadline);
    assert_int_equal(read_status(&p, 0, 101) & 0x40, 0);
    assert_true(p.deadline == T0 + 151);
    /* Mode 3: at the half. Periods of 100 = 50 + 50; then 20 = 10 + 10. */
    program(&p, 0, 3, 100, 1000);
    pit_write(&p, 0x40, 20, T0 + 1010);
    pit_write(&p, 0x40, 0, T0 + 1010);
    assert_true(p.deadline == T0 + 1001 + 50 + 10);
    pit_tick(&p, p.deadline);
    assert_true(p.deadline == T0 + 1001 + 60 + 20);
}

static void test_gate2(void **state)
{
    (void)state;
    struct pit p;
    pit_init(&p, PIT_HZ, T0);
    pit_write(&p, 0x61, 1, T0);
    program(&p, 2, 0, 100, 0);
    pit_write(&p, 0x61, 0, T0 + 41); /* counting stops at 60 */
    assert_int_equal(read16(&p, 2, 500), 60);
    pit_write(&p, 0x61, 1, T0 + 1000);
    assert_int_equal(read16(&p, 2, 1010), 50);
    assert_false(out2(&p, 1059));
    assert_true(out2(&p, 1060));
    program(&p, 2, 2, 100, 2000);
    pit_write(&p, 0x61, 0, T0 + 2101 - 1); /* low in the last clock: OUT goes high */
    assert_true(out2(&p, 2100));
    pit_write(&p, 0x61, 0xff, T0 + 3000);
    assert_int_equal(read16(&p, 2, 3001), 100); /* a new period begins */
    assert_int_equal(pit_read(&p, 0x61, T0 + 3001) & 0xcf, 0x0f);
    program(&p, 2, 1, 10, 4000); /* retriggerable one-shot: GATE is high, no edge yet */
    assert_true(out2(&p, 4005));
    pit_write(&p, 0x61, 0, T0 + 4010);
    pit_write(&p, 0x61, 1, T0 + 4010);
    assert_false(out2(&p, 4012));
    pit_write(&p, 0x61, 0, T0 + 4015);
    pit_write(&p, 0x61, 1, T0 + 4015);
    assert_false(out2(&p, 4025));
    assert_true(out2(&p, 4026));
}

static void test_refresh_toggles(void **state)
{
    (void)state;
    struct pit p;
    pit_init(&p, PIT_HZ, T0);
    unsigned toggles = 0;
    u8 last = 0;
    for (u64 at = 0; at < 1800; at++) {
        const u8 now = pit_read(&p, 0x61, T0 + at) & 0x10;
        toggles += now != last;
        last = now;
    }
    assert_int_equal(toggles, 99);
}

/* Ten hours of HZ=1000 at an odd TSC frequency, ticking at the deadlines as the board does. */
static void test_no_drift(void **state)
{
    (void)state;
    const u64 tsc = 2893437211;
    struct pit p;
    pit_init(&p, tsc, T0);
    program(&p, 0, 2, 1193, 0);
    u64 n = 0;
    for (u64 end = T0 + tsc * 600; p.deadline < end; n++)
        pit_tick(&p, p.deadline);
    assert_in_range(n, 600ull * PIT_HZ / 1193 - 1, 600ull * PIT_HZ / 1193 + 1);
    pit_tick(&p, T0 + tsc * 36000); /* then a pause */
    const u64 clocks = 36000ull * PIT_HZ, next = 1 + ((clocks - 1) / 1193 + 1) * 1193;
    assert_in_range(p.deadline, T0 + (u64)((unsigned __int128)next * tsc / PIT_HZ),
                    T0 + (u64)((unsigned __int128)next * tsc / PIT_HZ) + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waveforms),
        cmocka_unit_test(test_irq0_edges),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_bcd),
        cmocka_unit_test(test_latch_and_read_back),
        cmocka_unit_test(test_linux_calibration),
        cmocka_unit_test(test_linux_clockevent),
        cmocka_unit_test(test_late_ticks_coalesce_in_phase),
        cmocka_unit_test(test_new_count_waits_for_the_period),
        cmocka_unit_test(test_gate2),
        cmocka_unit_test(test_refresh_toggles),
        cmocka_unit_test(test_no_drift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
