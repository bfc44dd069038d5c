/* The live view of a running guest: what a second's counters and trace records say, as rows of
 * text.  What several vCPUs did is added up.  Nothing is counted for it: it subtracts two copies of
 * the counters of exits, and looks through the trace ring.  vmm/live.h shows it.  Pure. */
#pragma once
#include "abi/trace.h"
#include "vmm/exit_stats.h"

#define DASHBOARD_ROWS     23u /* a terminal of 24 by 80 holds it */
#define DASHBOARD_COLUMNS  79u
#define DASHBOARD_HEADINGS (BIT32(0) | BIT32(8) | BIT32(17)) /* rows */
#define DASHBOARD_RIPS     256u /* different ones that are counted; a power of two */

/* The counters at one moment. */
struct dashboard_sample {
    u64 tsc; /* 0: there is no sample */
    u64 count[EXIT_REASONS];
    u64 ticks[EXIT_REASONS]; /* exit to entry */
    u64 waiting;             /* asleep */
    u64 stolen;              /* it wanted to run, and others did */
    u64 injected;            /* interrupts */
};

/* A vCPU that may run meanwhile. */
struct dashboard_vcpu {
    const struct exit_stats *stats;
    const struct trace_ring *ring;
    u16 trace_id;
    bool asleep;      /* in HLT, or before its STARTUP */
    u64 absent_since; /* TSC at which it left its CPU; 0: it has the turn */
};

#define DASHBOARD_RINGS 8u

struct dashboard_guest {
    const char *name;
    u64 tsc_hz;
    u64 start; /* TSC at its first entry */
    u32 id, vcpus;
    u32 rings; /* with exits of its vCPUs, and of others */
    const struct trace_ring *ring[DASHBOARD_RINGS];
};

/* Between two samples. */
struct dashboard_change {
    u64 elapsed; /* TSC ticks */
    u64 ticks;   /* of all vCPUs; in parts: lintel, waiting, stolen, guest */
    u64 exits, injected, lintel, waiting, stolen, guest;
    u64 count[EXIT_REASONS];
    u64 spent[EXIT_REASONS];
};

/* The exits of that time that are still in the trace ring. */
struct dashboard_seen {
    u64 exits;
    struct {
        u64 rip;
        u32 count;
    } slot[DASHBOARD_RIPS];
};

struct dashboard {
    char row[DASHBOARD_ROWS][DASHBOARD_COLUMNS + 1];
    struct dashboard_change change;
    struct dashboard_seen seen;
};

void dashboard_begin(struct dashboard_sample *s, u64 now);
/* One vCPU more.  Its absence and its sleep are in the counters only when it comes back; of a sleep
 * on its CPU the ring has the exit with which it began. */
void dashboard_add(struct dashboard_sample *s, const struct dashboard_vcpu *v);

/* What was between two samples, the later one just taken; since the guest's start if there is none
 * before. */
void dashboard_draw(struct dashboard *d, const struct dashboard_guest *g,
                    const struct dashboard_sample *before, const struct dashboard_sample *after);
