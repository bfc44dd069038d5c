/* The trace ring: one per CPU, 32-byte records, always on.  Shared with the tools, which find a
 * ring in a dump of memory by its magic number. */
#pragma once
#include "lib/types.h"

enum trace_event {
#define TRACE_EVENT(number, name, a, b, c) TRACE_##name = (number),
#include "abi/trace_events.def"
    /* VM exit number n is event TRACE_EXIT + n.  a: ticks from this exit to the entry that
     * followed, 0 while there was none; b: guest RIP; c: exit qualification, 0 if the exit's row
     * does not read it. */
    TRACE_EXIT = 0x100,
};

struct trace_record {
    u64 tsc;
    union {
        struct {
            u16 event; /* enum trace_event */
            u16 vcpu;  /* vm << 8 | vcpu, vm: number of the partition - 1, or that of all for the
                        * control partition; 0xffff: none */
            u32 a;
        };
        u64 head; /* the three in one store */
    };
    u64 b;
    u64 c;
};

_Static_assert(sizeof(struct trace_record) == 32, "two records a cache line");

#define TRACE_MAGIC   0x4352544c45544e4cull /* "LNTELTRC" */
#define TRACE_VERSION 1u
#define TRACE_RECORDS 4096u /* a power of two */

struct trace_ring {
    u64 magic;
    u32 version, record_size; /* bytes */
    u32 records, cpu;
    u64 tsc_hz;
    u64 written; /* records ever written; number n is at n % records */
    u64 reserved[3];
    struct trace_record record[TRACE_RECORDS];
};

_Static_assert(offsetof(struct trace_ring, record) == 64, "the header is one cache line");
