/* Time: the PIT's rate, the PM timer, the RTC with its interrupt, and a TSC that only grows. */
#include "guest_tests/rt/guest.h"

#define RTC_IRQ     8
#define PM_TIMER    0x608
#define PM_TIMER_HZ 3579545u

GUEST_TEST(pit_rate)
{
    u64 start = 0, ticks = 0;

    vector_count[VEC_IRQ0] = 0;
    pit_periodic(PIT_HZ / 1000);
    pic_unmask(0);
    EXPECT_TRUE(wait_for(&vector_count[VEC_IRQ0], 1, tsc_ms(50)));
    start = rdtsc();
    EXPECT_TRUE(wait_for(&vector_count[VEC_IRQ0], 101, tsc_ms(300)));
    ticks = rdtsc() - start;
    pit_stop();
    EXPECT_TRUE(ticks > tsc_ms(95) && ticks < tsc_ms(105));
}

GUEST_TEST(pit_counts_down)
{
    u32 first = 0, second = 0;

    outb(0x43, 0x34);
    outb(0x40, 0xff);
    outb(0x40, 0xff);
    pit_wait(100);
    outb(0x43, 0x00); /* latch channel 0 */
    first = inb(0x40);
    first |= (u32)inb(0x40) << 8;
    pit_wait(1000);
    outb(0x43, 0x00);
    second = inb(0x40);
    second |= (u32)inb(0x40) << 8;
    EXPECT_TRUE(first > second);
    EXPECT_TRUE(first - second > 950 && first - second < 1300);
    outb(0x43, 0xe2); /* read back the status of channel 0 */
    EXPECT_EQ(inb(0x40) & 0x3f, 0x34);
    pit_stop();
}

GUEST_TEST(pm_timer_rate)
{
    const u32 start = inl(PM_TIMER);
    u32 ticks = 0;

    pit_wait(PIT_HZ / 50);
    ticks = (inl(PM_TIMER) - start) & 0xffffff;
    EXPECT_TRUE(ticks > PM_TIMER_HZ / 52 && ticks < PM_TIMER_HZ / 48);
}

GUEST_TEST(tsc_is_monotonic)
{
    u64 last = rdtsc();
    u32 backwards = 0;

    for (u32 i = 0; i < 100000; i++) {
        const u64 now = rdtsc();

        backwards += now < last;
        last = now;
        if (i % 16 == 0)
            (void)cpuid(0, 0);
    }
    EXPECT_EQ(backwards, 0);
}

GUEST_TEST(rdtscp)
{
    u32 low = 0, high = 0, aux = 0;
    u64 before = 0;

    if ((cpuid(0x80000001, 0).edx & BIT(27)) == 0)
        SKIP("no RDTSCP");
    wrmsr(0xc0000103, 0x1234567);
    before = rdtsc();
    __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
    EXPECT_EQ(aux, 0x1234567);
    EXPECT_TRUE(((u64)high << 32 | low) >= before);
    wrmsr(0xc0000103, 0);
}

static u32 rtc_second(void)
{
    while (cmos_read(0x0a) & 0x80)
        ;
    return cmos_read(0x00);
}

GUEST_TEST(rtc_seconds_advance)
{
    u32 second = rtc_second();
    u64 start = rdtsc(), ticks = 0;

    while (rtc_second() == second && rdtsc() - start < tsc_ms(1500))
        ;
    second = rtc_second();
    start = rdtsc();
    while (rtc_second() == second && rdtsc() - start < tsc_ms(1500))
        ;
    ticks = rdtsc() - start;
    EXPECT_TRUE(ticks > tsc_ms(950) && ticks < tsc_ms(1050));
}

static void rtc_tick(struct frame *f)
{
    (void)f;
    (void)cmos_read(0x0c);
    pic_eoi(RTC_IRQ);
}

GUEST_TEST(rtc_periodic_interrupt)
{
    const u8 a = cmos_read(0x0a), b = cmos_read(0x0b);
    u64 start = 0, ticks = 0;

    vector_count[VEC_IRQ8] = 0;
    on_vector(VEC_IRQ8, rtc_tick);
    cmos_write(0x0a, 0x26); /* 1024 Hz */
    cmos_write(0x0b, (u8)((b & 0x07) | 0x40));
    (void)cmos_read(0x0c);
    pic_unmask(RTC_IRQ);
    EXPECT_TRUE(wait_for(&vector_count[VEC_IRQ8], 1, tsc_ms(50)));
    start = rdtsc();
    EXPECT_TRUE(wait_for(&vector_count[VEC_IRQ8], 103, tsc_ms(400)));
    ticks = rdtsc() - start;
    EXPECT_TRUE(ticks > tsc_ms(90) && ticks < tsc_ms(110));
    cmos_write(0x0b, b);
    cmos_write(0x0a, a);
    (void)cmos_read(0x0c);
}

GUEST_TEST(rtc_calendar_is_sane)
{
    const u8 b = cmos_read(0x0b);
    u32 year = 0, month = 0;

    while (cmos_read(0x0a) & 0x80)
        ;
    year = cmos_read(0x09), month = cmos_read(0x08);
    if ((b & 4) == 0) {
        year = (year >> 4) * 10 + (year & 15);
        month = (month >> 4) * 10 + (month & 15);
    }
    EXPECT_TRUE(year < 100);
    EXPECT_TRUE(month >= 1 && month <= 12);
}
