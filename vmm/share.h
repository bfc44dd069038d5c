/* A part of a whole in percent, with one digit behind the point.  Pure. */
#pragma once
#include "lib/types.h"

struct share {
    u64 percent, tenth;
};

/* Rounded; 0 of nothing.  Wholes beyond 2^50 (of ticks: days) lose digits that do not show. */
static inline struct share share_of(u64 part, u64 whole)
{
    const u32 shift = whole >> 50 ? 14 : 0;
    const u64 of = whole >> shift;
    const u64 permille = of ? ((part >> shift) * 1000 + of / 2) / of : 0;

    return (struct share){permille / 10, permille % 10};
}
