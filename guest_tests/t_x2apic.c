/* The local APIC in x2APIC mode, and the transitions of IA32_APIC_BASE.
 * SDM Vol. 3A, "Extended XAPIC (x2APIC)", "x2APIC State Transitions". */
#include "guest_tests/rt/lapic.h"

#define MSR_APIC_BASE 0x1bu
#define BASE_OFF      (BASE | 0x100u)
#define BASE_XAPIC    (BASE | 0x900u)
#define BASE_X2APIC   (BASE | 0xd00u)
#define BASE_INVALID  (BASE | 0x500u) /* EXTD without EN */
#define X(offset)     (0x800u + (offset) / 16)
#define SELF_IPI      0x3f0u
#define LDR           0x0d0u
#define LVT_THERMAL   0x330u
#define TSC_DEADLINE  0x40000u
#define MSR_DEADLINE  0x6e0u

static void x_note(struct frame *f)
{
    arrived = arrived << 8 | (u32)f->vector;
    wrmsr(X(EOI), 0);
}

static bool x_has(u32 bitmap, u32 vector)
{
    return rdmsr(X(bitmap + vector / 32 * 16)) >> vector % 32 & 1;
}

static u32 x_errors(void)
{
    wrmsr(X(ESR), 0);
    return (u32)rdmsr(X(ESR));
}

/* From any mode to xAPIC mode, as every other file of tests begins with. */
static void to_xapic(void)
{
    wrmsr(MSR_APIC_BASE, BASE_OFF);
    wrmsr(MSR_APIC_BASE, BASE_XAPIC);
    lapic_fresh();
}

static void to_x2apic(void)
{
    to_xapic();
    wrmsr(MSR_APIC_BASE, BASE_X2APIC);
    on_vector(LOW, x_note), on_vector(MIDDLE, x_note), on_vector(HIGH, x_note),
        on_vector(TIMER, x_note);
    (void)x_errors();
    (void)x_errors();
    arrived = 0;
    vector_count[TIMER] = 0;
}

GUEST_TEST(is_shown)
{
    EXPECT_TRUE(cpuid(1, 0).ecx & BIT(21));
    EXPECT_EQ(cpuid(0xb, 0).edx, cpuid(1, 0).ebx >> 24);
    EXPECT_EQ(rdmsr(MSR_APIC_BASE), BASE_XAPIC);
}

/* All 16 steps between the four values of EXTD and EN. */
GUEST_TEST(transitions)
{
    static const u64 modes[] = {BASE_OFF, BASE_XAPIC, BASE_X2APIC};
    static const bool legal[3][3] = {{true, true, false}, {true, true, true}, {true, false, true}};

    for (u32 from = 0; from < 3; from++)
        for (u32 to = 0; to < 3; to++) {
            to_xapic();
            wrmsr(MSR_APIC_BASE, modes[from]);
            EXPECT_EQ(wrmsr_safe(MSR_APIC_BASE, modes[to]), legal[from][to]);
            EXPECT_EQ(rdmsr(MSR_APIC_BASE), modes[legal[from][to] ? to : from]);
            EXPECT_FAULT_CODE(VEC_GP, 0, wrmsr(MSR_APIC_BASE, BASE_INVALID));
        }
    to_xapic();
    EXPECT_EQ(rdmsr(MSR_APIC_BASE), BASE_XAPIC);
}

GUEST_TEST(reserved_bits_of_the_base)
{
    to_xapic();
    for (u32 bit = 0; bit < 64; bit++)
        if (bit != 10 && bit != 11)
            EXPECT_FALSE(wrmsr_safe(MSR_APIC_BASE, BASE_XAPIC ^ BIT(bit)));
    EXPECT_EQ(rdmsr(MSR_APIC_BASE), BASE_XAPIC);
    EXPECT_EQ(lapic_get(VERSION), 0x50014);
}

GUEST_TEST(no_registers_by_msr_in_xapic_mode)
{
    u64 value = 0;

    to_xapic();
    for (u32 msr = 0x800; msr < 0x900; msr++) {
        EXPECT_FALSE(rdmsr_safe(msr, &value));
        EXPECT_FALSE(wrmsr_safe(msr, 0));
    }
}

