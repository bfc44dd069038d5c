/* The trace ring of a CPU, from its newest record back.  Pure. */
#pragma once
#include "abi/control.h"
#include "abi/trace.h"
#include "control/manage/world.h"

struct trace_reader {
    const struct manage_world *world;
    u32 cpu;
    u64 position; /* of the record that was given last */
    u64 first;    /* of the block */
    u32 count;
    struct trace_record block[ABI_TRACE_MAX];
};

/* False: there is no such CPU. */
bool trace_reader_begin(struct trace_reader *r, const struct manage_world *world, u32 cpu);
/* The one before, until the next call; NULL: there are no more.  The newest, which comes first, may
 * be in the making: what it is, and since when, may be those of the one that was there before. */
const struct trace_record *trace_reader_back(struct trace_reader *r);
