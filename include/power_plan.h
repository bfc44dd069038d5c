/* How to switch this machine off and on again: the loader works it out (boot/power_ways.c), hv.elf
 * does it (drivers/platform/power.c), register by register. */
#pragma once
#include "lib/types.h"

#define POWER_WAYS_MAX  4u
#define POWER_STEPS_MAX 12u
#define POWER_NAME_MAX  32u
#define POWER_NOTE_MAX  48u

enum power_space {
    POWER_MEMORY, /* a physical address; the same one in all steps of a way */
    POWER_IO,     /* a port */
    POWER_PCI,    /* bus 0: device << 11 | function << 8 | offset */
};

enum power_op {
    POWER_WRITE, /* the bits of mask as they are, and value; mask 0: without reading */
    POWER_WAIT,  /* until (register & mask) == value, at most us microseconds; then on */
    POWER_SKIP,  /* the next step, if (register & mask) == value */
};

struct power_step {
    u8 op, space; /* the enums above */
    u8 width;     /* bytes: 1, 2 or 4 */
    u32 mask, value, us;
    u64 address;
};

struct power_way {
    char name[POWER_NAME_MAX];
    char note[POWER_NOTE_MAX]; /* what the log says before the first step; "": nothing */
    u32 steps;                 /* 0: this machine has none */
    struct power_step step[POWER_STEPS_MAX];
};

/* Tried in order. */
struct power_plan {
    u32 ways;
    struct power_way way[POWER_WAYS_MAX];
};
