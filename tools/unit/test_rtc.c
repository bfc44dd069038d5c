/* The MC146818: the calendar against the C library's, formats, setting, the interrupts,
 * and what Linux's mc146818 and rtc_cmos code does with it. */
#define _GNU_SOURCE
#include "vmm/dev/rtc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define HZ 1000000ull /* of the TSC */
#define T0 5000ull

static u8 get(struct rtc *r, u8 reg, u64 now)
{
    rtc_write(r, 0x70, reg, T0 + now);
    return rtc_read(r, 0x71, T0 + now);
}

static void put(struct rtc *r, u8 reg, u8 value, u64 now)
{
    rtc_write(r, 0x70, (u8)(reg | 0x80), T0 + now); /* with NMI masked: no difference */
    rtc_write(r, 0x71, value, T0 + now);
}

static u32 unbcd(u8 v)
{
    assert_true((v & 15) <= 9 && v >> 4 <= 9);
    return (u32)(v >> 4) * 10 + (v & 15);
}

static void check_time(struct rtc *r, u64 now, time_t want)
{
    struct tm tm;
    assert_non_null(gmtime_r(&want, &tm));
    assert_int_equal(unbcd(get(r, 0, now)), tm.tm_sec);
    assert_int_equal(unbcd(get(r, 2, now)), tm.tm_min);
    assert_int_equal(unbcd(get(r, 4, now)), tm.tm_hour);
    assert_int_equal(unbcd(get(r, 6, now)), tm.tm_wday + 1);
    assert_int_equal(unbcd(get(r, 7, now)), tm.tm_mday);
    assert_int_equal(unbcd(get(r, 8, now)), tm.tm_mon + 1);
    assert_int_equal(unbcd(get(r, 9, now)) + unbcd(get(r, 0x32, now)) * 100, tm.tm_year + 1900);
}

static void test_calendar(void **state)
{
    (void)state;
    struct rtc r;
    srandom(3);
    for (unsigned i = 0; i < 20000; i++) {
        /* Until the year 9999; every 4th one just before a year's or February's end. */
        u64 wall = ((u64)random() << 8 ^ (u64)random()) % 253402300799ull;
        if (i % 4 == 0)
            wall = 86400 + (i % 7000 * 365ull + i / 4 % 60) * 86400 - 1;
        const u64 later = (u64)random() % 100000;
        rtc_init(&r, HZ, T0, wall, 0);
        check_time(&r, 0, (time_t)wall);
        if (wall + later < 253402300799ull)
            check_time(&r, later * HZ + HZ / 2, (time_t)(wall + later));
    }
}

static void test_formats(void **state)
{
    (void)state;
    struct rtc r;
    static const u8 hours12[24] = {0x12, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
                                   0x08, 0x09, 0x10, 0x11, 0x92, 0x81, 0x82, 0x83,
                                   0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x90, 0x91};
    for (u32 h = 0; h < 24; h++) {
        rtc_init(&r, HZ, T0, 1700000000 / 86400 * 86400, 0);
        put(&r, 11, 0x80, 0); /* SET, 12 h, BCD */
        put(&r, 4, hours12[h], 0);
        put(&r, 2, 0x59, 0);
        put(&r, 0, 0x59, 0);
        put(&r, 11, 0x00, 0);
        assert_int_equal(get(&r, 4, HZ + 100), hours12[(h + 1) % 24]);
        put(&r, 11, 0x86, HZ + 100); /* binary, 24 h: the program rewrites the time */
        put(&r, 4, (u8)h, HZ + 100);
        put(&r, 2, 59, HZ + 100);
        put(&r, 0, 59, HZ + 100);
        put(&r, 11, 0x06, HZ + 100);
        assert_int_equal(get(&r, 4, 2 * HZ + 200), (h + 1) % 24);
        assert_int_equal(get(&r, 2, 2 * HZ + 200), 0);
    }
}

/* mc146818_set_time(): SET, divider reset, write, release; the next second is half a
 * second after the release. */
