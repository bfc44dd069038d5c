/* The trace ring: one per CPU, 32-byte records (include/abi/trace.h), always on.
 * Written by its CPU only; read by the dump and, after a panic, by whoever looks at memory. */
#pragma once
#include "abi/trace.h"
#include "arch/x86_64/insn.h"

#define TRACE_RECORDS 4096u /* a power of two */

struct trace_ring {
    u64 written; /* records ever written */
    struct trace_record record[TRACE_RECORDS];
};

static inline void trace(struct trace_ring *ring, enum trace_event event, u16 who, u32 a, u64 b,
                         u64 c)
{
    const u64 n = ring->written;
    struct trace_record *r = &ring->record[n & (TRACE_RECORDS - 1)];

    ring->written = n + 1;
    r->tsc = rdtsc();
    r->head = (u64)a << 32 | (u32)who << 16 | (u32)event;
    r->b = b;
    r->c = c;
}

/* Writes the last `count` records of the ring to the log, oldest first. */
void trace_dump(const struct trace_ring *ring, u32 count);
