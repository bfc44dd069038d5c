/* The figures of a series of samples.  Pure. */
#pragma once
#include "lib/types.h"

struct lab_summary {
    u64 min, median, p99, max;
};

/* Sorts the samples.  Quantiles are samples: of rank ceil(count * q).  All 0 without samples. */
struct lab_summary lab_summarize(u64 *sample, u32 count);
