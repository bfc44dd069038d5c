/* The I/O APIC and the 8259s with several processors.  Intel 82093AA data sheet (290566). */
#include "guest_tests/rt/ioapic.h"
#include "guest_tests/rt/smp.h"
#include "lib/atomic.h"

#define PIN_TIMER    2u
#define PIN_CLOCK    8u
#define PIN_FREE     20u
#define EDGE_VECTOR  0x51u
#define LEVEL_VECTOR 0x62u
#define REG_A_RATE_6 0x26u /* 1024 Hz */
#define REG_B_PIE    0x42u
#define LDR          0x0d0u
#define DFR          0x0e0u
#define ROUNDS       2000u

static volatile u64 got[SMP_MAX];
static u32 lock; /* the guest's own, for select and window */

static void take_lock(void)
{
    u32 open = 0;

    while (!atomic_cmpxchg(&lock, &open, 1)) {
        open = 0;
        cpu_pause();
    }
}

static void clock_stop(void)
{
    cmos_write(0x0b, 0x02);
    (void)cmos_read(0x0c);
}

static void count_irq(struct frame *f)
{
    (void)f;
    (void)atomic_add(&got[smp_self()], 1);
    lapic_put(EOI, 0);
}

static void set_logical(u64 arg)
{
    (void)arg;
    lapic_put(DFR, ~0u);
    lapic_put(LDR, BIT32(24 + smp_self()));
}

static void forget(void)
{
    for (u32 cpu = 0; cpu < SMP_MAX; cpu++)
        got[cpu] = 0;
}

static void fresh(void)
{
    if (smp_count() == 0)
        EXPECT_TRUE(smp_boot() > 1);
    lapic_fresh();
    lapic_put(LVT_LINT0, MASKED | EXTINT);
    clock_stop();
    for (u32 pin = 0; pin <= ioapic_get(REG_VERSION) >> 16; pin++)
        ioapic_route(pin, 0, MASKED);
    on_vector(EDGE_VECTOR, count_irq);
    on_vector(LEVEL_VECTOR, count_irq);
    forget();
    EXPECT_TRUE(smp_all(set_logical, 0));
}

static u64 total(void)
{
    u64 sum = 0;

    for (u32 cpu = 0; cpu < smp_count(); cpu++)
        sum += got[cpu];
    return sum;
}

static bool wait_total(u64 at_least, u64 ms)
{
    cpu_sti();
    for (const u64 begin = rdtsc(); total() < at_least && rdtsc() - begin < tsc_ms(ms);)
        cpu_pause();
    cpu_cli();
    return total() >= at_least;
}

/* Edges of the 8254, to each processor in turn. */
static void timer_to(u32 cpu, u32 destination, u32 mode)
{
    forget();
    ioapic_route(PIN_TIMER, destination, mode | EDGE_VECTOR);
    pit_periodic(PIT_HZ / 2000);
    EXPECT_TRUE(wait_total(5, 400));
    pit_stop();
    ioapic_route(PIN_TIMER, 0, MASKED);
    for (u32 other = 0; other < smp_count(); other++)
        EXPECT_EQ(got[other] != 0, other == cpu);
}

GUEST_TEST(timer_physical)
{
    fresh();
    for (u32 cpu = 0; cpu < smp_count(); cpu++)
        timer_to(cpu, cpu, 0);
}

GUEST_TEST(timer_logical)
{
    fresh();
    for (u32 cpu = 0; cpu < smp_count(); cpu++)
        timer_to(cpu, BIT32(cpu), LOGICAL);
}

static void set_tpr(u64 value)
{
    lapic_put(TPR, (u32)value);
}

GUEST_TEST(timer_lowest_priority)
{
    const u32 last = smp_count() - 1;

    fresh();
    EXPECT_TRUE(smp_all(set_tpr, 0x40));
    EXPECT_TRUE(smp_call(last, set_tpr, 0x20));
    timer_to(last, 0xff, LOWEST | LOGICAL);
    EXPECT_TRUE(smp_all(set_tpr, 0));
}

GUEST_TEST(timer_to_all)
{
    fresh();
    ioapic_route(PIN_TIMER, 0xff, LOGICAL | EDGE_VECTOR);
    pit_one_shot(PIT_HZ / 1000);
    EXPECT_TRUE(wait_total(smp_count(), 400));
    for (u32 cpu = 0; cpu < smp_count(); cpu++)
        EXPECT_EQ(got[cpu], 1);
    pit_stop();
}

