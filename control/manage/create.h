/* `create`: a guest is made, and the answer waits until its image is loaded.  Pure. */
#pragma once
#include "control/manage/world.h"
#include "control/shell/output.h"
#include "control/shell/parse.h"

struct making {
    bool on; /* the answer waits */
    bool shows;
    u32 partition;
    char name[MANAGE_NAME];
};

/* One of the shell's actions; context: struct manage. */
void manage_create(void *context, const struct shell_order *order, struct output *out);
/* Looks how far it is; when it is over, the answer is complete and making->on is false. */
void making_look(struct making *making, const struct manage_world *world, struct output *out);