static void test_linux_set_time(void **state)
{
    (void)state;
    struct rtc r;
    rtc_init(&r, HZ, T0, 0, 0);
    const u64 at = 12345678;
    const u8 b = get(&r, 11, at), a = get(&r, 10, at) & 0x7f;
    put(&r, 11, b | 0x80, at);
    put(&r, 10, a | 0x70, at);
    const u8 regs[][2] = {{9, 0x24}, {8, 0x02}, {7, 0x28}, {4, 0x23},
                          {2, 0x59}, {0, 0x59}, {6, 0x04}, {0x32, 0x20}};
    for (size_t i = 0; i < ARRAY_LEN(regs); i++)
        put(&r, regs[i][0], regs[i][1], at);
    assert_int_equal(get(&r, 0, at + 5 * HZ), 0x59); /* it stands */
    put(&r, 11, b, at + 5 * HZ);
    assert_int_equal(get(&r, 0, at + 8 * HZ), 0x59);
    put(&r, 10, a, at + 8 * HZ);
    check_time(&r, at + 8 * HZ + HZ / 2 - 100, 1709164799); /* 2024-02-28 23:59:59 */
    check_time(&r, at + 8 * HZ + HZ / 2 + 100, 1709164800);
    check_time(&r, at + 8 * HZ + HZ / 2 + 100 + 86400 * HZ, 1709251200); /* 2024-03-01 */
    const u64 next = at + 8 * HZ + HZ / 2 + 86401 * HZ; /* interrupts keep the new phase */
    put(&r, 5, 0x00, next - HZ / 2);
    put(&r, 3, 0x00, next - HZ / 2);
    put(&r, 1, 0x01, next - HZ / 2);
    put(&r, 11, 0x22, next - HZ / 2);
    (void)get(&r, 12, next - HZ / 2);
    assert_in_range(r.deadline, T0 + next - 40, T0 + next + 40);
    put(&r, 11, 0x12, next - HZ / 2);
    assert_in_range(r.deadline, T0 + next - 40, T0 + next + 40);
}

static void test_update_in_progress(void **state)
{
    (void)state;
    struct rtc r;
    rtc_init(&r, HZ, T0, 0, 0);
    unsigned seen = 0;
    u8 last = 0;
    for (u64 us = 0; us < 3 * HZ; us += 10) {
        const u8 uip = get(&r, 10, us) & 0x80, second = get(&r, 0, us);
        if (second != last) /* the second changes when an update ends, never in one */
            assert_int_equal(uip, 0);
        last = second;
        seen += uip != 0;
    }
    assert_in_range(seen, 3 * 24, 3 * 25); /* 244 us of each second */
}

static void test_periodic(void **state)
{
    (void)state;
    for (u8 rate = 1; rate < 16; rate++) {
        struct rtc r;
        rtc_init(&r, HZ, T0, 0, 0);
        put(&r, 10, 0x20 | rate, 0);
        put(&r, 11, 0x42, 0);
        const u64 clocks = 1u << (rate < 3 ? rate + 6 : rate - 1);
        u64 n = 0;
        while (r.deadline < T0 + 4 * HZ) {
            assert_false(r.irq);
            const u64 now = r.deadline - T0;
            rtc_tick(&r, T0 + now);
            assert_true(r.irq);
            assert_true(r.deadline == CLOCK_NEVER); /* until the guest reads C */
            assert_int_equal(get(&r, 12, now) & 0xe0, 0xc0);
            assert_false(r.irq);
            n++;
        }
        /* The TSC here is slower than some periods: a tick late is lost, never gained. */
        assert_in_range(n, 4 * RTC_HZ / clocks - 1, 4 * RTC_HZ / clocks);
    }
}

static void test_update_interrupt_and_flags(void **state)
{
    (void)state;
    struct rtc r;
    rtc_init(&r, HZ, T0, 0, 0);
    (void)get(&r, 12, 0);
    assert_int_equal(get(&r, 12, 2 * HZ + 5), 0x50); /* PF and UF are set also without enables */
    assert_int_equal(get(&r, 12, 2 * HZ + 5), 0);
    put(&r, 11, 0x12, 2 * HZ + 10);
    assert_in_range(r.deadline, T0 + 3 * HZ, T0 + 3 * HZ + 1);
    rtc_tick(&r, r.deadline);
    assert_true(r.irq);
    put(&r, 12, 0xff, 3 * HZ + 10); /* read-only */
    assert_int_equal(get(&r, 12, 3 * HZ + 10) & 0x90, 0x90);
    assert_false(r.irq);
    put(&r, 11, 0x92, 3 * HZ + 20); /* SET clears UIE */
    assert_int_equal(get(&r, 11, 3 * HZ + 20), 0x82);
    assert_true(r.deadline == CLOCK_NEVER);
}

