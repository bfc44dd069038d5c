/* See picture.h.  Pure. */
#include "control/manage/picture.h"
#include "control/manage/events.h"
#include "control/manage/part.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define BAR_COLUMNS 60u
#define RIP_PROBES  8u
#define ROW_TIMES   3u
#define ROW_SUMS    6u
#define ROW_EXITS   8u
#define ROW_RIPS    (ROW_EXITS + PICTURE_EXITS + 1)
#define X(v)        ((unsigned long long)(v))

static u64 less(u64 a, u64 b)
{
    return a > b ? a - b : 0;
}

u64 picture_rate(u64 count, u64 ticks, u64 tsc_hz)
{
    const u64 hz = MAX(tsc_hz, 1ull);

    if (ticks == 0)
        return 0;
    if (count >> 31 || ticks >> 62) /* of a life, not of a second */
        return count / MAX(ticks / hz, 1ull);
    return (count * hz + ticks / 2) / ticks;
}

/* ------------------------------------------------------------ samples */

void picture_add(struct picture_sample *s, const struct abi_vcpu_stats *v, u64 slept_since)
{
    if (s->tsc == 0)
        s->tsc = v->now;
    s->asleep += v->asleep;
    s->waiting += v->waiting;
    s->injected += v->injected;
    for (u32 i = 0; i < ABI_EXITS; i++) {
        s->count[i] += v->exit[i].count;
        s->ticks[i] += v->exit[i].sum;
    }
    if (v->sleeps) {
        const u64 since = v->away_since ? v->away_since : slept_since;

        s->asleep += since ? less(v->now, since) : 0;
    } else if (v->away_since)
        s->waiting += less(v->now, v->away_since);
}

static void subtract(struct picture_change *c, const struct picture_sample *before,
                     const struct picture_sample *after, u64 since, u32 vcpus)
{
    c->elapsed = less(after->tsc, since);
    c->ticks = c->elapsed * vcpus;
    c->exits = c->lintel = 0;
    c->injected = less(after->injected, before->injected);
    for (u32 i = 0; i < ABI_EXITS; i++) {
        c->count[i] = less(after->count[i], before->count[i]);
        c->spent[i] = less(after->ticks[i], before->ticks[i]);
        c->exits += c->count[i];
        c->lintel += c->spent[i];
    }
    /* An exit or a sleep that began before is counted when it ends: never more than there was. */
    c->asleep = MIN(less(after->asleep, before->asleep), c->ticks);
    c->lintel = MIN(c->lintel, c->ticks - c->asleep);
    c->waiting = MIN(less(after->waiting, before->waiting), c->ticks - c->asleep - c->lintel);
    c->guest = c->ticks - c->asleep - c->lintel - c->waiting;
}

/* ------------------------------------------------------------ exits */

void picture_begin(struct picture *p)
{
    memset(p, 0, sizeof(*p));
}

void picture_see(struct picture *p, u64 rip)
{
    const u32 at = (u32)(rip * 0x9e3779b97f4a7c15ull >> 56);

    p->seen++;
    for (u32 i = 0; i < RIP_PROBES; i++) {
        struct picture_rip *const slot = &p->slot[(at + i) % PICTURE_SLOTS];

        if (slot->count && slot->rip != rip)
            continue;
        slot->rip = rip;
        slot->count++;
        return;
    }
}

static void order_rips(struct picture *p)
{
    for (p->rips = 0; p->rips < PICTURE_RIPS; p->rips++) {
        u32 best = 0;

        for (u32 slot = 1; slot < PICTURE_SLOTS; slot++)
            if (p->slot[slot].count > p->slot[best].count)
                best = slot;
        if (p->slot[best].count == 0)
            return;
        p->rip[p->rips] = p->slot[best];
        p->slot[best].count = 0;
    }
}

static void order_exits(struct picture *p)
{
    u64 below = ~0ull;
    u32 last = ABI_EXITS;

    for (p->exits = 0; p->exits < PICTURE_EXITS; p->exits++) {
        last = events_next_exit(p->change.count, below, last);
        if (last == ABI_EXITS)
            return;
        p->exit[p->exits] = last;
        below = p->change.count[last];
    }
}

/* ------------------------------------------------------------ rows */

#define ROW(p, n) (p)->row[n], sizeof((p)->row[n])

