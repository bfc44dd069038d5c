/* MC146818; see rtc.h.  The time registers are the truth, as in the chip: rtc_tick()
 * adds the seconds that have passed since the last call.  Pure. */
#include "vmm/dev/rtc.h"

// clang-format off
enum { SECOND, SECOND_ALARM, MINUTE, MINUTE_ALARM, HOUR, HOUR_ALARM, WEEKDAY, DAY, MONTH, YEAR,
       REG_A, REG_B, REG_C, REG_D, CENTURY = 0x32 };
enum { A_UIP = 0x80, A_DIVIDER = 0x70, A_RATE = 0x0f, A_DIVIDER_RESET = 0x60 };
enum { B_SET = 0x80, B_PIE = 0x40, B_AIE = 0x20, B_UIE = 0x10, B_SQWE = 0x08, B_BINARY = 0x04,
       B_24H = 0x02 };
enum { C_IRQF = 0x80, C_PF = 0x40, C_AF = 0x20, C_UF = 0x10 };
enum { D_VALID = 0x80, HOUR_PM = 0x80, ALARM_ANY = 0xc0 };
// clang-format on

#define SECOND_SHIFT 15 /* RTC_HZ = 2^15 */
#define UIP_CLOCKS   8  /* the update is announced 244 microseconds ahead */
#define DAY_SECONDS  86400u
#define DAYS_TO_1970 719468u /* from 0000-03-01, where the calendar below begins */

static u32 decode(const struct rtc *r, u8 v)
{
    return r->cmos[REG_B] & B_BINARY ? v : (u32)(v >> 4) * 10 + (v & 15);
}

static u8 encode(const struct rtc *r, u32 n)
{
    return (u8)(r->cmos[REG_B] & B_BINARY ? n : n / 10 << 4 | n % 10);
}

static u32 decode_hour(const struct rtc *r, u8 v)
{
    if (r->cmos[REG_B] & B_24H)
        return decode(r, v);
    return decode(r, v & 0x7f) % 12 + (v & HOUR_PM ? 12 : 0);
}

static u8 encode_hour(const struct rtc *r, u32 hour)
{
    if (r->cmos[REG_B] & B_24H)
        return encode(r, hour);
    return (u8)(encode(r, (hour + 11) % 12 + 1) | (hour >= 12 ? HOUR_PM : 0));
}

static u32 time_of_day(const struct rtc *r)
{
    return decode_hour(r, r->cmos[HOUR]) * 3600 + decode(r, r->cmos[MINUTE]) * 60 +
           decode(r, r->cmos[SECOND]);
}

/* Days from 0000-03-01 of the proleptic Gregorian calendar, with years that begin in
 * March so that the leap day is the last one. */
static u64 days_of_date(u32 year, u32 month, u32 day)
{
    const u32 y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
    return 365ull * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
}

static void set_date(struct rtc *r, u64 days)
{
    const u32 in_cycle = (u32)(days % 146097); /* of 400 years */
    const u32 y = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
    const u32 in_year = in_cycle - (365 * y + y / 4 - y / 100);
    const u32 m = (5 * in_year + 2) / 153;
    const u64 year = days / 146097 * 400 + y + (m >= 10 ? 1 : 0);
    r->cmos[DAY] = encode(r, in_year - (153 * m + 2) / 5 + 1);
    r->cmos[MONTH] = encode(r, m < 10 ? m + 3 : m - 9);
    r->cmos[YEAR] = encode(r, (u32)(year % 100));
    r->cmos[CENTURY] = encode(r, (u32)(year / 100 % 100));
}

static void set_time(struct rtc *r, u32 seconds)
{
    r->cmos[HOUR] = encode_hour(r, seconds / 3600);
    r->cmos[MINUTE] = encode(r, seconds / 60 % 60);
    r->cmos[SECOND] = encode(r, seconds % 60);
}

static void add_days(struct rtc *r, u64 days)
{
    const u32 month = decode(r, r->cmos[MONTH]);
    const u32 year = decode(r, r->cmos[CENTURY]) * 100 + decode(r, r->cmos[YEAR]);
    const u64 date =
        days_of_date(MAX(year, 1u), MIN(MAX(month, 1u), 12u), MAX(decode(r, r->cmos[DAY]), 1u));
    set_date(r, date + days);
    r->cmos[WEEKDAY] = encode(r, (u32)((decode(r, r->cmos[WEEKDAY]) + 6 + days) % 7 + 1));
}

