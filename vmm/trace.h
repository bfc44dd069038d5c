/* The trace ring: one per CPU, 32-byte records (include/abi/trace.h), always on.
 * Written by its CPU only; read by the dump and, after a panic, by whoever looks at memory. */
#pragma once
#include "abi/trace.h"
#include "arch/x86_64/insn.h"

/* The oldest record, to be overwritten. */
static inline struct trace_record *trace_next(struct trace_ring *ring)
{
    const u64 at = (ring->written & (TRACE_RECORDS - 1)) * sizeof(ring->record[0]);

    __asm__("incq %0" : "+m"(ring->written) : : "cc"); /* not load, add, store */
    return (struct trace_record *)(void *)((u8 *)ring->record + at);
}

static inline __attribute__((always_inline)) void
trace(struct trace_ring *ring, enum trace_event event, u16 who, u32 a, u64 b, u64 c)
{
    struct trace_record *r = trace_next(ring);

    r->tsc = rdtsc();
    r->head = (u64)a << 32 | (u32)who << 16 | (u32)event;
    r->b = b;
    r->c = c;
}

/* An empty ring of CPU number `cpu`. */
void trace_init(struct trace_ring *ring, u32 cpu, u64 tsc_hz);
/* Writes the last `count` records of the ring to the log, oldest first. */
void trace_dump(const struct trace_ring *ring, u32 count);
/* The same as lines LINTEL-TRACE for tools/trace, to the serial ports only. */
void trace_lines(const struct trace_ring *ring, u32 count);
