/* The timer of a local APIC, for lapic.c: what its registers do.  Pure. */
#pragma once
#include "vmm/dev/lapic.h"

#define LVT_MASKED  0x10000u
#define LAPIC_NEVER (~0ull)

void lapic_timer_write_lvt(struct lapic *l, u32 value, u64 now);
void lapic_timer_start(struct lapic *l, u32 initial_count, u64 now);
void lapic_timer_divide(struct lapic *l, u32 value, u64 now);
u32 lapic_timer_count(struct lapic *l, u64 now);
void lapic_timer_set_deadline(struct lapic *l, u64 deadline, u64 guest_now, u64 now);
u64 lapic_timer_deadline(struct lapic *l, u64 now);
/* After the timer has fired: reloads it, or stops it. */
void lapic_timer_next(struct lapic *l, u64 now);
