/* See needs.h.  Pure. */
#include "boot/needs.h"

u64 needs_guest_memory(const struct config *config)
{
    u64 largest = 0, sum = 0;

    for (u32 i = 0; i < config->guest_count; i++) {
        const struct config_guest *g = &config->guest[i];

        largest = MAX(largest, g->memory);
        if (g->start == CONFIG_START_BOOT)
            sum += g->memory; /* no overflow: at most 128 times 1 TiB */
    }
    return (config->run == CONFIG_RUN_TOGETHER ? MAX(sum, largest) : largest) +
           (config->control[0] ? config->control_memory : 0);
}
