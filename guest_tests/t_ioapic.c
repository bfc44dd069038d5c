/* The I/O APIC: edges from the 8254 at pin 2, levels from the real-time clock at pin 8.
 * Intel 82093AA data sheet (290566). */
#include "guest_tests/rt/ioapic.h"

#define PIN_TIMER    2u
#define PIN_CLOCK    8u
#define EDGE_VECTOR  0x51u
#define LEVEL_VECTOR 0x62u
#define REG_A_RATE_6 0x26u /* 1024 Hz */
#define REG_B_PIE    0x42u

static u32 entry(u32 pin)
{
    return ioapic_get(REG_ENTRY + 2 * pin);
}

/* The clock's line goes low when register C is read. */
static void clock_stop(void)
{
    cmos_write(0x0b, 0x02);
    (void)cmos_read(0x0c);
}

static void fresh(void)
{
    lapic_fresh();
    lapic_put(LVT_LINT0, MASKED | EXTINT);
    clock_stop();
    for (u32 pin = 0; pin <= ioapic_get(REG_VERSION) >> 16; pin++)
        ioapic_route(pin, 0, MASKED);
    on_vector(EDGE_VECTOR, lapic_note);
    on_vector(LEVEL_VECTOR, lapic_note);
    vector_count[EDGE_VECTOR] = vector_count[LEVEL_VECTOR] = 0;
    arrived = 0;
}

GUEST_TEST(registers)
{
    fresh();
    EXPECT_EQ(ioapic_get(REG_VERSION) & 0xff00ff, 0x170020);
    ioapic_route(5, 0xff, 0xfffe0000u | MASKED | LEVEL | ACTIVE_LOW | LOGICAL | 0x1ff);
    EXPECT_EQ(entry(5), MASKED | LEVEL | ACTIVE_LOW | LOGICAL | 0x1ff);
    EXPECT_EQ(ioapic_get(REG_ENTRY + 11), 0xff000000);
    EXPECT_EQ(ioapic_get(REG_ENTRY + 48), 0);
    fresh();
    EXPECT_EQ(entry(5), MASKED);
}

GUEST_TEST(edge)
{
    fresh();
    pit_periodic(PIT_HZ / 2000);
    EXPECT_FALSE(wait_for(&vector_count[EDGE_VECTOR], 1, tsc_ms(5)));
    ioapic_route(PIN_TIMER, lapic_get(ID) >> 24, EDGE_VECTOR);
    EXPECT_TRUE(wait_for(&vector_count[EDGE_VECTOR], 10, tsc_ms(20)));
    ioapic_route(PIN_TIMER, 0, MASKED | EDGE_VECTOR);
    vector_count[EDGE_VECTOR] = 0;
    EXPECT_FALSE(wait_for(&vector_count[EDGE_VECTOR], 1, tsc_ms(5)));
    pit_stop();
    fresh();
}

GUEST_TEST(edge_wakes_from_hlt)
{
    fresh();
    ioapic_route(PIN_TIMER, lapic_get(ID) >> 24, EDGE_VECTOR);
    pit_one_shot(PIT_HZ / 1000);
    cpu_sti_hlt();
    cpu_cli();
    EXPECT_EQ(vector_count[EDGE_VECTOR], 1);
    pit_stop();
    fresh();
}

GUEST_TEST(logical_destination)
{
    fresh();
    lapic_put(0x0e0, ~0u); /* DFR: flat */
    lapic_put(0x0d0, 0x02000000);
    ioapic_route(PIN_TIMER, 0x04, LOGICAL | EDGE_VECTOR); /* of somebody else */
    pit_periodic(PIT_HZ / 2000);
    EXPECT_FALSE(wait_for(&vector_count[EDGE_VECTOR], 1, tsc_ms(5)));
    ioapic_route(PIN_TIMER, 0x06, LOGICAL | 0x100 | EDGE_VECTOR); /* the lowest priority of two */
    EXPECT_TRUE(wait_for(&vector_count[EDGE_VECTOR], 5, tsc_ms(20)));
    pit_stop();
    lapic_put(0x0d0, 0);
    fresh();
}

/* The first interrupts leave the line high: each EOI brings the next. */
static void level_handler(struct frame *f)
{
    (void)f;
    EXPECT_TRUE(entry(PIN_CLOCK) & REMOTE_IRR);
    EXPECT_TRUE(lapic_has(0x180, LEVEL_VECTOR)); /* TMR */
    if (vector_count[LEVEL_VECTOR] >= 3)
        clock_stop();
    lapic_put(EOI, 0);
}

GUEST_TEST(level)
{
    fresh();
    on_vector(LEVEL_VECTOR, level_handler);
    ioapic_route(PIN_CLOCK, lapic_get(ID) >> 24, LEVEL | LEVEL_VECTOR);
    cmos_write(0x0a, REG_A_RATE_6);
    cmos_write(0x0b, REG_B_PIE);
    EXPECT_TRUE(wait_for(&vector_count[LEVEL_VECTOR], 1, tsc_ms(5)));
    irq_window();
    EXPECT_FALSE(wait_for(&vector_count[LEVEL_VECTOR], 4, tsc_ms(5)));
    EXPECT_EQ(vector_count[LEVEL_VECTOR], 3);
    EXPECT_EQ(entry(PIN_CLOCK), LEVEL | LEVEL_VECTOR); /* no remote IRR left */
    fresh();
}

static void no_eoi(struct frame *f)
{
    (void)f;
}

GUEST_TEST(level_waits_for_eoi)
{
    fresh();
    on_vector(LEVEL_VECTOR, no_eoi);
    ioapic_route(PIN_CLOCK, lapic_get(ID) >> 24, LEVEL | LEVEL_VECTOR);
    cmos_write(0x0a, REG_A_RATE_6);
    cmos_write(0x0b, REG_B_PIE);
    EXPECT_TRUE(wait_for(&vector_count[LEVEL_VECTOR], 1, tsc_ms(5)));
    lapic_send(HIGH); /* its EOI is another one's */
    EXPECT_FALSE(wait_for(&vector_count[LEVEL_VECTOR], 2, tsc_ms(5)));
    EXPECT_EQ(arrived, HIGH);
    clock_stop();
    lapic_put(EOI, 0);
    EXPECT_FALSE(wait_for(&vector_count[LEVEL_VECTOR], 2, tsc_ms(5)));
    EXPECT_FALSE(lapic_has(ISR, LEVEL_VECTOR));
    fresh();
}

/* Both see each line. */
GUEST_TEST(beside_the_8259s)
{
    fresh();
    lapic_put(LVT_LINT0, EXTINT);
    ioapic_route(PIN_TIMER, lapic_get(ID) >> 24, EDGE_VECTOR);
    vector_count[VEC_IRQ0] = 0;
    pic_unmask(0);
    pit_one_shot(PIT_HZ / 1000);
    EXPECT_TRUE(wait_for(&vector_count[EDGE_VECTOR], 1, tsc_ms(5)));
    EXPECT_TRUE(wait_for(&vector_count[VEC_IRQ0], 1, tsc_ms(5)));
    pic_mask_all();
    pit_stop();
    fresh();
    lapic_fresh();
}
