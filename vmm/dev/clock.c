/* Fixed-point ratios of two frequencies; see clock.h.  Pure. */
#include "vmm/dev/clock.h"

/* num / den to 64 fractional bits, by hand: the compiler's 128-bit division is a
 * library call.  den < 2^63. */
static struct clock_ratio ratio(u64 num, u64 den)
{
    struct clock_ratio r = {.whole = num / den};
    u64 rest = num % den;
    for (unsigned i = 0; i < 64; i++) {
        rest <<= 1;
        r.fraction <<= 1;
        if (rest >= den) {
            rest -= den;
            r.fraction |= 1;
        }
    }
    return r;
}

void clock_init(struct clock *c, u64 hz, u64 tsc_hz, u64 origin)
{
    const u64 tsc = MIN(MAX(tsc_hz, 1ull), 1ull << 62);
    c->origin = origin;
    c->per_tick = ratio(hz, tsc);
    c->per_period = ratio(tsc, hz);
}

/* The first tick in (low, low + one period] that gives count. */
static u64 first_tick(const struct clock *c, u64 count, u64 low)
{
    u64 high = low + 1;
    if (clock_mul(c->per_tick, high) >= count)
        return high;
    high = low + c->per_period.whole + 1;
    while (high - low > 1) {
        const u64 middle = low + (high - low) / 2;
        if (clock_mul(c->per_tick, middle) < count)
            low = middle;
        else
            high = middle;
    }
    return high;
}

u64 clock_when(const struct clock *c, u64 count)
{
    const unsigned __int128 exact = (unsigned __int128)count * c->per_period.whole +
                                    (((unsigned __int128)count * c->per_period.fraction) >> 64);
    if (exact >= 1ull << 62)
        return CLOCK_NEVER;
    /* Both ratios are rounded down: the count is reached a tick later than their product
     * says, after weeks some ticks later, and never a whole period later. */
    u64 ticks = (u64)exact;
    if (clock_mul(c->per_tick, ticks) < count)
        ticks = first_tick(c, count, ticks);
    const u64 when = c->origin + ticks;
    return when < c->origin ? CLOCK_NEVER : when;
}