/* Which can be read, and which take a 0. */
static bool readable(u32 msr)
{
    return msr == 0x802 || msr == 0x803 || msr == 0x808 || msr == 0x80a || msr == 0x80d ||
           (msr >= 0x80f && msr <= 0x828) || msr == 0x830 || (msr >= 0x832 && msr <= 0x839) ||
           msr == 0x83e;
}

static bool writable(u32 msr)
{
    return msr == 0x808 || msr == 0x80b || msr == 0x80f || msr == 0x828 || msr == 0x830 ||
           (msr >= 0x832 && msr <= 0x838) || msr == 0x83e || msr == 0x83f;
}

GUEST_TEST(registers)
{
    u64 value = 0;

    to_x2apic();
    for (u32 msr = 0x800; msr < 0x900; msr++) {
        if (rdmsr_safe(msr, &value) != readable(msr))
            FAIL("0x%x: reading it", msr);
        if (wrmsr_safe(msr, 0) != writable(msr))
            FAIL("0x%x: writing it", msr);
    }
    to_x2apic();
    EXPECT_EQ(rdmsr(X(ID)), cpuid(0xb, 0).edx);
    EXPECT_EQ(rdmsr(X(VERSION)), 0x50014);
    EXPECT_EQ(rdmsr(X(LDR)), 1);
    EXPECT_EQ(rdmsr(X(SVR)), ENABLED | SPURIOUS);
    wrmsr(X(LVT_ERROR), MASKED | LOW);
    EXPECT_EQ(rdmsr(X(LVT_ERROR)), MASKED | LOW);
    wrmsr(X(DIVIDE), 0xa);
    EXPECT_EQ(rdmsr(X(DIVIDE)), 0xa);
    to_xapic();
}

GUEST_TEST(reserved_bits)
{
    static const struct {
        u32 offset;
        u64 accepted;
    } rows[] = {{TPR, 0xff},          {EOI, 0},
                {SVR, 0x3ff},         {ESR, 0},
                {LVT_TIMER, 0x710ff}, {LVT_THERMAL, 0x117ff},
                {LVT_LINT0, 0x1f7ff}, {LVT_ERROR, 0x110ff},
                {INITIAL_COUNT, ~0u}, {DIVIDE, 0xb},
                {SELF_IPI, 0xff},     {ICR_LOW, 0xffffffff000cdfff}};

    to_x2apic();
    for (u32 i = 0; i < ARRAY_LEN(rows); i++)
        for (u32 bit = 0; bit < 64; bit++)
            if (!(rows[i].accepted >> bit & 1) && wrmsr_safe(X(rows[i].offset), BIT(bit)))
                FAIL("0x%x: bit %u is not refused", X(rows[i].offset), bit);
    EXPECT_EQ(rdmsr(X(TPR)), 0);
    to_xapic();
}

/* In x2APIC mode its page is open bus, as while it is off. */
GUEST_TEST(no_page)
{
    to_x2apic();
    EXPECT_EQ(lapic_get(VERSION), ~0u);
    lapic_put(TPR, 0x50);
    EXPECT_EQ(lapic_get(TPR), ~0u);
    EXPECT_EQ(rdmsr(X(TPR)), 0);
    wrmsr(MSR_APIC_BASE, BASE_OFF);
    EXPECT_EQ(lapic_get(VERSION), ~0u);
    lapic_put(TPR, 0x50);
    wrmsr(MSR_APIC_BASE, BASE_XAPIC);
    EXPECT_EQ(lapic_get(VERSION), 0x50014);
    EXPECT_EQ(lapic_get(TPR), 0);
    to_xapic();
}

