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

u64 clock_when(const struct clock *c, u64 count)
{
    const unsigned __int128 exact = (unsigned __int128)count * c->per_period.whole +
                                    (((unsigned __int128)count * c->per_period.fraction) >> 64);
    if (exact >= 1ull << 62)
        return CLOCK_NEVER;
    /* The ratios are rounded down: the count may be reached a tick later than their
     * product says, never a whole period later. */
    u64 ticks = (u64)exact;
    if (clock_mul(c->per_tick, ticks) < count)
        ticks++;
    if (clock_mul(c->per_tick, ticks) < count)
        ticks += c->per_period.whole + 1;
    const u64 when = c->origin + ticks;
    return when < c->origin ? CLOCK_NEVER : when;
}
