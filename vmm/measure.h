/* The measuring on the way of every exit: one trace record, one counter, one histogram.  From the
 * stamp that vmx_run() takes behind the exit to the one here before the entry. */
#pragma once
#include "vmm/trace.h"
#include "vmm/vcpu.h"

/* The qualification, c, has not been read yet. */
static inline struct trace_record *measure_exit(struct vcpu *v, const struct exit *x, u64 reason)
{
    struct trace_record *r = trace_next(v->trace);

    COMPILER_KEEP(r);
    r->tsc = x->tsc;
    r->head = v->trace_exit + reason;
    r->b = v->vmx.guest.field[GS_RIP];
    r->c = 0;
    return r;
}

/* x->tsc was moved forward by what the vCPU slept meanwhile.  An exit that ends the guest counts
 * too. */
static inline void measure_entry(struct vcpu *v, struct trace_record *r, const struct exit *x,
                                 u64 reason)
{
    u64 ticks = rdtsc() - x->tsc;
    struct exit_stat *s = &v->stats->reason[reason];

    COMPILER_KEEP(s);
    if (unlikely(ticks > s->max))
        ticks = exit_stat_longest(s, ticks);
    r->a = (u32)ticks;
    s->count++;
    s->sum += ticks;
    if (unlikely(ticks < s->min))
        s->min = ticks;
    hist_add(&s->hist, ticks);
}
