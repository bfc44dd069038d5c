/* The local APIC in xAPIC mode: registers, priorities, interrupts to oneself.
 * SDM Vol. 3A, "Advanced Programmable Interrupt Controller (APIC)". */
#include "guest_tests/rt/lapic.h"

static void note_nmi(struct frame *f)
{
    arrived = arrived << 8 | (u32)f->vector;
}

GUEST_TEST(is_shown)
{
    EXPECT_TRUE(cpuid(1, 0).edx & BIT(9));
    EXPECT_TRUE(cpuid(6, 0).eax & BIT(2)); /* ARAT */
    EXPECT_EQ(rdmsr(0x1b), 0xfee00900);
}

GUEST_TEST(registers)
{
    lapic_fresh();
    EXPECT_EQ(lapic_get(VERSION), 0x50014);
    EXPECT_EQ(lapic_get(ID) >> 24, cpuid(1, 0).ebx >> 24);
    EXPECT_EQ(lapic_get(SVR), ENABLED | SPURIOUS);
    EXPECT_EQ(lapic_get(LVT_LINT0), EXTINT);
    lapic_put(VERSION, 0);
    lapic_put(LVT_ERROR, ~0u);
    EXPECT_EQ(lapic_get(VERSION), 0x50014);
    EXPECT_EQ(lapic_get(LVT_ERROR), 0x100ff);
    lapic_put(LVT_TIMER, 0xfff9ff00u | MASKED | TIMER); /* its status is read-only */
    EXPECT_EQ(lapic_get(LVT_TIMER), MASKED | TIMER);
    lapic_put(DIVIDE, ~0u);
    EXPECT_EQ(lapic_get(DIVIDE), 0xb);
    lapic_put(TPR, 0xffffff35u);
    EXPECT_EQ(lapic_get(TPR), 0x35);
    EXPECT_EQ(lapic_get(PPR), 0x35);
    lapic_fresh();
}

GUEST_TEST(reserved_offsets)
{
    lapic_fresh();
    EXPECT_EQ(lapic_errors(), 0);
    EXPECT_EQ(lapic_get(0x000), 0);
    EXPECT_EQ(lapic_errors(), ILLEGAL_ACCESS);
    EXPECT_EQ(lapic_errors(), 0);
    lapic_put(0x3f0, ~0u);
    EXPECT_EQ(lapic_errors(), ILLEGAL_ACCESS);
    EXPECT_EQ(lapic_get(0x3f0), 0);
    lapic_fresh();
}

GUEST_TEST(tpr_is_cr8)
{
    lapic_fresh();
    write_cr8(5);
    EXPECT_EQ(lapic_get(TPR), 0x50);
    EXPECT_EQ(lapic_get(PPR), 0x50);
    lapic_put(TPR, 0x9f);
    EXPECT_EQ(read_cr8(), 9);
    write_cr8(0);
    EXPECT_EQ(lapic_get(TPR), 0);
}

GUEST_TEST(tpr_holds_back_its_class)
{
    lapic_fresh();
    lapic_put(TPR, MIDDLE & 0xf0);
    lapic_send(MIDDLE);
    irq_window();
    EXPECT_EQ(arrived, 0);
    EXPECT_TRUE(lapic_has(IRR, MIDDLE));
    lapic_send(HIGH);
    irq_window();
    EXPECT_EQ(arrived, HIGH);
    lapic_put(TPR, (MIDDLE & 0xf0) - 1);
    irq_window();
    EXPECT_EQ(arrived, HIGH << 8 | MIDDLE);
    EXPECT_FALSE(lapic_has(IRR, MIDDLE));
    lapic_fresh();
}

/* With IF=1 the write itself lets it in. */
GUEST_TEST(lower_tpr_with_if_set)
{
    lapic_fresh();
    lapic_put(TPR, 0xff);
    cpu_sti();
    lapic_send(LOW);
    EXPECT_EQ(arrived, 0);
    lapic_put(TPR, 0);
    __asm__ volatile("nop; nop; nop; nop" ::: "memory");
    EXPECT_EQ(arrived, LOW);
    cpu_cli();
}

GUEST_TEST(cr8_holds_back)
{
    lapic_fresh();
    write_cr8(15);
    cpu_sti();
    lapic_send(LOW);
    EXPECT_EQ(arrived, 0);
    write_cr8(0);
    __asm__ volatile("nop; nop; nop; nop" ::: "memory");
    EXPECT_EQ(arrived, LOW);
    cpu_cli();
}

GUEST_TEST(self_ipi_with_if_set)
{
    lapic_fresh();
    cpu_sti();
    lapic_send(MIDDLE);
    __asm__ volatile("nop; nop; nop; nop" ::: "memory");
    cpu_cli();
    EXPECT_EQ(arrived, MIDDLE);
    EXPECT_FALSE(lapic_has(ISR, MIDDLE));
}

/* What is pending when interrupts are let in by the instruction before HLT ends the sleep at once.
 */
GUEST_TEST(self_ipi_before_sti_and_hlt)
{
    lapic_fresh();
    lapic_send(LOW);
    lapic_send(MIDDLE);
    cpu_sti_hlt();
    cpu_cli();
    EXPECT_EQ(arrived, MIDDLE << 8 | LOW);
}

