/* See trace_reader.h.  Pure. */
#include "control/manage/trace_reader.h"

bool trace_reader_begin(struct trace_reader *r, const struct manage_world *world, u32 cpu)
{
    struct abi_cpu_stats stats;

    if (!world->cpu(cpu, &stats))
        return false;
    r->world = world;
    r->cpu = cpu;
    r->position = r->first = stats.traced;
    r->count = 0;
    return true;
}

/* A block begins at a multiple of its size: no call ends at the ring's end before it is full. */
const struct trace_record *trace_reader_back(struct trace_reader *r)
{
    if (r->position == 0)
        return NULL;
    if (r->position == r->first) {
        r->first = ALIGN_DOWN(r->position - 1, (u64)ABI_TRACE_MAX);
        r->count = (u32)(r->position - r->first);
        if (r->world->trace(r->cpu, r->first, r->block, r->count) != r->count) {
            r->position = 0; /* overwritten */
            return NULL;
        }
    }
    r->position--;
    return &r->block[r->position - r->first];
}
