/* A guest of the configuration, planned: its image, and what a PC's firmware would have left in its
 * memory.  Pure. */
#pragma once
#include "boot/load/load.h"
#include "boot_info.h"

struct pc_guest {
    const struct config_guest *config;
    u64 tsc_hz;
    u32 signature, features; /* CPUID leaf 1 of a guest with one processor here: EAX and EDX */
    /* The files that the configuration may name; without one of that path, loaders see an empty
     * one. */
    const struct boot_module *module;
    u32 modules;
};

/* Errors as load_plan(), with plan->reason filled. */
err_t pc_plan(const struct pc_guest *guest, struct load_plan *plan);
