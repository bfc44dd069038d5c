/* The counters of a vCPU, read and checked; see exit_stats.h.  Pure. */
#include "vmm/exit_stats.h"
#include "lib/mem.h"

void exit_stats_reset(struct exit_stats *s)
{
    memset(s, 0, sizeof(*s));
    for (u32 i = 0; i < EXIT_REASONS; i++)
        s->reason[i].min = ~0ull;
}

u64 exit_stat_longest(struct exit_stat *s, u64 ticks)
{
    s->max = MIN(ticks, (u64)UINT32_MAX);
    return s->max;
}

u64 exit_stat_quantile(const struct exit_stat *s, u32 permille)
{
    return MAX(hist_quantile(&s->hist, permille), s->min);
}

u64 exit_stats_count(const struct exit_stats *s)
{
    u64 count = 0;

    for (u32 i = 0; i < EXIT_REASONS; i++)
        count += s->reason[i].count;
    return count;
}

struct exit_times exit_stats_times(const struct exit_stats *s, u64 now)
{
    struct exit_times t = {.total = s->start ? (s->end ? s->end : now) - s->start : 0,
                           .waiting = s->waiting,
                           .stolen = s->stolen};

    for (u32 i = 0; i < EXIT_REASONS; i++)
        t.lintel += s->reason[i].sum;
    t.guest = t.total - t.lintel - t.waiting - t.stolen;
    return t;
}

static const char *check_reason(const struct exit_stat *r)
{
    if (hist_count(&r->hist) != r->count)
        return "the histogram does not hold as many exits as were counted";
    if (r->count == 0)
        return r->sum == 0 && r->min == ~0ull && r->max == 0 ? NULL : "ticks without an exit";
    if (r->min > r->max || r->sum < r->max || r->sum / r->count < r->min ||
        r->sum / r->count > r->max)
        return "minimum, mean and maximum are out of order";
    if (hist_bucket(r->min) != hist_bucket(hist_quantile(&r->hist, 0)) ||
        hist_bucket(r->max) != hist_bucket(hist_quantile(&r->hist, 1000)))
        return "minimum or maximum is not in the outermost bucket";
    return NULL;
}

const char *exit_stats_check(const struct exit_stats *s, u64 now, u32 *reason)
{
    const struct exit_times t = exit_stats_times(s, now);

    for (*reason = 0; *reason < EXIT_REASONS; ++*reason) {
        const char *wrong = check_reason(&s->reason[*reason]);

        if (wrong)
            return wrong;
    }
    if (t.lintel > t.total || t.waiting > t.total - t.lintel ||
        t.stolen > t.total - t.lintel - t.waiting)
        return "the parts of the time are more than the whole";
    return NULL;
}
