/* What a trace record may be of, by name: an event (abi/trace_events.def), or a VM exit
 * (abi/exit_reasons.def).  Pure. */
#pragma once
#include "abi/control.h"
#include "abi/trace.h"

#define EVENTS_MAX 96u

/* All of them, events first. */
u32 events_count(void);
u32 events_number(u32 n); /* of struct trace_record; n: less than events_count() */
/* "?" if it means nothing. */
const char *events_name(u32 number);

/* The next exit reason by falling count, below `below`, or equal to it and behind `last`, so that
 * none comes twice; ABI_EXITS: there is none.  To begin with: ~0, ABI_EXITS. */
u32 events_next_exit(const u64 count[ABI_EXITS], u64 below, u32 last);