static void add_seconds(struct rtc *r, u64 seconds)
{
    const u64 t = time_of_day(r) + seconds;
    set_time(r, (u32)(t % DAY_SECONDS));
    if (t >= DAY_SECONDS)
        add_days(r, t / DAY_SECONDS);
}

/* The divider chain counts (it does not in its reset states 11x), the time is not being set. */
static bool divider_runs(const struct rtc *r)
{
    return (r->cmos[REG_A] & A_DIVIDER_RESET) != A_DIVIDER_RESET;
}

static bool time_runs(const struct rtc *r)
{
    return divider_runs(r) && !(r->cmos[REG_B] & B_SET);
}

/* log2 of the periodic interrupt's period in RTC clocks; 0: none. */
static unsigned periodic_shift(const struct rtc *r)
{
    const unsigned rate = r->cmos[REG_A] & A_RATE;
    if (rate == 0 || !divider_runs(r))
        return 0;
    return rate < 3 ? rate + 6 : rate - 1;
}

/* One alarm register against a time value; -1: any. */
static i32 alarm_field(const struct rtc *r, unsigned reg)
{
    const u8 v = r->cmos[reg];
    if ((v & ALARM_ANY) == ALARM_ANY)
        return -1;
    return (i32)(reg == HOUR_ALARM ? decode_hour(r, v) : decode(r, v));
}

/* Seconds from now, 1..86400, to the next time of day that the alarm names; 0: never. */
static u32 seconds_to_alarm(const struct rtc *r)
{
    const i32 hour = alarm_field(r, HOUR_ALARM), minute = alarm_field(r, MINUTE_ALARM),
              second = alarm_field(r, SECOND_ALARM);
    if (hour > 23 || minute > 59 || second > 59)
        return 0;
    const u32 from = time_of_day(r) % DAY_SECONDS;
    u32 t = from + 1;
    for (unsigned i = 0; i < 24 + 4 * 60; i++) { /* hours, and minutes and seconds twice */
        if (hour >= 0 && t / 3600 % 24 != (u32)hour)
            t = (t / 3600 + 1) * 3600;
        else if (minute >= 0 && t / 60 % 60 != (u32)minute)
            t = (t / 60 + 1) * 60;
        else if (second >= 0 && t % 60 != (u32)second)
            t++;
        else
            return t - from;
    }
    return 0;
}

static u64 second_start(const struct rtc *r, u64 ahead)
{
    return ((((r->clk - r->phase) >> SECOND_SHIFT) + ahead) << SECOND_SHIFT) + r->phase;
}

static void find_alarm(struct rtc *r)
{
    const u32 seconds = time_runs(r) ? seconds_to_alarm(r) : 0;
    r->alarm = seconds ? second_start(r, seconds) : CLOCK_NEVER;
}

/* IRQF and the deadline of the next interrupt, from the flags and enables. */
static void update(struct rtc *r)
{
    const u8 enabled = r->cmos[REG_B] & (B_PIE | B_AIE | B_UIE);
    r->irq = (r->cmos[REG_C] & enabled) != 0;
    r->deadline = CLOCK_NEVER;
    if (r->irq || enabled == 0)
        return;
    u64 next = CLOCK_NEVER;
    const unsigned shift = periodic_shift(r);
    if ((enabled & B_PIE) && shift)
        next = ((((r->clk - r->phase) >> shift) + 1) << shift) + r->phase;
    if ((enabled & B_UIE) && time_runs(r))
        next = MIN(next, second_start(r, 1));
    if (enabled & B_AIE)
        next = MIN(next, r->alarm);
    if (next != CLOCK_NEVER)
        r->deadline = clock_when(&r->clock, next);
}