static void test_alarm(void **state)
{
    (void)state;
    static const struct {
        u8 hour, minute, second;
        u32 seconds; /* from 10:20:30; 0: never */
    } cases[] = {
        {0x23, 0x59, 0x59, 49169}, {0x10, 0x20, 0x31, 1},     {0x10, 0x20, 0x30, 86400},
        {0x10, 0x20, 0x29, 86399}, {0xff, 0xff, 0xff, 1},     {0xff, 0xff, 0x30, 60},
        {0xff, 0xff, 0x00, 30},    {0xff, 0x20, 0x00, 3570},  {0xff, 0x21, 0x00, 30},
        {0x11, 0xff, 0xff, 2370},  {0x09, 0x59, 0x59, 85169}, {0x24, 0x00, 0x00, 0},
        {0x00, 0x60, 0x00, 0},     {0x00, 0x00, 0x7f, 0},     {0x10, 0xff, 0x30, 60},
        {0xc0, 0xff, 0xe0, 1},     {0x10, 0xff, 0x29, 59},    {0x00, 0x00, 0x00, 49170},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rtc r;
        rtc_init(&r, HZ, T0, 10 * 3600 + 20 * 60 + 30, 0);
        put(&r, 5, cases[i].hour, 0);
        put(&r, 3, cases[i].minute, 0);
        put(&r, 1, cases[i].second, 0);
        put(&r, 11, 0x22, 0);
        if (cases[i].seconds == 0) {
            assert_true(r.deadline == CLOCK_NEVER);
            continue;
        }
        assert_in_range(r.deadline, T0 + cases[i].seconds * HZ, T0 + cases[i].seconds * HZ + 1);
        rtc_tick(&r, r.deadline);
        assert_true(r.irq);
        assert_int_equal(get(&r, 12, r.clk ? cases[i].seconds * HZ + 2 : 0) & 0xa0, 0xa0);
        assert_true(r.deadline != CLOCK_NEVER); /* the next day, hour, minute or second */
    }
}

static void test_memory(void **state)
{
    (void)state;
    static const struct {
        u64 memory;
        u16 base, ext, above16;
    } cases[] = {
        {512 * KiB, 512, 0, 0},
        {8 * MiB, 640, 7 * 1024, 0},
        {64 * MiB, 640, 63 * 1024, 48 * 16},
        {256 * MiB, 640, 0xffff, 240 * 16},
        {8 * GiB, 640, 0xffff, 0xffff},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rtc r;
        rtc_init(&r, HZ, T0, 0, cases[i].memory);
        assert_int_equal(get(&r, 0x15, 0) | get(&r, 0x16, 0) << 8, cases[i].base);
        assert_int_equal(get(&r, 0x17, 0) | get(&r, 0x18, 0) << 8, cases[i].ext);
        assert_int_equal(get(&r, 0x30, 0) | get(&r, 0x31, 0) << 8, cases[i].ext);
        assert_int_equal(get(&r, 0x34, 0) | get(&r, 0x35, 0) << 8, cases[i].above16);
    }
}

static void test_registers(void **state)
{
    (void)state;
    struct rtc r;
    rtc_init(&r, HZ, T0, 0, 0);
    assert_int_equal(get(&r, 13, 0), 0x80); /* VRT: the battery is good */
    put(&r, 13, 0, 0);
    assert_int_equal(get(&r, 13, 0), 0x80);
    assert_int_equal(get(&r, 10, 0), 0x26);
    assert_int_equal(get(&r, 11, 0), 0x02);
    for (u32 i = 14; i < 128; i++)
        if (i != 0x32)
            put(&r, (u8)i, (u8)(i ^ 0x5a), 0);
    put(&r, 11, 0x7a, 0);
    rtc_reset(&r, T0 + 1);
    assert_int_equal(get(&r, 11, 1), 0x02);
    for (u32 i = 14; i < 128; i++)
        if (i != 0x32)
            assert_int_equal(get(&r, (u8)i, 1), i ^ 0x5a); /* the memory outlives a reset */
    assert_int_equal(rtc_read(&r, 0x70, T0), 0xff);
}

/* Registers full of garbage, any B: defined behaviour, and valid time once it has run. */
static void test_garbage(void **state)
{
    (void)state;
    srandom(4);
    for (unsigned i = 0; i < 20000; i++) {
        struct rtc r;
        rtc_init(&r, HZ, T0, 0, 0);
        for (u8 reg = 0; reg < 12; reg++)
            put(&r, reg, (u8)random(), 10);
        put(&r, 0x32, (u8)random(), 10);
        put(&r, 10, 0x26, 20);
        const u8 b = (u8)(random() & 0x76);
        put(&r, 11, b, 20);
        const u64 now = (u64)random() * 100000;
        rtc_tick(&r, T0 + now + 2 * HZ);
        if (!(b & 4))
            assert_true(unbcd(get(&r, 0, now + 2 * HZ)) < 60);
        else
            assert_true(get(&r, 0, now + 2 * HZ) < 60);
        assert_true(r.deadline > T0 + now + 2 * HZ);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calendar),       cmocka_unit_test(test_formats),
        cmocka_unit_test(test_linux_set_time), cmocka_unit_test(test_update_in_progress),
        cmocka_unit_test(test_periodic),       cmocka_unit_test(test_update_interrupt_and_flags),
        cmocka_unit_test(test_alarm),          cmocka_unit_test(test_memory),
        cmocka_unit_test(test_registers),      cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
