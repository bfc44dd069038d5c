/* Log-linear histogram of 32-bit values: exact below 16, then eight buckets to each power of two,
 * so that a bucket is at most 12.5 % wide.  Pure. */
#pragma once
#include "lib/types.h"

#define HIST_SUB_BITS 3u
#define HIST_BUCKETS  ((32u - HIST_SUB_BITS + 1u) << HIST_SUB_BITS)

struct hist {
    u64 bucket[HIST_BUCKETS];
};

static inline u32 hist_bucket(u64 value)
{
    const u32 shift = 63u - HIST_SUB_BITS - (u32)__builtin_clzll(value | BIT(HIST_SUB_BITS));

    return (shift << HIST_SUB_BITS) + (u32)(value >> shift);
}

static inline void hist_add(struct hist *h, u64 value)
{
    h->bucket[hist_bucket(value)]++;
}

/* The smallest value of a bucket. */
u64 hist_bucket_first(u32 bucket);

u64 hist_count(const struct hist *h);
/* The first value of the bucket that holds the sample of rank ceil(count * permille / 1000); 0 if
 * there are no samples. */
u64 hist_quantile(const struct hist *h, u32 permille);
