/* The live view's rows; see dashboard.h.  Pure. */
#include "vmm/dashboard.h"
#include "lib/fmt.h"
#include "lib/mem.h"
#include "vmm/share.h"

#define REASONS_SHOWN 8u
#define RIPS_SHOWN    5u
#define BAR_COLUMNS   60u
#define RIP_PROBES    8u
#define X(v)          ((unsigned long long)(v))

static u64 per_second(u64 count, u64 ticks, u64 hz)
{
    if (ticks == 0)
        return 0;
    if (count >> 31 || ticks >> 62) /* of a life, not of a second */
        return count / MAX(ticks / hz, 1ull);
    return (count * hz + ticks / 2) / ticks;
}

static u64 less(u64 a, u64 b)
{
    return a > b ? a - b : 0;
}

static const struct trace_record *record(const struct trace_ring *ring, u64 number)
{
    return &ring->record[number % TRACE_RECORDS];
}

/* ------------------------------------------------------------ samples */

void dashboard_begin(struct dashboard_sample *s, u64 now)
{
    memset(s, 0, sizeof(*s));
    s->tsc = now;
}

/* Ticks since its last exit. */
static u64 sleeping(const struct dashboard_vcpu *v, u64 now)
{
    const u64 written = v->ring->written;
    const u64 oldest = written - MIN(written, (u64)TRACE_RECORDS);

    for (u64 n = written; n > oldest; n--) {
        const struct trace_record *r = record(v->ring, n - 1);

        if (r->event >= TRACE_EXIT && r->vcpu == v->trace_id)
            return less(now, r->tsc);
    }
    return 0;
}

void dashboard_add(struct dashboard_sample *s, const struct dashboard_vcpu *v)
{
    s->waiting += v->stats->waiting;
    s->stolen += v->stats->stolen;
    s->injected += v->stats->injected;
    for (u32 i = 0; i < EXIT_REASONS; i++) {
        s->count[i] += v->stats->reason[i].count;
        s->ticks[i] += v->stats->reason[i].sum;
    }
    if (v->asleep)
        s->waiting += v->absent_since ? less(s->tsc, v->absent_since) : sleeping(v, s->tsc);
    else if (v->absent_since)
        s->stolen += less(s->tsc, v->absent_since);
}

static void subtract(struct dashboard_change *c, const struct dashboard_sample *before,
                     const struct dashboard_sample *after, u64 since, u32 vcpus)
{
    c->elapsed = less(after->tsc, since);
    c->ticks = c->elapsed * vcpus;
    c->exits = c->lintel = 0;
    c->injected = less(after->injected, before->injected);
    for (u32 i = 0; i < EXIT_REASONS; i++) {
        c->count[i] = less(after->count[i], before->count[i]);
        c->spent[i] = less(after->ticks[i], before->ticks[i]);
        c->exits += c->count[i];
        c->lintel += c->spent[i];
    }
    /* An exit or a sleep that began before is counted when it ends: never more than there was. */
    c->waiting = MIN(less(after->waiting, before->waiting), c->ticks);
    c->lintel = MIN(c->lintel, c->ticks - c->waiting);
    c->stolen = MIN(less(after->stolen, before->stolen), c->ticks - c->waiting - c->lintel);
    c->guest = c->ticks - c->waiting - c->lintel - c->stolen;
}

/* ------------------------------------------------------------ the trace ring */

static void count_rip(struct dashboard_seen *s, u64 rip)
{
    const u32 at = (u32)(rip * 0x9e3779b97f4a7c15ull >> 56);

    for (u32 i = 0; i < RIP_PROBES; i++) {
        const u32 slot = (at + i) % DASHBOARD_RIPS;

        if (s->slot[slot].count && s->slot[slot].rip != rip)
            continue;
        s->slot[slot].rip = rip;
        s->slot[slot].count++;
        return;
    }
}

static void look_through(struct dashboard_seen *s, const struct trace_ring *ring, u32 guest,
                         u64 since)
{
    const u64 written = ring->written;
    const u64 oldest = written - MIN(written, (u64)TRACE_RECORDS);

    for (u64 n = written; n > oldest && record(ring, n - 1)->tsc >= since; n--) {
        const struct trace_record *r = record(ring, n - 1);

        if (r->event < TRACE_EXIT || r->vcpu >> 8 != guest)
            continue;
        s->exits++;
        count_rip(s, r->b);
    }
}

/* ------------------------------------------------------------ rows */

static void show_times(struct dashboard *d, u32 row, const struct dashboard_change *c)
{
    const struct share guest = share_of(c->guest, c->ticks), lintel = share_of(c->lintel, c->ticks),
                       waiting = share_of(c->waiting, c->ticks),
                       others = share_of(c->stolen, c->ticks);
    const u64 for_guest = c->ticks ? c->guest * BAR_COLUMNS / c->ticks : 0;
    const u64 for_lintel = c->ticks ? (c->guest + c->lintel) * BAR_COLUMNS / c->ticks : 0;
    const u64 for_others = c->ticks ? c->stolen * BAR_COLUMNS / c->ticks : 0;
    char bar[BAR_COLUMNS + 1] = "";

    for (u64 i = 0; i < BAR_COLUMNS; i++)
        bar[i] = i < for_guest                   ? '='
                 : i < for_lintel                ? '#'
                 : i >= BAR_COLUMNS - for_others ? '-'
                                                 : '.';
    fmt_buf(d->row[row], sizeof(d->row[row]),
            "time    = guest %3llu.%llu%%   # Lintel %3llu.%llu%%   . waiting %3llu.%llu%%   "
            "- others %3llu.%llu%%",
            X(guest.percent), X(guest.tenth), X(lintel.percent), X(lintel.tenth),
            X(waiting.percent), X(waiting.tenth), X(others.percent), X(others.tenth));
    fmt_buf(d->row[row + 1], sizeof(d->row[row + 1]), "        [%s]", bar);
}

