/* See events.h.  Pure. */
#include "control/manage/events.h"

static const struct {
    u32 number;
    const char *name;
} events[] = {
#define TRACE_EVENT(number, name, a, b, c) {number, #name},
#include "abi/trace_events.def"
#define EXIT_REASON(number, name) {TRACE_EXIT + (number), #name},
#include "abi/exit_reasons.def"
};

_Static_assert(ARRAY_LEN(events) <= EVENTS_MAX, "whoever lists them has the room");

u32 events_count(void)
{
    return ARRAY_LEN(events);
}

u32 events_number(u32 n)
{
    return events[n].number;
}

const char *events_name(u32 number)
{
    for (u32 i = 0; i < ARRAY_LEN(events); i++)
        if (events[i].number == number)
            return events[i].name;
    return "?";
}

u32 events_next_exit(const u64 count[ABI_EXITS], u64 below, u32 last)
{
    u32 best = ABI_EXITS;

    for (u32 i = 0; i < ABI_EXITS; i++)
        if (count[i] && (count[i] < below || (count[i] == below && i > last)) &&
            (best == ABI_EXITS || count[i] > count[best]))
            best = i;
    return best;
}
