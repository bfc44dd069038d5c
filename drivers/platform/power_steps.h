/* Does the steps of one way of struct power_plan.  Pure. */
#pragma once
#include "power_plan.h"

/* memory: where the way's register in memory is mapped, if it has one. */
struct power_access {
    u32 (*get)(const struct power_step *s, void *memory); /* the register's s->width bytes */
    void (*put)(const struct power_step *s, void *memory, u32 value);
    void (*delay_us)(u64 us);
};

/* Returns when all is done, and the machine still runs. */
void power_run(const struct power_way *way, const struct power_access *access, void *memory);