void rtc_tick(struct rtc *r, u64 now)
{
    const u64 clk = clock_count(&r->clock, now);
    if (clk > r->clk) {
        const u64 before = r->clk - r->phase, after = clk - r->phase;
        const unsigned shift = periodic_shift(r);
        r->clk = clk;
        if (shift && before >> shift != after >> shift)
            r->cmos[REG_C] |= C_PF;
        const u64 seconds = (after >> SECOND_SHIFT) - (before >> SECOND_SHIFT);
        if (seconds && time_runs(r)) {
            add_seconds(r, seconds);
            r->cmos[REG_C] |= C_UF;
        }
        if (clk >= r->alarm) {
            r->cmos[REG_C] |= C_AF;
            find_alarm(r);
        }
    }
    update(r);
}

static void write_a(struct rtc *r, u8 value)
{
    const bool ran = divider_runs(r);
    r->cmos[REG_A] = value & (A_DIVIDER | A_RATE);
    if (!ran && divider_runs(r)) /* the first update comes half a second after the release */
        r->phase = r->clk - RTC_HZ / 2;
}

static void write_register(struct rtc *r, u8 value)
{
    switch (r->index) {
    case REG_A: write_a(r, value); break;
    case REG_B:
        if (value & B_SET) /* SET clears UIE */
            value &= (u8)~B_UIE;
        r->cmos[REG_B] = value;
        break;
    case REG_C:
    case REG_D: return; /* read-only */
    default: r->cmos[r->index] = value; break;
    }
    if (r->index <= REG_B)
        find_alarm(r);
}

void rtc_write(struct rtc *r, u16 port, u8 value, u64 now)
{
    if (port == 0x70) { /* bit 7 masks NMI, of which there are none */
        r->index = value & 0x7f;
        return;
    }
    rtc_tick(r, now);
    write_register(r, value);
    update(r);
}

static bool update_in_progress(const struct rtc *r)
{
    return time_runs(r) && ((r->clk - r->phase) & (RTC_HZ - 1)) >= RTC_HZ - UIP_CLOCKS;
}

u8 rtc_read(struct rtc *r, u16 port, u64 now)
{
    if (port == 0x70)
        return 0xff; /* write-only */
    rtc_tick(r, now);
    u8 value = r->cmos[r->index];
    switch (r->index) {
    case REG_A: return (u8)(value | (update_in_progress(r) ? A_UIP : 0));
    case REG_C:
        value |= r->irq ? C_IRQF : 0;
        r->cmos[REG_C] = 0;
        update(r);
        return value;
    case REG_D: return D_VALID;
    default: return value;
    }
}

static void put_u16(struct rtc *r, unsigned reg, u64 value)
{
    r->cmos[reg] = (u8)value;
    r->cmos[reg + 1] = (u8)(value >> 8);
}

void rtc_init(struct rtc *r, u64 tsc_hz, u64 now, u64 wall_time, u64 memory)
{
    *r = (struct rtc){.alarm = CLOCK_NEVER};
    clock_init(&r->clock, RTC_HZ, tsc_hz, now);
    r->cmos[REG_A] = 0x26; /* 32768 Hz, 1024 Hz periodic */
    r->cmos[REG_B] = B_24H;
    const u64 days = wall_time / DAY_SECONDS;
    set_time(r, (u32)(wall_time % DAY_SECONDS));
    set_date(r, days + DAYS_TO_1970);
    r->cmos[WEEKDAY] = (u8)((days + 4) % 7 + 1); /* 1970-01-01 was a Thursday; Sunday is 1 */

    const u64 above_1m = memory > MiB ? (memory - MiB) / KiB : 0;
    const u64 above_16m = memory > 16 * MiB ? (memory - 16 * MiB) / (64 * KiB) : 0;
    put_u16(r, 0x15, MIN(memory / KiB, 640ull));
    put_u16(r, 0x17, MIN(above_1m, 0xffffull));
    put_u16(r, 0x30, MIN(above_1m, 0xffffull));
    put_u16(r, 0x34, MIN(above_16m, 0xffffull));
    find_alarm(r);
    rtc_reset(r, now);
}

void rtc_reset(struct rtc *r, u64 now)
{
    rtc_tick(r, now);
    r->cmos[REG_B] &= (u8) ~(B_PIE | B_AIE | B_UIE | B_SQWE);
    r->cmos[REG_C] = 0;
    r->index = 0;
    update(r);
}
