/* The local APIC's timer; see lapic.h.  SDM Vol. 3A, "APIC Timer".  Pure. */
#include "vmm/dev/lapic_timer.h"

#define LVT_MODE      0x60000u
#define MODE_PERIODIC 0x20000u
#define MODE_DEADLINE 0x40000u /* both bits: reserved; taken as one-shot */
#define DIVIDE_BITS   0xbu

/* log2 of the divisor: bits 3, 1 and 0 give 2, 4 ... 128, and last 1. */
static unsigned divide_shift(const struct lapic *l)
{
    return ((l->divide & 3) + (l->divide >> 1 & 4) + 1) & 7;
}

static u32 mode(const struct lapic *l)
{
    return l->lvt[LVT_TIMER] & LVT_MODE;
}

static u64 period(const struct lapic *l)
{
    return (u64)l->initial_count << divide_shift(l);
}

/* Ticks since the start; none if the clock has stepped back. */
static u64 elapsed(const struct lapic *l, u64 now)
{
    const u64 since = now - l->started;
    return (i64)since < 0 ? 0 : since;
}

/* Does the reloads that are due, or stops, so that elapsed() < period() while running. */
static void advance(struct lapic *l, u64 now)
{
    if (mode(l) == MODE_DEADLINE) {
        l->running = l->running && now < l->fires;
        return;
    }
    const u64 since = elapsed(l, now);
    const u64 one = period(l);
    if (!l->running || since < one)
        return;
    if (mode(l) != MODE_PERIODIC)
        l->running = false;
    else /* nearly always at most one period late: no division then */
        l->started += since < 2 * one ? one : since - since % one;
}

/* Sets the deadline `left` ticks from now, if the timer is to interrupt. */
static void arm_after(struct lapic *l, u64 now, u64 left)
{
    const bool interrupts = l->running && !(l->lvt[LVT_TIMER] & LVT_MASKED);
    l->deadline = interrupts && left < LAPIC_NEVER - now ? now + left : LAPIC_NEVER;
}

/* Sets the deadline.  advance() was called. */
static void arm(struct lapic *l, u64 now)
{
    if (mode(l) != MODE_DEADLINE)
        arm_after(l, now, period(l) - elapsed(l, now));
    else
        l->deadline = l->running && !(l->lvt[LVT_TIMER] & LVT_MASKED) ? l->fires : LAPIC_NEVER;
}

void lapic_timer_next(struct lapic *l, u64 now)
{
    advance(l, now);
    arm(l, now);
}

/* ---- the registers of the modes that count ---- */

void lapic_timer_start(struct lapic *l, u32 initial_count, u64 now)
{
    if (mode(l) == MODE_DEADLINE)
        return;
    l->initial_count = initial_count;
    l->started = now;
    l->running = initial_count != 0;
    arm_after(l, now, period(l));
}

u32 lapic_timer_count(struct lapic *l, u64 now)
{
    advance(l, now);
    if (mode(l) == MODE_DEADLINE)
        return 0;
    return l->running ? l->initial_count - (u32)(elapsed(l, now) >> divide_shift(l)) : 0;
}

/* A timer that runs goes on from the count that it has reached. */
void lapic_timer_divide(struct lapic *l, u32 value, u64 now)
{
    const u32 counted = l->initial_count - lapic_timer_count(l, now);
    l->divide = value & DIVIDE_BITS;
    l->started = now - ((u64)counted << divide_shift(l));
    arm(l, now);
}

/* ---- TSC-deadline mode ---- */

/* When a deadline that lies beyond the end of the clock comes: never. */
static void aim(struct lapic *l, u64 guest_now, u64 now)
{
    const u64 left = l->tsc_deadline > guest_now ? l->tsc_deadline - guest_now : 0;
    l->fires = left < LAPIC_NEVER - now ? now + left : LAPIC_NEVER;
}

void lapic_timer_set_deadline(struct lapic *l, u64 deadline, u64 guest_now, u64 now)
{
    if (mode(l) != MODE_DEADLINE)
        return;
    l->tsc_deadline = deadline;
    l->running = deadline != 0;
    aim(l, guest_now, now);
    arm(l, now);
}

u64 lapic_timer_deadline(struct lapic *l, u64 now)
{
    advance(l, now);
    return mode(l) == MODE_DEADLINE && l->running ? l->tsc_deadline : 0;
}

void lapic_tsc_moved(struct lapic *l, u64 guest_now, u64 now)
{
    if (mode(l) != MODE_DEADLINE || !l->running)
        return;
    aim(l, guest_now, now);
    arm(l, now);
}

/* A change from or to TSC-deadline mode disarms the timer. */
void lapic_timer_write_lvt(struct lapic *l, u32 value, u64 now)
{
    advance(l, now); /* by the old mode */
    if ((mode(l) == MODE_DEADLINE) != ((value & LVT_MODE) == MODE_DEADLINE))
        l->running = false;
    l->lvt[LVT_TIMER] = value;
    arm(l, now);
}
