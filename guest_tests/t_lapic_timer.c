/* The local APIC's timer, and the 8259s at LINT0.
 * SDM Vol. 3A, "APIC Timer" and "Local Vector Table". */
#include "guest_tests/rt/lapic.h"

static const struct divisor {
    u32 code, shift;
} divisors[] = {{0xb, 0}, {0x3, 4}, {0xa, 7}};

/* So many timer ticks in 10 ms: leaf 0x15 gives the crystal's rate, which the timer runs at. */
static u32 timer_10ms(u32 shift)
{
    return (u32)((machine.tsc_hz / 100) >> shift);
}

GUEST_TEST(timer_one_shot)
{
    for (u32 i = 0; i < ARRAY_LEN(divisors); i++) {
        u64 start = 0, ticks = 0;

        lapic_fresh();
        lapic_put(DIVIDE, divisors[i].code);
        lapic_put(LVT_TIMER, TIMER);
        start = rdtsc();
        lapic_put(INITIAL_COUNT, timer_10ms(divisors[i].shift));
        EXPECT_TRUE(wait_for(&vector_count[TIMER], 1, tsc_ms(50)));
        ticks = rdtsc() - start;
        EXPECT_TRUE(ticks >= tsc_ms(10) - 256 && ticks < tsc_ms(11));
        EXPECT_EQ(lapic_get(CURRENT_COUNT), 0);
        EXPECT_FALSE(wait_for(&vector_count[TIMER], 2, tsc_ms(15)));
    }
    lapic_fresh();
}

GUEST_TEST(timer_periodic)
{
    for (u32 i = 0; i < ARRAY_LEN(divisors); i++) {
        u64 start = 0, ticks = 0;

        lapic_fresh();
        lapic_put(DIVIDE, divisors[i].code);
        lapic_put(LVT_TIMER, PERIODIC | TIMER);
        lapic_put(INITIAL_COUNT, timer_10ms(divisors[i].shift) / 10);
        EXPECT_TRUE(wait_for(&vector_count[TIMER], 1, tsc_ms(50)));
        start = rdtsc();
        EXPECT_TRUE(wait_for(&vector_count[TIMER], 51, tsc_ms(100)));
        ticks = rdtsc() - start;
        EXPECT_TRUE(ticks > tsc_ms(49) && ticks < tsc_ms(51));
        lapic_put(INITIAL_COUNT, 0);
        irq_window();
        vector_count[TIMER] = 0;
        EXPECT_FALSE(wait_for(&vector_count[TIMER], 1, tsc_ms(3)));
    }
    lapic_fresh();
}

GUEST_TEST(timer_wakes_from_hlt)
{
    u64 start = 0;

    lapic_fresh();
    lapic_put(DIVIDE, 0xb);
    lapic_put(LVT_TIMER, TIMER);
    start = rdtsc();
    lapic_put(INITIAL_COUNT, timer_10ms(0) / 2);
    cpu_sti_hlt();
    cpu_cli();
    EXPECT_EQ(vector_count[TIMER], 1);
    EXPECT_TRUE(rdtsc() - start >= tsc_ms(5) && rdtsc() - start < tsc_ms(8));
    lapic_fresh();
}

#define TSC_DEADLINE_MODE 0x40000u
#define MSR_TSC_DEADLINE  0x6e0u

GUEST_TEST(tsc_deadline)
{
    u64 when = 0;

    EXPECT_TRUE(cpuid(1, 0).ecx & BIT(24));
    lapic_fresh();
    EXPECT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + tsc_ms(1)); /* another mode: nothing */
    EXPECT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
    lapic_put(LVT_TIMER, TSC_DEADLINE_MODE | TIMER);
    for (u32 i = 1; i <= 5; i++) {
        when = rdtsc() + tsc_ms(i);
        wrmsr(MSR_TSC_DEADLINE, when);
        EXPECT_EQ(rdmsr(MSR_TSC_DEADLINE), when);
        EXPECT_TRUE(wait_for(&vector_count[TIMER], i, tsc_ms(20)));
        EXPECT_TRUE(rdtsc() >= when && rdtsc() < when + tsc_ms(1));
        EXPECT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
    }
    wrmsr(MSR_TSC_DEADLINE, 1); /* long ago: at once */
    irq_window();
    EXPECT_EQ(vector_count[TIMER], 6);
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + tsc_ms(1));
    wrmsr(MSR_TSC_DEADLINE, 0);
    EXPECT_FALSE(wait_for(&vector_count[TIMER], 7, tsc_ms(3)));
    lapic_fresh();
}

