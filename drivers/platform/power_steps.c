/* The interpreter of power plans; see power_steps.h. */
#include "drivers/platform/power_steps.h"

#define POLL_US 1000u

static bool is(const struct power_step *s, const struct power_access *access, void *memory)
{
    return (access->get(s, memory) & s->mask) == s->value;
}

void power_run(const struct power_way *way, const struct power_access *access, void *memory)
{
    for (u32 i = 0; i < MIN(way->steps, POWER_STEPS_MAX); i++) {
        const struct power_step *s = &way->step[i];

        switch (s->op) {
        case POWER_WRITE:
            access->put(s, memory, (s->mask ? access->get(s, memory) & s->mask : 0) | s->value);
            break;
        case POWER_WAIT:
            for (u32 us = 0; us < s->us && !is(s, access, memory); us += POLL_US)
                access->delay_us(POLL_US);
            break;
        case POWER_SKIP: i += is(s, access, memory); break;
        }
    }
}
