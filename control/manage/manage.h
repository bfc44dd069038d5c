/* The shell's commands (control/shell/), carried out on a world (world.h).  Pure. */
#pragma once
#include "control/manage/create.h"
#include "control/manage/events.h"
#include "control/manage/top.h"
#include "control/manage/world.h"
#include "control/shell/shell.h"

struct manage {
    const struct manage_world *world;
    struct shell_actions actions; /* for shell_init() */
    struct shell_names names;
    char name[SHELL_GUESTS][MANAGE_NAME];
    u32 partition[SHELL_GUESTS];                  /* the number of each in `names` */
    const char *event[SHELL_GUESTS + EVENTS_MAX]; /* for `names` */
    struct top top;
    struct making making;
};

void manage_init(struct manage *m, const struct manage_world *world);