static void draw_times(struct picture *p)
{
    const struct picture_change *const c = &p->change;
    const u64 ticks = MAX(c->ticks, 1ull);
    const u64 for_guest = c->guest * BAR_COLUMNS / ticks;
    const u64 for_lintel = (c->guest + c->lintel) * BAR_COLUMNS / ticks;
    const u64 for_others = c->waiting * BAR_COLUMNS / ticks;
    char guest[PART_TEXT], lintel[PART_TEXT], asleep[PART_TEXT], waiting[PART_TEXT];
    char bar[BAR_COLUMNS + 1] = "";

    for (u64 i = 0; i < BAR_COLUMNS; i++)
        bar[i] = i < for_guest                   ? '='
                 : i < for_lintel                ? '#'
                 : i >= BAR_COLUMNS - for_others ? '-'
                                                 : '.';
    part_text(guest, c->guest, c->ticks);
    part_text(lintel, c->lintel, c->ticks);
    part_text(asleep, c->asleep, c->ticks);
    part_text(waiting, c->waiting, c->ticks);
    fmt_buf(ROW(p, ROW_TIMES), "time    = guest %6s   # Lintel %6s   . waiting %6s   - others %6s",
            guest, lintel, asleep, waiting);
    fmt_buf(ROW(p, ROW_TIMES + 1), "        [%s]", bar);
}

static void draw_exits(struct picture *p, u64 hz)
{
    const struct picture_change *const c = &p->change;

    fmt_buf(ROW(p, ROW_EXITS), "%-24s %10s %8s %10s %8s", "exit", "a second", "share", "mean ticks",
            "of time");
    for (u32 i = 0; i < p->exits; i++) {
        const u32 reason = p->exit[i];
        const u64 count = c->count[reason];
        char share[PART_TEXT], time[PART_TEXT];

        part_text(share, count, c->exits);
        part_text(time, c->spent[reason], c->ticks);
        fmt_buf(ROW(p, ROW_EXITS + 1 + i), "%-24s %10llu %8s %10llu %8s",
                events_name(TRACE_EXIT + reason), X(picture_rate(count, c->elapsed, hz)), share,
                X(c->spent[reason] / count), time);
    }
}

static void draw_rips(struct picture *p)
{
    fmt_buf(ROW(p, ROW_RIPS), "%-24s %10s %8s   of the last %llu exits", "guest RIP", "exits",
            "share", X(p->seen));
    for (u32 i = 0; i < p->rips; i++) {
        char share[PART_TEXT];

        part_text(share, p->rip[i].count, p->seen);
        fmt_buf(ROW(p, ROW_RIPS + 1 + i), "%016llx %18u %8s", X(p->rip[i].rip), p->rip[i].count,
                share);
    }
}

static void draw_head(struct picture *p, const struct picture_guest *g, u64 now, bool since_start)
{
    const u64 hz = MAX(g->tsc_hz, 1ull), seconds = less(now, g->start) / hz;
    const u64 elapsed = p->change.elapsed;
    char vcpus[24] = "";

    if (g->vcpus > 1)
        fmt_buf(vcpus, sizeof(vcpus), " of %u vCPUs", g->vcpus);
    fmt_buf(ROW(p, 0), "Lintel: guest %-31s up %3llu:%02llu:%02llu", g->name, X(seconds / 3600),
            X(seconds / 60 % 60), X(seconds % 60));
    if (since_start)
        fmt_buf(ROW(p, 1), "since its start%s; any key ends", vcpus);
    else
        fmt_buf(ROW(p, 1), "the last %llu.%llu s%s; any key ends", X(elapsed / hz),
                X(elapsed % hz * 10 / hz), vcpus);
}

void picture_draw(struct picture *p, const struct picture_guest *g,
                  const struct picture_sample *before, const struct picture_sample *after)
{
    static const struct picture_sample none;
    struct picture_change *const c = &p->change;

    subtract(c, before->tsc ? before : &none, after, before->tsc ? before->tsc : g->start,
             g->vcpus);
    order_exits(p);
    order_rips(p);
    draw_head(p, g, after->tsc, before->tsc == 0);
    draw_times(p);
    fmt_buf(ROW(p, ROW_SUMS), "exits %llu a second, interrupts injected %llu a second",
            X(picture_rate(c->exits, c->elapsed, g->tsc_hz)),
            X(picture_rate(c->injected, c->elapsed, g->tsc_hz)));
    draw_exits(p, g->tsc_hz);
    draw_rips(p);
}
