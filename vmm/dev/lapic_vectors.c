/* Accepting, prioritizing and ending interrupts; see lapic.h.  The errors are those of SDM Vol. 3A,
 * "Error Handling"; priorities: "Task and Processor Priorities".  Pure. */
#include "vmm/dev/lapic_vectors.h"
#include "vmm/dev/lapic_registers.h"
#include "vmm/dev/lapic_timer.h"

static void set(u64 bits[4], u32 n)
{
    bits[n / 64] |= BIT(n % 64);
}

static void clear(u64 bits[4], u32 n)
{
    bits[n / 64] &= ~BIT(n % 64);
}

static bool has(const u64 bits[4], u32 n)
{
    return bits[n / 64] >> (n % 64) & 1;
}

/* The highest bit that is set; -1: none. */
static int highest(const u64 bits[4])
{
#pragma GCC unroll 4
    for (int i = 3; i >= 0; i--)
        if (bits[i])
            return i * 64 + 63 - __builtin_clzll(bits[i]);
    return LAPIC_NO_VECTOR;
}

/* Those of the error interrupt itself raise no further one. */
NOINLINE void lapic_error(struct lapic *l, u32 errors)
{
    if ((errors & ~l->esr_pending) == 0)
        return;
    l->esr_pending |= errors;
    const u32 lvt = l->lvt[LVT_ERROR];
    const u32 vector = lvt & 0xff;
    if (lvt & LVT_MASKED)
        return;
    if (vector < FIRST_VECTOR)
        l->esr_pending |= ESR_RECEIVED_ILLEGAL_VECTOR;
    else
        set(l->irr, vector); /* an unmasked entry: the APIC is enabled */
}

/* A local APIC that is off is software-disabled, too. */
void lapic_accept(struct lapic *l, u32 word, u64 vectors, bool level)
{
    if (!(l->svr & SVR_ENABLE))
        return;
    if (unlikely(word == 0 && (vectors & (BIT(FIRST_VECTOR) - 1)))) {
        lapic_error(l, ESR_RECEIVED_ILLEGAL_VECTOR);
        vectors &= ~(BIT(FIRST_VECTOR) - 1);
    }
    l->irr[word] |= vectors;
    l->tmr[word] = level ? l->tmr[word] | vectors : l->tmr[word] & ~vectors;
}

void lapic_post(struct lapic *l, u8 vector)
{
    lapic_accept(l, vector / 64, BIT(vector % 64), false);
}

/* Software-disabled, it takes NMI, INIT and STARTUP only.  A processor starts by the first STARTUP
 * after an INIT. */
void lapic_message(struct lapic *l, const struct apic_message *m)
{
    if (lapic_mode(l) == LAPIC_OFF)
        return;
    switch (m->mode) {
    case DELIVER_FIXED:
    case DELIVER_LOWEST: lapic_accept(l, m->vector / 64, BIT(m->vector % 64), m->level); return;
    case DELIVER_NMI: l->nmi = true; return;
    case DELIVER_INIT:
        l->init = true;
        l->sipi = false;
        return;
    case DELIVER_STARTUP:
        if (!l->sipi)
            l->sipi_vector = m->vector;
        l->sipi = true;
        return;
    case DELIVER_EXTINT: l->extint |= (l->svr & SVR_ENABLE) != 0; return;
    default: return;
    }
}

static inline __attribute__((always_inline)) u32 priority(const struct lapic *l)
{
    const int vector = highest(l->isr);
    const u32 in_service = vector < 0 ? 0 : (u32)vector & 0xf0;
    return (l->tpr & 0xf0) >= in_service ? l->tpr : in_service;
}

u32 lapic_priority(const struct lapic *l)
{
    return priority(l);
}

u16 lapic_candidate(const struct lapic *l)
{
    return l->svr & SVR_ENABLE ? (u16)lapic_priority(l) : LAPIC_NO_CANDIDATE;
}

int lapic_pending(const struct lapic *l)
{
    const int vector = highest(l->irr);
    if (likely(vector < 0))
        return LAPIC_NO_VECTOR;
    return (u32)vector >> 4 > priority(l) >> 4 ? vector : LAPIC_NO_VECTOR;
}

int lapic_take(struct lapic *l)
{
    const int vector = lapic_pending(l);
    if (vector < 0)
        return LAPIC_NO_VECTOR;
    clear(l->irr, (u32)vector);
    set(l->isr, (u32)vector);
    return vector;
}

u8 lapic_ack(struct lapic *l)
{
    const int vector = lapic_take(l);
    return (u8)(vector < 0 ? (int)l->svr : vector); /* the spurious-interrupt vector */
}

u8 lapic_lend(struct lapic *l)
{
    const int vector = highest(l->isr);
    if (vector < 0 || has(l->tmr, (u32)vector) || lapic_has_requests(l))
        return 0;
    clear(l->isr, (u32)vector);
    if (highest(l->isr) < 0)
        return (u8)vector;
    set(l->isr, (u32)vector);
    return 0;
}

void lapic_take_back(struct lapic *l, u8 vector)
{
    set(l->isr, vector);
}

void lapic_end_of_interrupt(struct lapic *l)
{
    const int vector = highest(l->isr);
    if (vector < 0)
        return;
    clear(l->isr, (u32)vector);
    if (unlikely(has(l->tmr, (u32)vector)))
        l->eoi = vector;
}

bool lapic_takes_extint(const struct lapic *l)
{
    const u32 lint0 = l->lvt[LVT_LINT0];

    if (l->extint || lapic_mode(l) == LAPIC_OFF)
        return true;
    return !(lint0 & LVT_MASKED) && (lint0 >> 8 & 7) == DELIVER_EXTINT;
}
