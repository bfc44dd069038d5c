/* `top`: what guests do, in so many a second, or one guest in detail, again and again until a key
 * is typed.  Pure. */
#pragma once
#include "control/manage/view.h"
#include "control/shell/output.h"
#include "control/shell/parse.h"

#define TOP_PARTITIONS 256u

struct top_sample {
    u64 exits, requests, frames;
};

struct top {
    bool on, once, json;
    u32 partition;                            /* of the one guest; 0: it is about all */
    u32 seconds;                              /* between two looks */
    struct top_sample before[TOP_PARTITIONS]; /* at the look before, by partition */
    struct view view;                         /* of the one guest */
};

/* The command.  The first look comes `seconds` later; at one guest, which is shown since its start,
 * at once, and then t->on says whether there is another one. */
void top_begin(struct top *t, const struct manage_world *world, const struct shell_order *order,
               u32 partition, struct output *out);
/* The time has come: a table.  Afterwards t->on says whether there is another one. */
void top_look(struct top *t, const struct manage_world *world, struct output *out);