/* Off and on again: the state after power-up. */
GUEST_TEST(off_and_on)
{
    to_xapic();
    lapic_put(TPR, 0x70);
    lapic_put(LVT_TIMER, TIMER);
    lapic_put(INITIAL_COUNT, ~0u);
    lapic_send(LOW);
    EXPECT_TRUE(lapic_has(IRR, LOW));
    wrmsr(MSR_APIC_BASE, BASE_OFF);
    EXPECT_FALSE(cpuid(1, 0).edx & BIT(9));
    EXPECT_EQ(rdmsr(MSR_APIC_BASE), BASE_OFF);
    irq_window();
    EXPECT_EQ(arrived, 0);
    wrmsr(MSR_APIC_BASE, BASE_XAPIC);
    EXPECT_TRUE(cpuid(1, 0).edx & BIT(9));
    EXPECT_EQ(lapic_get(SVR), SPURIOUS);
    EXPECT_EQ(lapic_get(TPR), 0);
    EXPECT_EQ(lapic_get(LVT_TIMER), MASKED);
    EXPECT_EQ(lapic_get(LVT_LINT0), MASKED);
    EXPECT_EQ(lapic_get(INITIAL_COUNT), 0);
    EXPECT_FALSE(lapic_has(IRR, LOW));
    to_xapic();
}

/* Without a local APIC the 8259s are at the processor's own pin. */
GUEST_TEST(interrupts_while_off)
{
    to_xapic();
    lapic_put(LVT_LINT0, MASKED | EXTINT);
    wrmsr(MSR_APIC_BASE, BASE_OFF);
    vector_count[VEC_IRQ0] = 0;
    pit_periodic(PIT_HZ / 2000);
    pic_unmask(0);
    EXPECT_TRUE(wait_for(&vector_count[VEC_IRQ0], 5, tsc_ms(20)));
    pit_stop();
    pic_mask_all();
    to_xapic();
}

/* What xAPIC mode leaves behind. */
GUEST_TEST(state_is_kept)
{
    to_xapic();
    lapic_put(TPR, 0xe0);
    lapic_put(LVT_ERROR, MASKED | HIGH);
    lapic_put(LDR, 0x55000000);
    lapic_send(LOW);
    lapic_put(ICR_HIGH, 0x7f000000);
    wrmsr(MSR_APIC_BASE, BASE_X2APIC);
    EXPECT_EQ(rdmsr(X(TPR)), 0xe0);
    EXPECT_EQ(rdmsr(X(PPR)), 0xe0);
    EXPECT_EQ(rdmsr(X(LVT_ERROR)), MASKED | HIGH);
    EXPECT_EQ(rdmsr(X(LDR)), 1);
    EXPECT_EQ(rdmsr(X(ICR_LOW)), TO_SELF | LOW); /* not the high half */
    EXPECT_TRUE(x_has(IRR, LOW));
    on_vector(LOW, x_note);
    arrived = 0;
    irq_window();
    EXPECT_EQ(arrived, 0);
    wrmsr(X(TPR), 0);
    irq_window();
    EXPECT_EQ(arrived, LOW);
    EXPECT_FALSE(x_has(ISR, LOW));
    to_xapic();
}

GUEST_TEST(self_ipi)
{
    to_x2apic();
    wrmsr(X(SELF_IPI), LOW);
    wrmsr(X(SELF_IPI), HIGH);
    wrmsr(X(SELF_IPI), MIDDLE);
    EXPECT_TRUE(x_has(IRR, LOW) && x_has(IRR, MIDDLE) && x_has(IRR, HIGH));
    EXPECT_EQ(arrived, 0);
    irq_window();
    EXPECT_EQ(arrived, HIGH << 16 | MIDDLE << 8 | LOW);
    EXPECT_FALSE(x_has(ISR, LOW) || x_has(ISR, MIDDLE) || x_has(ISR, HIGH));
    arrived = 0;
    cpu_sti();
    wrmsr(X(SELF_IPI), LOW);
    __asm__ volatile("nop; nop; nop; nop" ::: "memory");
    cpu_cli();
    EXPECT_EQ(arrived, LOW);
    wrmsr(X(SELF_IPI), MIDDLE);
    cpu_sti_hlt();
    cpu_cli();
    EXPECT_EQ(arrived, LOW << 8 | MIDDLE);
    to_xapic();
}