/* An IPI by physical and by logical destination, too. */
GUEST_TEST(destinations)
{
    lapic_fresh();
    lapic_put(ICR_HIGH, lapic_get(ID));
    lapic_put(ICR_LOW, LOW);
    irq_window();
    EXPECT_EQ(arrived, LOW);
    lapic_put(0x0e0, ~0u); /* DFR: flat */
    lapic_put(0x0d0, 0x04000000);
    lapic_put(ICR_HIGH, 0x06000000);
    lapic_put(ICR_LOW, 0x800 | MIDDLE);
    irq_window();
    EXPECT_EQ(arrived, LOW << 8 | MIDDLE);
    lapic_put(ICR_HIGH, 0x02000000);
    lapic_put(ICR_LOW, 0x800 | HIGH);
    irq_window();
    EXPECT_EQ(arrived, LOW << 8 | MIDDLE);
    lapic_put(0x0d0, 0);
}

GUEST_TEST(order_by_priority)
{
    lapic_fresh();
    lapic_send(MIDDLE);
    lapic_send(LOW);
    lapic_send(HIGH);
    EXPECT_TRUE(lapic_has(IRR, LOW) && lapic_has(IRR, MIDDLE) && lapic_has(IRR, HIGH));
    irq_window();
    EXPECT_EQ(arrived, HIGH << 16 | MIDDLE << 8 | LOW);
}

/* A lower one, an equal one and a higher one come while MIDDLE is in service. */
static void nest(struct frame *f)
{
    arrived = arrived << 8 | (u32)f->vector;
    if (vector_count[MIDDLE] == 1) {
        EXPECT_TRUE(lapic_has(ISR, MIDDLE));
        EXPECT_EQ(lapic_get(PPR), MIDDLE & 0xf0);
        lapic_send(LOW);
        lapic_send(MIDDLE);
        lapic_send(HIGH);
        irq_window();
        EXPECT_EQ(arrived, MIDDLE << 8 | HIGH);
        EXPECT_FALSE(lapic_has(ISR, HIGH));
        EXPECT_TRUE(lapic_has(ISR, MIDDLE) && lapic_has(IRR, MIDDLE) && lapic_has(IRR, LOW));
    }
    lapic_put(EOI, 0);
}

GUEST_TEST(nested)
{
    lapic_fresh();
    vector_count[MIDDLE] = 0;
    on_vector(MIDDLE, nest);
    lapic_send(MIDDLE);
    irq_window();
    EXPECT_EQ(arrived, (u32)MIDDLE << 24 | HIGH << 16 | MIDDLE << 8 | LOW);
}

static void no_eoi(struct frame *f)
{
    arrived = arrived << 8 | (u32)f->vector;
}

/* An EOI ends the highest in service. */
GUEST_TEST(eoi_order)
{
    lapic_fresh();
    on_vector(LOW, no_eoi), on_vector(HIGH, no_eoi);
    lapic_send(LOW);
    irq_window();
    lapic_send(HIGH);
    irq_window();
    EXPECT_EQ(arrived, LOW << 8 | HIGH);
    EXPECT_TRUE(lapic_has(ISR, LOW) && lapic_has(ISR, HIGH));
    lapic_send(MIDDLE);
    irq_window();
    EXPECT_EQ(lapic_get(PPR), HIGH & 0xf0);
    lapic_put(EOI, 0);
    EXPECT_TRUE(lapic_has(ISR, LOW) && !lapic_has(ISR, HIGH));
    irq_window();
    EXPECT_EQ(arrived, LOW << 16 | HIGH << 8 | MIDDLE);
    lapic_put(EOI, 0);
    EXPECT_FALSE(lapic_has(ISR, LOW));
    EXPECT_EQ(lapic_get(PPR), 0);
}

GUEST_TEST(nmi_to_oneself)
{
    lapic_fresh();
    on_vector(VEC_NMI, note_nmi);
    lapic_put(ICR_HIGH, lapic_get(ID));
    lapic_put(ICR_LOW, NMI);
    __asm__ volatile("nop; nop; nop; nop" ::: "memory"); /* IF=0, and it arrives */
    EXPECT_EQ(arrived, VEC_NMI);
}

GUEST_TEST(illegal_vector)
{
    lapic_fresh();
    on_vector(LOW, lapic_note);
    lapic_put(LVT_ERROR, LOW);
    lapic_send(5);
    EXPECT_TRUE(lapic_errors() & ILLEGAL_SENT);
    irq_window();
    EXPECT_EQ(arrived, LOW);
    EXPECT_EQ(lapic_errors(), 0);
    lapic_fresh();
}

/* What was requested stays; local interrupts are masked and stay so. */
GUEST_TEST(software_disable)
{
    lapic_fresh();
    lapic_put(LVT_TIMER, TIMER);
    lapic_put(SVR, SPURIOUS);
    EXPECT_EQ(lapic_get(LVT_TIMER), MASKED | TIMER);
    lapic_put(LVT_TIMER, TIMER);
    EXPECT_EQ(lapic_get(LVT_TIMER), MASKED | TIMER);
    EXPECT_TRUE(lapic_get(LVT_LINT0) & MASKED);
    lapic_put(SVR, ENABLED | SPURIOUS);
    EXPECT_EQ(lapic_get(LVT_TIMER), MASKED | TIMER);
    lapic_put(LVT_TIMER, TIMER);
    EXPECT_EQ(lapic_get(LVT_TIMER), TIMER);
    lapic_fresh();
}
