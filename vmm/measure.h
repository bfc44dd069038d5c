/* The measuring on the way of every exit: one trace record, one counter, one histogram.  From the
 * stamp that vmx_run() takes behind the exit to the one here before the entry. */
#pragma once
#include "vmm/trace.h"
#include "vmm/vcpu.h"

static inline struct trace_record *measure_exit(struct vcpu *v, const struct exit *x)
{
    struct trace_record *r = trace_next(v->trace);

    r->tsc = x->tsc;
    r->head = (u64)(u32)v->trace_id << 16 | (TRACE_EXIT + x->reason);
    r->b = v->vmx.guest.field[GS_RIP];
    r->c = x->qual;
    return r;
}

/* x->tsc was moved forward by what the vCPU slept meanwhile.  An exit that ends the guest counts
 * too. */
static inline void measure_entry(struct vcpu *v, struct trace_record *r, const struct exit *x)
{
    struct exit_stat *s = &v->stats->reason[x->reason];
    const u64 ticks = rdtsc() - x->tsc;

    r->a = (u32)ticks;
    s->count++;
    s->sum += ticks;
    if (unlikely(ticks < s->min))
        s->min = ticks;
    if (unlikely(ticks > s->max))
        s->max = ticks;
    hist_add(&s->hist, ticks);
}
