/* The live view of a guest: what its counters and its trace records say of the time between two
 * looks, as rows of text.  What several virtual CPUs did is added up.  Pure. */
#pragma once
#include "abi/control.h"

#define PICTURE_ROWS     23u /* a terminal of 24 by 80 holds it */
#define PICTURE_COLUMNS  79u
#define PICTURE_HEADINGS (BIT32(0) | BIT32(8) | BIT32(17)) /* rows */
#define PICTURE_SLOTS    256u                              /* a power of two */
#define PICTURE_EXITS    8u
#define PICTURE_RIPS     5u

/* The counters at one moment. */
struct picture_sample {
    u64 tsc; /* 0: there is no sample */
    u64 count[ABI_EXITS];
    u64 ticks[ABI_EXITS];          /* exit to entry */
    u64 asleep, waiting, injected; /* as in struct abi_vcpu_stats */
};

struct picture_guest {
    const char *name;
    u64 tsc_hz;
    u64 start; /* TSC at its first entry */
    u32 vcpus;
};

/* Between two samples. */
struct picture_change {
    u64 elapsed; /* TSC ticks */
    u64 ticks;   /* of all virtual CPUs; in parts: guest, lintel, asleep, waiting */
    u64 guest, lintel, asleep, waiting;
    u64 exits, injected;
    u64 count[ABI_EXITS];
    u64 spent[ABI_EXITS];
};

struct picture_rip {
    u64 rip;
    u32 count;
};

struct picture {
    char row[PICTURE_ROWS][PICTURE_COLUMNS + 1];
    struct picture_change change;
    u32 exits; /* by falling count */
    u32 exit[PICTURE_EXITS];
    u32 rips; /* the same */
    struct picture_rip rip[PICTURE_RIPS];
    /* The exits of that time that are still in the trace rings. */
    u64 seen;
    struct picture_rip slot[PICTURE_SLOTS];
};

/* One virtual CPU more, the sample's first if its tsc is 0.  Its absence and its sleep are in the
 * counters only when it comes back; slept_since: TSC of the exit with which a sleep on its CPU
 * began, 0 if it is not known. */
void picture_add(struct picture_sample *s, const struct abi_vcpu_stats *v, u64 slept_since);

/* A new picture begins with the exits that are seen in the rings. */
void picture_begin(struct picture *p);
void picture_see(struct picture *p, u64 rip);
/* What was between two samples, the later one just taken; since the guest's start if there is none
 * before. */
void picture_draw(struct picture *p, const struct picture_guest *g,
                  const struct picture_sample *before, const struct picture_sample *after);
/* In a second; of a guest that ran for so many ticks. */
u64 picture_rate(u64 count, u64 ticks, u64 tsc_hz);