/* The largest that is below `below`, or equal to it and behind `last`; so no reason comes twice. */
static u32 next_reason(const struct dashboard_change *c, u64 below, u32 last)
{
    u32 best = EXIT_REASONS;

    for (u32 i = 0; i < EXIT_REASONS; i++)
        if (c->count[i] && (c->count[i] < below || (c->count[i] == below && i > last)) &&
            (best == EXIT_REASONS || c->count[i] > c->count[best]))
            best = i;
    return best;
}

static void show_reasons(struct dashboard *d, u32 row, const struct dashboard_change *c, u64 hz)
{
    u64 below = ~0ull;
    u32 last = EXIT_REASONS;

    fmt_buf(d->row[row], sizeof(d->row[row]), "%-24s %10s %8s %10s %8s", "exit", "a second",
            "share", "mean ticks", "of time");
    for (u32 i = 1; i <= REASONS_SHOWN; i++) {
        last = next_reason(c, below, last);
        if (last == EXIT_REASONS)
            return;
        below = c->count[last];

        const struct share share = share_of(below, c->exits),
                           time = share_of(c->spent[last], c->ticks);

        fmt_buf(d->row[row + i], sizeof(d->row[row + i]),
                "%-24s %10llu %5llu.%llu%% %10llu %5llu.%llu%%", exit_reason_name(last),
                X(per_second(below, c->elapsed, hz)), X(share.percent), X(share.tenth),
                X(c->spent[last] / below), X(time.percent), X(time.tenth));
    }
}

static void show_rips(struct dashboard *d, u32 row, struct dashboard_seen *s)
{
    fmt_buf(d->row[row], sizeof(d->row[row]), "%-24s %10s %8s   of the last %llu exits",
            "guest RIP", "exits", "share", X(s->exits));
    for (u32 i = 1; i <= RIPS_SHOWN; i++) {
        u32 best = 0;

        for (u32 slot = 1; slot < DASHBOARD_RIPS; slot++)
            if (s->slot[slot].count > s->slot[best].count)
                best = slot;
        if (s->slot[best].count == 0)
            return;

        const struct share share = share_of(s->slot[best].count, s->exits);

        fmt_buf(d->row[row + i], sizeof(d->row[row + i]), "%016llx %18u %5llu.%llu%%",
                X(s->slot[best].rip), s->slot[best].count, X(share.percent), X(share.tenth));
        s->slot[best].count = 0;
    }
}

static void show_head(struct dashboard *d, const struct dashboard_guest *g, u64 now,
                      bool since_start)
{
    const struct dashboard_change *c = &d->change;
    const u64 hz = MAX(g->tsc_hz, 1ull), seconds = less(now, g->start) / hz;
    char vcpus[24] = "";

    if (g->vcpus > 1)
        fmt_buf(vcpus, sizeof(vcpus), " of %u vCPUs", g->vcpus);
    fmt_buf(d->row[0], sizeof(d->row[0]), "Lintel: guest %-31s up %3llu:%02llu:%02llu", g->name,
            X(seconds / 3600), X(seconds / 60 % 60), X(seconds % 60));
    if (since_start)
        fmt_buf(d->row[1], sizeof(d->row[1]), "since its start%s; Ctrl-T: back to the guest",
                vcpus);
    else
        fmt_buf(d->row[1], sizeof(d->row[1]), "the last %llu.%llu s%s; Ctrl-T: back to the guest",
                X(c->elapsed / hz), X(c->elapsed % hz * 10 / hz), vcpus);
}

void dashboard_draw(struct dashboard *d, const struct dashboard_guest *g,
                    const struct dashboard_sample *before, const struct dashboard_sample *after)
{
    static const struct dashboard_sample none;
    const u64 hz = MAX(g->tsc_hz, 1ull), since = before->tsc ? before->tsc : g->start;
    struct dashboard_change *c = &d->change;
    struct dashboard_seen *s = &d->seen;

    memset(d->row, 0, sizeof(d->row));
    memset(s, 0, sizeof(*s));
    subtract(c, before->tsc ? before : &none, after, since, g->vcpus);
    for (u32 i = 0; i < g->rings; i++)
        look_through(s, g->ring[i], g->id, since);
    show_head(d, g, after->tsc, before->tsc == 0);
    show_times(d, 3, c);
    fmt_buf(d->row[6], sizeof(d->row[6]), "exits %llu a second, interrupts injected %llu a second",
            X(per_second(c->exits, c->elapsed, hz)), X(per_second(c->injected, c->elapsed, hz)));
    show_reasons(d, 8, c, hz);
    show_rips(d, 8 + REASONS_SHOWN + 1, s);
}