GUEST_TEST(tsc_deadline_wakes_from_hlt)
{
    u64 when = 0;

    lapic_fresh();
    lapic_put(LVT_TIMER, TSC_DEADLINE_MODE | TIMER);
    when = rdtsc() + tsc_ms(5);
    wrmsr(MSR_TSC_DEADLINE, when);
    cpu_sti_hlt();
    cpu_cli();
    EXPECT_EQ(vector_count[TIMER], 1);
    EXPECT_TRUE(rdtsc() >= when && rdtsc() < when + tsc_ms(1));
    lapic_fresh();
}

/* It is the guest's own clock that counts. */
GUEST_TEST(tsc_deadline_moves_with_the_tsc)
{
    const u64 adjust = rdmsr(0x3b);

    lapic_fresh();
    lapic_put(LVT_TIMER, TSC_DEADLINE_MODE | TIMER);
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + tsc_ms(1000));
    wrmsr(0x3b, adjust + tsc_ms(999));
    EXPECT_TRUE(wait_for(&vector_count[TIMER], 1, tsc_ms(5)));
    wrmsr(0x3b, adjust);
    lapic_fresh();
}

GUEST_TEST(timer_masked)
{
    lapic_fresh();
    lapic_put(DIVIDE, 0xb);
    lapic_put(LVT_TIMER, MASKED | TIMER);
    lapic_put(INITIAL_COUNT, timer_10ms(0) / 10);
    EXPECT_FALSE(wait_for(&vector_count[TIMER], 1, tsc_ms(3)));
    EXPECT_EQ(lapic_get(CURRENT_COUNT), 0); /* it ran, and is over */
    lapic_put(LVT_TIMER, TIMER);
    EXPECT_FALSE(wait_for(&vector_count[TIMER], 1, tsc_ms(3)));
    lapic_fresh();
}

GUEST_TEST(timer_counts_down)
{
    u32 last = timer_10ms(0) * 10, wrong = 0;
    u64 start = 0, ticks = 0;

    lapic_fresh();
    lapic_put(DIVIDE, 0xb);
    lapic_put(INITIAL_COUNT, last);
    start = rdtsc();
    EXPECT_EQ(lapic_get(INITIAL_COUNT), last);
    for (u32 i = 0; i < 1000; i++) {
        const u32 now = lapic_get(CURRENT_COUNT);

        wrong += now >= last;
        last = now;
    }
    ticks = rdtsc() - start;
    EXPECT_EQ(wrong, 0);
    EXPECT_TRUE(timer_10ms(0) * 10 - last > ticks - ticks / 8);
    EXPECT_TRUE(timer_10ms(0) * 10 - last < ticks + ticks / 8);
    lapic_fresh();
}

/* ---- the 8259s at LINT0 ---- */

GUEST_TEST(lint0_masked)
{
    lapic_fresh();
    lapic_put(LVT_LINT0, MASKED | EXTINT);
    vector_count[VEC_IRQ0] = 0;
    pit_periodic(PIT_HZ / 2000);
    pic_unmask(0);
    EXPECT_FALSE(wait_for(&vector_count[VEC_IRQ0], 1, tsc_ms(5)));
    lapic_put(LVT_LINT0, EXTINT);
    EXPECT_TRUE(wait_for(&vector_count[VEC_IRQ0], 5, tsc_ms(20)));
    lapic_put(LVT_LINT0, MASKED | EXTINT);
    vector_count[VEC_IRQ0] = 0;
    EXPECT_FALSE(wait_for(&vector_count[VEC_IRQ0], 1, tsc_ms(5)));
    pit_stop();
    pic_mask_all();
    lapic_fresh();
}

/* ExtINT knows no priority of the APIC's. */
GUEST_TEST(extint_passes_the_tpr)
{
    lapic_fresh();
    lapic_put(TPR, 0xff);
    vector_count[VEC_IRQ0] = 0;
    pit_one_shot(20);
    pic_unmask(0);
    EXPECT_TRUE(wait_for(&vector_count[VEC_IRQ0], 1, tsc_ms(5)));
    EXPECT_FALSE(lapic_has(ISR, VEC_IRQ0));
    pit_stop();
    pic_mask_all();
    lapic_fresh();
}
