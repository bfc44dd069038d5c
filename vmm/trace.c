/* The trace ring in words, for dumps, and in lines for tools/trace. */
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

/* FNV-1a over words: a character that a serial line lost changes the sum. */
static u64 add_to_sum(u64 sum, u64 word)
{
    return (sum ^ word) * 0x100000001b3ull;
}

void trace_lines(const struct trace_ring *ring, u32 count)
{
    const u64 end = ring->written;
    const u64 want = MIN(MIN(end, (u64)TRACE_RECORDS), (u64)count);
    u64 sum = 0;

    log_bulk("LINTEL-TRACE ring cpu=%u version=%u records=%u tsc_hz=%llu written=%llu first=%llu",
             ring->cpu, ring->version, ring->records, (unsigned long long)ring->tsc_hz,
             (unsigned long long)end, (unsigned long long)(end - want));
    for (u64 i = end - want; i < end; i++) {
        const struct trace_record *r = &ring->record[i & (TRACE_RECORDS - 1)];

        log_bulk("LINTEL-TRACE %llx %llx %llx %llx %llx", (unsigned long long)i,
                 (unsigned long long)r->tsc, (unsigned long long)r->head, (unsigned long long)r->b,
                 (unsigned long long)r->c);
        sum = add_to_sum(add_to_sum(add_to_sum(add_to_sum(sum, r->tsc), r->head), r->b), r->c);
    }
    log_bulk("LINTEL-TRACE end cpu=%u sum=%llx", ring->cpu, (unsigned long long)sum);
}

void trace_dump(const struct trace_ring *ring, u32 count)
{
    const u64 end = ring->written;
    const u64 have = MIN(end, (u64)TRACE_RECORDS);
    const u64 want = MIN(have, (u64)count);

    for (u64 i = end - want; i < end; i++)
        dump_record(&ring->record[i & (TRACE_RECORDS - 1)]);
}