static void no_eoi(struct frame *f)
{
    arrived = arrived << 8 | (u32)f->vector;
}

/* An EOI ends the highest in service. */
GUEST_TEST(eoi)
{
    to_x2apic();
    on_vector(LOW, no_eoi), on_vector(HIGH, no_eoi);
    wrmsr(X(SELF_IPI), LOW);
    irq_window();
    wrmsr(X(SELF_IPI), HIGH);
    irq_window();
    EXPECT_EQ(arrived, LOW << 8 | HIGH);
    wrmsr(X(SELF_IPI), MIDDLE);
    irq_window();
    EXPECT_EQ(rdmsr(X(PPR)), HIGH & 0xf0);
    wrmsr(X(EOI), 0);
    EXPECT_TRUE(x_has(ISR, LOW) && !x_has(ISR, HIGH));
    irq_window();
    EXPECT_EQ(arrived, LOW << 16 | HIGH << 8 | MIDDLE);
    EXPECT_FAULT_CODE(VEC_GP, 0, wrmsr(X(EOI), 1));
    EXPECT_TRUE(x_has(ISR, LOW));
    wrmsr(X(EOI), 0);
    EXPECT_FALSE(x_has(ISR, LOW));
    EXPECT_EQ(rdmsr(X(PPR)), 0);
    to_xapic();
}

GUEST_TEST(tpr_is_cr8)
{
    to_x2apic();
    write_cr8(5);
    EXPECT_EQ(rdmsr(X(TPR)), 0x50);
    wrmsr(X(TPR), 0x9f);
    EXPECT_EQ(read_cr8(), 9);
    EXPECT_FAULT_CODE(VEC_GP, 0, wrmsr(X(TPR), 0x100));
    EXPECT_EQ(rdmsr(X(TPR)), 0x9f);
    wrmsr(X(SELF_IPI), MIDDLE);
    irq_window();
    EXPECT_EQ(arrived, 0);
    cpu_sti();
    wrmsr(X(TPR), 0); /* lets it in */
    __asm__ volatile("nop; nop; nop; nop" ::: "memory");
    cpu_cli();
    EXPECT_EQ(arrived, MIDDLE);
    to_xapic();
}

/* An IPI by physical and by logical destination, by shorthand, and to everybody. */
GUEST_TEST(destinations)
{
    static const struct {
        u64 icr;
        bool reaches;
    } cases[] = {
        {LOW, true},                             /* physical: 0 */
        {1ull << 32 | LOW, false},               /* 1 */
        {0xffull << 32 | LOW, false},            /* no broadcast any more */
        {0xffffffffull << 32 | LOW, true},       /* this is */
        {1ull << 32 | 0x800 | LOW, true},        /* logical: cluster 0, first */
        {2ull << 32 | 0x800 | LOW, false},       /* second */
        {0xffffull << 32 | 0x800 | LOW, true},   /* all of the cluster */
        {0x10001ull << 32 | 0x800 | LOW, false}, /* another cluster */
        {TO_SELF | LOW, true},
        {0x80000 | LOW, true},
        {0xc0000 | LOW, false},
        {1ull << 32 | 0x100 | 0x800 | LOW, true}, /* lowest priority */
    };

    to_x2apic();
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        arrived = 0;
        wrmsr(X(ICR_LOW), cases[i].icr);
        EXPECT_EQ(rdmsr(X(ICR_LOW)), cases[i].icr);
        irq_window();
        if ((arrived == LOW) != cases[i].reaches)
            FAIL("case %u", i);
    }
    EXPECT_EQ(x_errors(), 0);
    on_vector(VEC_NMI, no_eoi);
    arrived = 0;
    wrmsr(X(ICR_LOW), NMI);
    __asm__ volatile("nop; nop; nop; nop" ::: "memory"); /* IF=0, and it arrives */
    EXPECT_EQ(arrived, VEC_NMI);
    on_vector(VEC_NMI, NULL);
    wrmsr(X(ICR_LOW), 0x8500); /* INIT level de-assert: nothing */
    to_xapic();
}

