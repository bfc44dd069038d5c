/* Trace records: 32 bytes each, in a ring per CPU.  Shared with the tools. */
#pragma once
#include "lib/types.h"

enum trace_event {
#define TRACE_EVENT(number, name, a, b, c) TRACE_##name = (number),
#include "abi/trace_events.def"
};

struct trace_record {
    u64 tsc;
    union {
        struct {
            u16 event; /* enum trace_event */
            u16 vcpu;  /* vm << 8 | vcpu; 0xffff: none */
            u32 a;
        };
        u64 head; /* the three in one store */
    };
    u64 b;
    u64 c;
};

_Static_assert(sizeof(struct trace_record) == 32, "two records a cache line");
