/* A device's clock as a function of the host's TSC: how many of its periods have
 * passed, and when the n-th one ends.  Both directions are multiplications by
 * 64.64-bit fixed-point ratios, so that nothing is divided at run time and the
 * error stays below one device period for as long as the TSC counts.  Pure. */
#pragma once
#include "lib/types.h"

#define CLOCK_NEVER (~0ull)

struct clock_ratio {
    u64 whole, fraction; /* value = whole + fraction / 2^64 */
};

struct clock {
    u64 origin;                    /* TSC at which the count is 0 */
    struct clock_ratio per_tick;   /* device periods per TSC tick */
    struct clock_ratio per_period; /* TSC ticks per device period */
};

/* hz: of the device; tsc_hz: of `now` everywhere (0 counts as 1). */
void clock_init(struct clock *c, u64 hz, u64 tsc_hz, u64 origin);

/* The earliest TSC at which clock_count() gives at least `count`; CLOCK_NEVER
 * when that is more than 2^62 ticks after the origin. */
u64 clock_when(const struct clock *c, u64 count);

static inline u64 clock_mul(struct clock_ratio r, u64 x)
{
    return x * r.whole + (u64)(((unsigned __int128)x * r.fraction) >> 64);
}

/* Whole device periods from the origin to `now`; 0 before the origin. */
static inline u64 clock_count(const struct clock *c, u64 now)
{
    const u64 ticks = now - c->origin;
    return unlikely((i64)ticks < 0) ? 0 : clock_mul(c->per_tick, ticks);
}
