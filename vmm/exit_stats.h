/* What the exits of one vCPU cost: always on.  Written by the CPU that runs the vCPU, at each entry
 * (vmm/measure.h); a guest cannot reach it.  Pure. */
#pragma once
#include "vmm/hist.h"
#include "vmx/exit.h"

/* TSC ticks from exit to entry, without what was slept in HLT.  More than UINT32_MAX count as that.
 */
struct exit_stat {
    u64 count;
    u64 sum;
    u64 min; /* ~0: none yet */
    u64 max;
    struct hist hist;
    u64 unused[12]; /* a size that is a power of two: the index is a shift */
};

_Static_assert(sizeof(struct exit_stat) == 2048, "a power of two");

struct exit_stats {
    struct exit_stat reason[EXIT_REASONS];
    u64 start;    /* TSC before the first entry; 0: none yet */
    u64 end;      /* TSC after the last exit; 0 while the guest lives */
    u64 waiting;  /* ticks slept in HLT, or before a STARTUP */
    u64 stolen;   /* ticks for which it wanted to run, and others did */
    u64 injected; /* interrupts */
};

struct exit_times {
    u64 total;   /* from the first entry to the last exit, or to now */
    u64 lintel;  /* exit to entry */
    u64 waiting; /* asleep for the guest's HLT */
    u64 stolen;  /* for others */
    u64 guest;   /* the rest */
};

void exit_stats_reset(struct exit_stats *s);
/* ticks is more than ever before: becomes the maximum.  Returns what is to be counted. */
NOINLINE u64 exit_stat_longest(struct exit_stat *s, u64 ticks);
/* Ticks that so many thousandths of the exits, of at least one, did not exceed: to the width of a
 * bucket, exact where all are one value. */
u64 exit_stat_quantile(const struct exit_stat *s, u32 permille);
u64 exit_stats_count(const struct exit_stats *s);
/* now: TSC, for a guest that still runs. */
struct exit_times exit_stats_times(const struct exit_stats *s, u64 now);
/* NULL if every sum equals its total, else what is wrong with which reason (*reason). */
const char *exit_stats_check(const struct exit_stats *s, u64 now, u32 *reason);
