/* A small generator of pseudo-random numbers: the same ones on every machine. */
#pragma once
#include "lib/types.h"

struct random {
    u64 state; /* not 0 */
};

static inline u64 random_next(struct random *r)
{
    r->state ^= r->state << 13;
    r->state ^= r->state >> 7;
    r->state ^= r->state << 17;
    return r->state * 0x2545f4914f6cdd1dull;
}

/* From 0 to n - 1. */
static inline u32 random_below(struct random *r, u32 n)
{
    return (u32)((random_next(r) >> 32) % n);
}

static inline bool random_percent(struct random *r, u32 percent)
{
    return random_below(r, 100) < percent;
}
