/* Arithmetic with ticks that saturates, for vmm/sched.c.  Pure. */
#pragma once
#include "vmm/sched.h"

#define DEBT_MAX (1ll << 62)

static inline u64 plus(u64 a, u64 b)
{
    u64 sum;

    return __builtin_add_overflow(a, b, &sum) ? SCHED_NEVER : sum;
}

static inline i64 minus(i64 value, u64 ticks)
{
    return MAX(value - (i64)MIN(ticks, (u64)DEBT_MAX), -DEBT_MAX);
}

/* value + times * step, but not above step. */
static inline i64 topped(i64 value, u64 times, u64 step)
{
    if (times > (u64)((i64)step - value) / step)
        return (i64)step;
    return value + (i64)(times * step);
}

/* How many steps make a value below or equal to 0 larger than 0. */
static inline u64 steps_up(i64 value, u64 step)
{
    return (u64)-value / step + 1;
}
