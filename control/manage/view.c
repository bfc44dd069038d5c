/* See view.h.  Pure. */
#include "control/manage/view.h"
#include "control/manage/events.h"
#include "control/manage/part.h"
#include "control/manage/trace_reader.h"
#include "lib/fmt.h"
#include "lib/mem.h"

void view_begin(struct view *v, u32 partition)
{
    memset(v, 0, sizeof(*v));
    v->partition = partition;
}

/* ------------------------------------------------------------ looking */

/* The exits of a CPU's ring that are the guest's, as far back as `since`.  The newest record may be
 * in the making: its RIP is not looked at.  Its time is: where the guest sleeps, it is that of its
 * HLT, and done. */
static void look_through(struct view *v, const struct manage_world *world, u32 cpu, u64 since)
{
    static struct trace_reader reader;
    const struct trace_record *r;
    bool newest = true; /* what was there before it may be old */

    if (!trace_reader_begin(&reader, world, cpu))
        return;
    for (; (r = trace_reader_back(&reader)) && (r->tsc >= since || newest); newest = false) {
        const u32 vcpu = r->vcpu & 0xffu;

        if (r->tsc < since || r->event < TRACE_EXIT || (r->vcpu >> 8) + 1u != v->partition)
            continue;
        if (!newest)
            picture_see(&v->picture, r->b);
        if (vcpu < ABI_VCPUS_MAX)
            v->last_exit[vcpu] = MAX(v->last_exit[vcpu], r->tsc);
    }
}

/* Each CPU once. */
static void look_through_all(struct view *v, const struct manage_world *world,
                             const struct manage_guest *g, u64 since)
{
    for (u32 i = 0; i < MIN(g->vcpus, MANAGE_VCPUS); i++) {
        u32 k = 0;

        while (g->cpu[k] != g->cpu[i])
            k++;
        if (k == i)
            look_through(v, world, g->cpu[i], since);
    }
}

/* A guest that has begun anew is not compared with what it was. */
static void notice_life(struct view *v, u64 start)
{
    if (v->start == start)
        return;
    view_begin(v, v->partition);
    v->start = start;
}

static bool look(struct view *v, const struct manage_world *world, struct manage_guest *g)
{
    static struct abi_vcpu_stats stats; /* too large for the stack */

    if (!world->guest(v->partition, g) || !g->lives || !world->vcpu(v->partition, 0, &stats))
        return false;
    notice_life(v, stats.start);
    picture_begin(&v->picture);
    look_through_all(v, world, g, v->before.tsc ? v->before.tsc : v->start);
    memset(&v->after, 0, sizeof(v->after));
    for (u32 i = 0; i < MIN(g->vcpus, MANAGE_VCPUS); i++)
        if (world->vcpu(v->partition, i, &stats))
            picture_add(&v->after, &stats, v->last_exit[i]);
    return true;
}

/* ------------------------------------------------------------ showing */

static const struct output_column time_columns[] = {
    {"elapsed_ms", "", 1}, {"guest", "", 1},   {"lintel", "", 1},    {"asleep", "", 1},
    {"waiting", "", 1},    {"exits_s", "", 1}, {"injected_s", "", 1}};
static const struct output_column exit_columns[] = {
    {"exit", "", 1}, {"rate", "", 1}, {"share", "", 1}, {"mean", "", 1}, {"time", "", 1}};
static const struct output_column rip_columns[] = {
    {"rip", "", 1}, {"exits", "", 1}, {"share", "", 1}};

static void put_time(const struct picture_change *c, u64 hz, struct output *out)
{
    output_table(out, "time", time_columns, ARRAY_LEN(time_columns));
    output_row(out);
    output_number(out, c->elapsed / MAX(hz / 1000, 1ull));
    part_put(out, c->guest, c->ticks);
    part_put(out, c->lintel, c->ticks);
    part_put(out, c->asleep, c->ticks);
    part_put(out, c->waiting, c->ticks);
    output_number(out, picture_rate(c->exits, c->elapsed, hz));
    output_number(out, picture_rate(c->injected, c->elapsed, hz));
    output_row_end(out);
    output_table_end(out);
}

/* For programs: the same without rows. */
static void put_figures(const struct picture *p, u64 hz, struct output *out)
{
    const struct picture_change *const c = &p->change;

    put_time(c, hz, out);
    output_table(out, "exits", exit_columns, ARRAY_LEN(exit_columns));
    for (u32 i = 0; i < p->exits; i++) {
        const u64 count = c->count[p->exit[i]];

        output_row(out);
        output_text(out, events_name(TRACE_EXIT + p->exit[i]));
        output_number(out, picture_rate(count, c->elapsed, hz));
        part_put(out, count, c->exits);
        output_number(out, c->spent[p->exit[i]] / count);
        part_put(out, c->spent[p->exit[i]], c->ticks);
        output_row_end(out);
    }
    output_table_end(out);
    output_table(out, "rips", rip_columns, ARRAY_LEN(rip_columns));
    for (u32 i = 0; i < p->rips; i++) {
        char rip[24];

        fmt_buf(rip, sizeof(rip), "%016llx", (unsigned long long)p->rip[i].rip);
        output_row(out);
        output_text(out, rip);
        output_number(out, p->rip[i].count);
        part_put(out, p->rip[i].count, p->seen);
        output_row_end(out);
    }
    output_table_end(out);
}

bool view_look(struct view *v, const struct manage_world *world, bool over, struct output *out)
{
    struct manage_guest g;

    if (!look(v, world, &g))
        return false;
    picture_draw(&v->picture,
                 &(struct picture_guest){.name = g.name,
                                         .tsc_hz = world->tsc_hz,
                                         .start = v->start,
                                         .vcpus = MIN(g.vcpus, MANAGE_VCPUS)},
                 &v->before, &v->after);
    v->before = v->after;
    if (out->json)
        put_figures(&v->picture, world->tsc_hz, out);
    else
        output_screen(out, v->picture.row[0], PICTURE_ROWS, sizeof(v->picture.row[0]),
                      PICTURE_HEADINGS, over);
    return true;
}