/* ---- levels ---- */

static volatile u64 level_seen[SMP_MAX];
static volatile bool hold; /* no EOI yet */

static void on_level(struct frame *f)
{
    const u32 self = smp_self();

    (void)f;
    (void)atomic_add(&level_seen[self], 1);
    while (hold)
        cpu_pause();
    if (level_seen[self] >= 3) {
        take_lock();
        clock_stop();
        store_release(&lock, 0);
    }
    lapic_put(EOI, 0);
}

static u32 clock_entry(void)
{
    take_lock();
    const u32 low = ioapic_get(REG_ENTRY + 2 * PIN_CLOCK);
    store_release(&lock, 0);
    return low;
}

GUEST_TEST(level_to_another)
{
    fresh();
    on_vector(LEVEL_VECTOR, on_level);
    for (u32 cpu = 0; cpu < SMP_MAX; cpu++)
        level_seen[cpu] = 0;
    hold = true;
    ioapic_route(PIN_CLOCK, 1, LEVEL | LEVEL_VECTOR);
    cmos_write(0x0a, REG_A_RATE_6);
    cmos_write(0x0b, REG_B_PIE);
    EXPECT_TRUE(smp_wait_value(&level_seen[1], 1, tsc_ms(400)));
    EXPECT_TRUE(clock_entry() & REMOTE_IRR);
    lapic_put(EOI, 0); /* not of this processor */
    EXPECT_TRUE(clock_entry() & REMOTE_IRR);
    EXPECT_EQ(level_seen[1], 1);
    hold = false; /* the line is still up: each EOI brings the next */
    EXPECT_TRUE(smp_wait_value(&level_seen[1], 3, tsc_ms(400)));
    for (const u64 begin = rdtsc(); (clock_entry() & REMOTE_IRR) && rdtsc() - begin < tsc_ms(400);)
        cpu_pause();
    EXPECT_EQ(clock_entry(), LEVEL | LEVEL_VECTOR);
    EXPECT_EQ(level_seen[0], 0);
    EXPECT_EQ(level_seen[1], 3);
    fresh();
}

/* ---- all at one device ---- */

static void hammer(u64 rounds)
{
    const u32 pin = PIN_FREE - smp_self();

    for (u32 i = 0; i < rounds; i++) {
        const u32 high = i << 24, low = MASKED | (0x40 + i % 64);

        take_lock();
        ioapic_put(REG_ENTRY + 2 * pin + 1, high);
        ioapic_put(REG_ENTRY + 2 * pin, low);
        store_release(&lock, 0);
        take_lock();
        const u32 got_high = ioapic_get(REG_ENTRY + 2 * pin + 1);
        const u32 got_low = ioapic_get(REG_ENTRY + 2 * pin);
        store_release(&lock, 0);
        if (got_high != high || got_low != low)
            FAIL("pin %u: 0x%x 0x%x, not 0x%x 0x%x", pin, got_high, got_low, high, low);
    }
}

GUEST_TEST(select_and_window)
{
    fresh();
    EXPECT_TRUE(smp_all(hammer, ROUNDS / smp_count()));
    fresh();
}

static volatile bool busy;

/* The masks of the second 8259, over and over; it does not count in what the first one says. */
static void use_the_8259(u64 arg)
{
    (void)arg;
    for (u64 i = 0; busy; i++) {
        outb(PIC2_DATA, (u8)(i | 1));
        if (inb(PIC2_DATA) != (u8)(i | 1))
            FAIL("mask 0x%x", (u32)i);
    }
    outb(PIC2_DATA, 0xff);
}

GUEST_TEST(extint_beside_port_io)
{
    fresh();
    lapic_put(LVT_LINT0, EXTINT);
    busy = true;
    smp_start(1, use_the_8259, 0);
    vector_count[VEC_IRQ0] = 0;
    pic_unmask(0);
    pit_periodic(PIT_HZ / 2000);
    EXPECT_TRUE(wait_for(&vector_count[VEC_IRQ0], 20, tsc_ms(800)));
    busy = false;
    EXPECT_TRUE(smp_wait(1));
    pic_mask_all();
    pit_stop();
    lapic_fresh();
}
