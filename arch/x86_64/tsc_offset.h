/* How far another CPU's time-stamp counter is ahead of this one's, out of readings that went to and
 * fro.  Pure. */
#pragma once
#include "lib/types.h"

/* It is at least `least` and at most `most` ticks ahead. */
struct tsc_offset {
    i64 least, most;
};

#define TSC_OFFSET_UNKNOWN ((struct tsc_offset){INT64_MIN, INT64_MAX})

/* One reading: `theirs` was read by the other CPU after `sent` and before `received` were read
 * here. Counters may wrap around; the two must be less than 2^62 ticks apart. */
static inline void tsc_offset_note(struct tsc_offset *o, u64 sent, u64 theirs, u64 received)
{
    o->least = MAX(o->least, (i64)(theirs - received));
    o->most = MIN(o->most, (i64)(theirs - sent));
}

/* No reading shows a difference: it is below the error of the measurement, most - least. */
static inline bool tsc_offset_may_be_0(const struct tsc_offset *o)
{
    return o->least <= 0 && o->most >= 0;
}