GUEST_TEST(errors)
{
    to_x2apic();
    wrmsr(X(LVT_ERROR), LOW);
    wrmsr(X(SELF_IPI), 5);
    EXPECT_TRUE(x_errors() & ILLEGAL_SENT);
    irq_window();
    EXPECT_EQ(arrived, LOW);
    wrmsr(X(ICR_LOW), TO_SELF | 5);
    EXPECT_TRUE(x_errors() & ILLEGAL_SENT);
    EXPECT_EQ(x_errors(), 0);
    EXPECT_FAULT_CODE(VEC_GP, 0, wrmsr(X(ESR), 1));
    EXPECT_FAULT_CODE(VEC_GP, 0, (void)rdmsr(X(0x040))); /* no error, a fault */
    EXPECT_EQ(x_errors(), 0);
    to_xapic();
}

GUEST_TEST(software_disable)
{
    to_x2apic();
    wrmsr(X(LVT_TIMER), TIMER);
    wrmsr(X(SVR), SPURIOUS);
    EXPECT_EQ(rdmsr(X(LVT_TIMER)), MASKED | TIMER);
    wrmsr(X(SELF_IPI), LOW);
    irq_window();
    EXPECT_EQ(rdmsr(X(SVR)), SPURIOUS);
    wrmsr(X(SVR), ENABLED | 0x5f);
    EXPECT_EQ(rdmsr(X(SVR)), ENABLED | 0x5f);
    wrmsr(X(LVT_TIMER), TIMER);
    EXPECT_EQ(rdmsr(X(LVT_TIMER)), TIMER);
    to_xapic();
}

GUEST_TEST(timer)
{
    const u32 count = (u32)(machine.tsc_hz / 1000);
    u64 start = 0, ticks = 0;

    to_x2apic();
    wrmsr(X(DIVIDE), 0xb);
    wrmsr(X(LVT_TIMER), TIMER);
    start = rdtsc();
    wrmsr(X(INITIAL_COUNT), count);
    EXPECT_TRUE(rdmsr(X(CURRENT_COUNT)) - 1 < count);
    EXPECT_TRUE(wait_for(&vector_count[TIMER], 1, tsc_ms(5)));
    ticks = rdtsc() - start;
    EXPECT_TRUE(ticks >= tsc_ms(1) - 256 && ticks < tsc_ms(2));
    EXPECT_EQ(rdmsr(X(CURRENT_COUNT)), 0);
    EXPECT_FALSE(wait_for(&vector_count[TIMER], 2, tsc_ms(3)));
    wrmsr(X(LVT_TIMER), PERIODIC | TIMER);
    wrmsr(X(INITIAL_COUNT), count);
    EXPECT_TRUE(wait_for(&vector_count[TIMER], 6, tsc_ms(10)));
    wrmsr(X(INITIAL_COUNT), 0);
    to_xapic();
}

GUEST_TEST(tsc_deadline)
{
    u64 when = 0;

    to_x2apic();
    wrmsr(X(LVT_TIMER), TSC_DEADLINE | TIMER);
    for (u32 i = 1; i <= 3; i++) {
        when = rdtsc() + tsc_ms(i);
        wrmsr(MSR_DEADLINE, when);
        EXPECT_EQ(rdmsr(MSR_DEADLINE), when);
        EXPECT_TRUE(wait_for(&vector_count[TIMER], i, tsc_ms(20)));
        EXPECT_TRUE(rdtsc() >= when && rdtsc() < when + tsc_ms(1));
        EXPECT_EQ(rdmsr(MSR_DEADLINE), 0);
    }
    wrmsr(MSR_DEADLINE, rdtsc() + tsc_ms(1));
    wrmsr(MSR_APIC_BASE, BASE_OFF); /* stops it */
    EXPECT_EQ(rdmsr(MSR_DEADLINE), 0);
    wrmsr(MSR_APIC_BASE, BASE_XAPIC);
    EXPECT_FALSE(wait_for(&vector_count[TIMER], 4, tsc_ms(3)));
    to_xapic();
}
