/* See trace.h.  Pure. */
#include "control/manage/trace.h"
#include "control/manage/trace_reader.h"
#include "lib/fmt.h"

#define CPUS_MOST 64u
#define LINES     20u  /* if nothing is said */
#define LINES_MAX 500u /* control/shell/rules.c */
#define NO_EVENT  0u   /* no event has that number */
#define NOBODY    0xffffu
#define X(v)      ((unsigned long long)(v))

static const struct output_column columns[] = {
    {"time", "time", 12},    {"cpu", "CPU", 3},   {"vcpu", "guest", -10},
    {"event", "event", -16}, {"details", "", -1},
};

/* What is to be shown. */
struct wish {
    u32 event;     /* NO_EVENT: all */
    u32 partition; /* 0: of all guests */
    bool own;      /* the control partition's, too */
};

static struct wish wish_of(const struct manage *m, const struct shell_order *order)
{
    const struct shell_value *const what = &order->argument[0];
    struct wish w = {.own = order->option[OPTION_trace_all].given};

    if (!what->given)
        return w;
    if (what->number < m->names.guests)
        w.partition = m->partition[what->number];
    else
        w.event = events_number((u32)what->number - m->names.guests);
    return w;
}

static u32 partition_of(const struct trace_record *r)
{
    return (r->vcpu >> 8) + 1u;
}

static bool is_wanted(const struct manage *m, const struct wish *w, const struct trace_record *r)
{
    if (w->event != NO_EVENT && r->event != w->event)
        return false;
    if (w->partition)
        return r->vcpu != NOBODY && partition_of(r) == w->partition;
    return w->own || r->vcpu == NOBODY || partition_of(r) < m->world->partitions;
}

/* ------------------------------------------------------------ looking */

static struct {
    struct trace_reader reader[CPUS_MOST];
    const struct trace_record *head[CPUS_MOST]; /* the next one of each; NULL: it has no more */
    u32 cpus;
    struct {
        u32 cpu;
        struct trace_record r;
    } found[LINES_MAX];
} look;

/* Without the newest of each, which may be in the making. */
static void begin(const struct manage_world *world)
{
    for (look.cpus = 0; look.cpus < CPUS_MOST; look.cpus++) {
        struct trace_reader *const r = &look.reader[look.cpus];

        if (!trace_reader_begin(r, world, look.cpus))
            break;
        (void)trace_reader_back(r);
        look.head[look.cpus] = trace_reader_back(r);
    }
}

/* The CPU with the newest one; CPUS_MOST: there are no more. */
static u32 newest(void)
{
    u32 best = CPUS_MOST;

    for (u32 i = 0; i < look.cpus; i++)
        if (look.head[i] && (best == CPUS_MOST || look.head[i]->tsc > look.head[best]->tsc))
            best = i;
    return best;
}

/* Newest first; returns how many. */
static u32 collect(const struct manage *m, const struct wish *w, u32 lines)
{
    u32 count = 0, cpu;

    begin(m->world);
    while (count < lines && (cpu = newest()) != CPUS_MOST) {
        if (is_wanted(m, w, look.head[cpu])) {
            look.found[count].cpu = cpu;
            look.found[count++].r = *look.head[cpu];
        }
        look.head[cpu] = trace_reader_back(&look.reader[cpu]);
    }
    return count;
}

/* ------------------------------------------------------------ showing */

static void put_vcpu(const struct manage *m, const struct trace_record *r, struct output *out)
{
    struct manage_guest g = {.name = "?"};
    char text[MANAGE_NAME + 8] = "-";

    if (r->vcpu != NOBODY && partition_of(r) >= m->world->partitions)
        fmt_buf(text, sizeof(text), "(control)");
    else if (r->vcpu != NOBODY) {
        (void)m->world->guest(partition_of(r), &g);
        fmt_buf(text, sizeof(text), "%s/%u", g.name, r->vcpu & 0xffu);
    }
    output_text(out, text);
}

static void put_record(const struct manage *m, u32 cpu, const struct trace_record *r,
                       struct output *out)
{
    const u64 hz = MAX(m->world->tsc_hz, 1ull);
    char text[80];

    output_row(out);
    fmt_buf(text, sizeof(text), "%llu.%06llu", X(r->tsc / hz), X(r->tsc % hz * 1000000 / hz));
    output_text(out, text);
    output_number(out, cpu);
    put_vcpu(m, r, out);
    output_text(out, events_name(r->event));
    if (r->event >= TRACE_EXIT)
        fmt_buf(text, sizeof(text), "rip=%llx qual=%llx ticks=%u", X(r->b), X(r->c), r->a);
    else
        fmt_buf(text, sizeof(text), "%x %llx %llx", r->a, X(r->b), X(r->c));
    output_text(out, text);
    output_row_end(out);
}

void manage_name_events(struct manage *m)
{
    u32 n = 0;

    for (u32 i = 0; i < m->names.guests; i++)
        m->event[n++] = m->names.guest[i];
    for (u32 i = 0; i < events_count() && n < ARRAY_LEN(m->event); i++)
        m->event[n++] = events_name(events_number(i));
    m->names.event = m->event;
    m->names.events = n;
}

void manage_trace(void *context, const struct shell_order *order, struct output *out)
{
    const struct manage *const m = context;
    const struct shell_value *const lines = &order->option[OPTION_trace_lines];
    const struct wish w = wish_of(m, order);

    output_table(out, "events", columns, ARRAY_LEN(columns));
    for (u32 n = collect(m, &w, lines->given ? (u32)lines->number : LINES); n > 0; n--)
        put_record(m, look.found[n - 1].cpu, &look.found[n - 1].r, out);
    output_table_end(out);
}
