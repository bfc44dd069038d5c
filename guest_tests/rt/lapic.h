/* The local APIC as its tests use it, in xAPIC mode.
 * SDM Vol. 3A, "Advanced Programmable Interrupt Controller (APIC)". */
#pragma once
#include "guest_tests/rt/guest.h"

// clang-format off
enum {
    ID = 0x020, VERSION = 0x030, TPR = 0x080, PPR = 0x0a0, EOI = 0x0b0, SVR = 0x0f0, ISR = 0x100,
    IRR = 0x200, ESR = 0x280, ICR_LOW = 0x300, ICR_HIGH = 0x310, LVT_TIMER = 0x320,
    LVT_LINT0 = 0x350, LVT_LINT1 = 0x360, LVT_ERROR = 0x370, INITIAL_COUNT = 0x380,
    CURRENT_COUNT = 0x390, DIVIDE = 0x3e0,
};
// clang-format on

#define BASE           0xfee00000ull
#define SPURIOUS       0xffu
#define ENABLED        0x100u
#define MASKED         0x10000u
#define PERIODIC       0x20000u
#define EXTINT         0x700u
#define NMI            0x400u
#define PENDING        0x1000u
#define TO_SELF        0x40000u
#define TIMER          0x60u
#define LOW            0x45u
#define MIDDLE         0x71u
#define HIGH           0xd2u
#define ILLEGAL_SENT   0x20u
#define ILLEGAL_ACCESS 0x80u

static inline u32 lapic_get(u32 offset)
{
    return *(volatile u32 *)(BASE + offset);
}

static inline void lapic_put(u32 offset, u32 value)
{
    *(volatile u32 *)(BASE + offset) = value;
}

/* A bit of ISR or IRR. */
static inline bool lapic_has(u32 bitmap, u32 vector)
{
    return lapic_get(bitmap + vector / 32 * 16) >> vector % 32 & 1;
}

static inline u32 lapic_errors(void)
{
    lapic_put(ESR, 0);
    return lapic_get(ESR);
}

/* Into x2APIC mode and back, each processor for itself: for smp_all(). */
static inline void lapic_to_x2apic(u64 arg)
{
    (void)arg;
    wrmsr(0x1b, rdmsr(0x1b) | BIT(10));
}

static inline void lapic_to_xapic(u64 arg)
{
    const u64 base = rdmsr(0x1b) & ~BIT(10);

    (void)arg;
    wrmsr(0x1b, base & ~BIT(11));
    wrmsr(0x1b, base);
    lapic_put(SVR, ENABLED | SPURIOUS);
}

static volatile u32 arrived; /* a byte for each interrupt, the last one lowest */

static inline void lapic_note(struct frame *f)
{
    arrived = arrived << 8 | (u32)f->vector;
    lapic_put(EOI, 0);
}

static inline void lapic_send(u32 vector)
{
    lapic_put(ICR_HIGH, 0);
    lapic_put(ICR_LOW, TO_SELF | vector);
    while (lapic_get(ICR_LOW) & PENDING)
        ;
}

/* Whatever is deliverable arrives. */
static inline void irq_window(void)
{
    cpu_sti();
    __asm__ volatile("nop; nop; nop; nop" ::: "memory");
    cpu_cli();
}

/* The firmware's state, as every test begins with. */
static inline void lapic_fresh(void)
{
    lapic_put(SVR, ENABLED | SPURIOUS);
    lapic_put(TPR, 0);
    lapic_put(LVT_TIMER, MASKED);
    lapic_put(INITIAL_COUNT, 0);
    lapic_put(LVT_LINT0, EXTINT);
    lapic_put(LVT_LINT1, NMI);
    lapic_put(LVT_ERROR, MASKED);
    (void)lapic_errors();
    (void)lapic_errors();
    on_vector(LOW, lapic_note), on_vector(MIDDLE, lapic_note), on_vector(HIGH, lapic_note),
        on_vector(TIMER, lapic_note);
    irq_window();
    arrived = 0;
    vector_count[TIMER] = 0;
}
