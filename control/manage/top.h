/* `top`: what guests do, in so many a second, again and again until a key is typed.  Pure. */
#pragma once
#include "control/manage/world.h"
#include "control/shell/output.h"
#include "control/shell/parse.h"

#define TOP_PARTITIONS 256u

struct top_sample {
    u64 exits, requests, frames;
};

struct top {
    bool on, once, json;
    u32 seconds;                              /* between two looks */
    struct top_sample before[TOP_PARTITIONS]; /* at the look before, by partition */
};

/* The command: the first look comes `seconds` later. */
void top_begin(struct top *t, const struct manage_world *world, const struct shell_order *order);
/* The time has come: a table.  Afterwards t->on says whether there is another one. */
void top_look(struct top *t, const struct manage_world *world, struct output *out);
