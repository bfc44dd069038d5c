/* The trace ring in words, for dumps. */
#include "vmm/trace.h"
#include "arch/x86_64/log.h"
#include "vmx/exit.h"

static const char *const event_name[] = {
#define TRACE_EVENT(number, name, a, b, c) [number] = #name,
#include "abi/trace_events.def"
};

static void dump_record(const struct trace_record *r)
{
    const char *name =
        r->event < ARRAY_LEN(event_name) && event_name[r->event] ? event_name[r->event] : "?";

    if (r->event >= TRACE_EXIT)
        log_info("  %16llu EXIT %s rip=%llx qual=%llx ticks=%u", (unsigned long long)r->tsc,
                 exit_reason_name(r->event - TRACE_EXIT), (unsigned long long)r->b,
                 (unsigned long long)r->c, r->a);
    else
        log_info("  %16llu %s %x %llx %llx", (unsigned long long)r->tsc, name, r->a,
                 (unsigned long long)r->b, (unsigned long long)r->c);
}

void trace_init(struct trace_ring *ring, u32 cpu, u64 tsc_hz)
{
    ring->magic = TRACE_MAGIC;
    ring->version = TRACE_VERSION;
    ring->record_size = sizeof(struct trace_record);
    ring->records = TRACE_RECORDS;
    ring->cpu = cpu;
    ring->tsc_hz = tsc_hz;
    ring->written = 0;
}

void trace_dump(const struct trace_ring *ring, u32 count)
{
    const u64 end = ring->written;
    const u64 have = MIN(end, (u64)TRACE_RECORDS);
    const u64 want = MIN(have, (u64)count);

    for (u64 i = end - want; i < end; i++)
        dump_record(&ring->record[i & (TRACE_RECORDS - 1)]);
}
