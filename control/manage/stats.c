/* See stats.h.  Pure. */
#include "control/manage/stats.h"
#include "control/manage/events.h"
#include "control/manage/manage.h"
#include "control/manage/part.h"
#include "lib/fmt.h"
#include "lib/mem.h"

/* ------------------------------------------------------------ guests */

static const struct output_column guest_columns[] = {
    {"guest", "guest", -12}, {"exits", "exits", 10},      {"lintel", "Lintel", 6},
    {"asleep", "asleep", 6}, {"requests", "requests", 9}, {"errors", "errors", 6},
    {"sent", "sent", 9},     {"received", "received", 9},
};

static void put_guest(const struct manage_world *world, const struct manage_guest *g,
                      struct output *out)
{
    u64 requests = 0, errors = 0, sent = 0, received = 0;
    struct manage_disk disk;
    struct manage_port port;

    for (u32 i = 0; world->disk(i, &disk); i++)
        if (strcmp(disk.guest, g->name) == 0) {
            requests += disk.requests;
            errors += disk.errors;
        }
    for (u32 i = 0; world->port(i, &port); i++)
        if (strcmp(port.guest, g->name) == 0) {
            sent += port.sent;
            received += port.received;
        }
    output_row(out);
    output_text(out, g->name);
    output_number(out, g->exits);
    part_put(out, g->lintel, g->ticks);
    part_put(out, g->asleep, g->ticks);
    output_number(out, requests);
    output_number(out, errors);
    output_number(out, sent);
    output_number(out, received);
    output_row_end(out);
}

/* ------------------------------------------------------------ one guest */

static const struct output_column exit_columns[] = {
    {"exit", "exit", -22},   {"count", "count", 10}, {"share", "share", 6}, {"mean", "mean", 8},
    {"median", "median", 8}, {"p99", "p99", 8},      {"max", "max", 10},
};
static const struct output_column vcpu_columns[] = {
    {"vcpu", "vCPU", -4},
    {"cpu", "CPU", -3},
    {"ticks", "ticks", 16},
    {"lintel", "Lintel", 6},
    {"asleep", "asleep", 6},
    {"waiting", "waiting", 7},
    {"injected", "interrupts", 10},
    {"msrs_refused", "bad MSRs", 8},
    {"ports_refused", "bad ports", 9},
};

/* Of all its virtual CPUs: counts and ticks are added; of min, median, p99 and max it is the
 * largest. */
static void add(struct abi_vcpu_stats *sum, const struct abi_vcpu_stats *s)
{
    sum->ticks += s->ticks;
    sum->lintel += s->lintel;
    sum->asleep += s->asleep;
    sum->waiting += s->waiting;
    sum->injected += s->injected;
    sum->msrs_refused += s->msrs_refused;
    sum->ports_refused = s->ports_refused; /* the guest's */
    for (u32 i = 0; i < ABI_EXITS; i++) {
        sum->exit[i].count += s->exit[i].count;
        sum->exit[i].sum += s->exit[i].sum;
        sum->exit[i].median = MAX(sum->exit[i].median, s->exit[i].median);
        sum->exit[i].p99 = MAX(sum->exit[i].p99, s->exit[i].p99);
        sum->exit[i].max = MAX(sum->exit[i].max, s->exit[i].max);
    }
}

static void put_vcpu(const char *vcpu, const char *cpu, const struct abi_vcpu_stats *s,
                     struct output *out)
{
    output_row(out);
    output_text(out, vcpu);
    output_text(out, cpu);
    output_number(out, s->ticks);
    part_put_exact(out, s->lintel, s->ticks);
    part_put_exact(out, s->asleep, s->ticks);
    part_put_exact(out, s->waiting, s->ticks);
    output_number(out, s->injected);
    output_number(out, s->msrs_refused);
    output_number(out, s->ports_refused);
    output_row_end(out);
}

static void put_exits(const struct abi_vcpu_stats *s, struct output *out)
{
    u64 count[ABI_EXITS], all = 0, below = ~0ull;
    u32 last = ABI_EXITS;

    for (u32 i = 0; i < ABI_EXITS; i++)
        all += count[i] = s->exit[i].count;
    output_table(out, "exits", exit_columns, ARRAY_LEN(exit_columns));
    while ((last = events_next_exit(count, below, last)) != ABI_EXITS) {
        const struct abi_exit_stats *const e = &s->exit[last];

        below = e->count;
        output_row(out);
        output_text(out, events_name(TRACE_EXIT + last));
        output_number(out, e->count);
        part_put(out, e->count, all);
        output_number(out, e->sum / e->count);
        output_number(out, e->median);
        output_number(out, e->p99);
        output_number(out, e->max);
        output_row_end(out);
    }
    output_table_end(out);
}

static void put_details(const struct manage_world *world, u32 number, const struct manage_guest *g,
                        struct output *out)
{
    static struct abi_vcpu_stats sum, one; /* too large for the stack */
    const u32 vcpus = MIN(g->vcpus, MANAGE_VCPUS);
    char id[12], cpu[12];

    memset(&sum, 0, sizeof(sum));
    for (u32 i = 0; i < vcpus; i++)
        if (world->vcpu(number, i, &one))
            add(&sum, &one);
    put_exits(&sum, out);
    output_table(out, "vcpus", vcpu_columns, ARRAY_LEN(vcpu_columns));
    if (vcpus > 1)
        put_vcpu("all", "-", &sum, out);
    for (u32 i = 0; i < vcpus; i++) {
        if (!world->vcpu(number, i, &one))
            continue;
        fmt_buf(id, sizeof(id), "%u", i);
        fmt_buf(cpu, sizeof(cpu), "%u", one.cpu);
        put_vcpu(id, cpu, &one, out);
    }
    output_table_end(out);
}

void manage_stats(void *context, const struct shell_order *order, struct output *out)
{
    const struct manage *const m = context;
    const struct shell_value *const one = &order->argument[0];
    const u32 number = one->given ? m->partition[one->number] : 0;
    struct manage_guest g;

    if (one->given && !(m->world->guest(number, &g) && g.lives)) {
        output_fail(out, "%s does not run; 'start' starts it", one->text);
        return;
    }
    output_table(out, "guests", guest_columns, ARRAY_LEN(guest_columns));
    for (u32 n = 1; !one->given && n < m->world->partitions; n++)
        if (m->world->guest(n, &g) && g.lives)
            put_guest(m->world, &g, out);
    if (one->given)
        put_guest(m->world, &g, out);
    output_table_end(out);
    if (one->given)
        put_details(m->world, number, &g, out);
}

/* ------------------------------------------------------------ the machine */

static const struct output_column cpu_columns[] = {
    {"cpu", "CPU", 3}, {"vcpus", "vCPUs", 6}, {"busy", "busy", 6}, {"seconds", "of seconds", 10}};

void manage_cpus(void *context, const struct shell_order *order UNUSED, struct output *out)
{
    const struct manage *const m = context;
    const u64 hz = MAX(m->world->tsc_hz, 1ull);
    struct abi_cpu_stats s;

    output_table(out, "cpus", cpu_columns, ARRAY_LEN(cpu_columns));
    for (u32 cpu = 0; m->world->cpu(cpu, &s); cpu++) {
        const u64 ticks = s.began ? s.now - s.began : 0;

        output_row(out);
        output_number(out, cpu);
        output_number(out, s.vcpus);
        part_put(out, s.busy, ticks);
        output_number(out, ticks / hz);
        output_row_end(out);
    }
    output_table_end(out);
}

void manage_audit(void *context, const struct shell_order *order UNUSED, struct output *out)
{
    const struct manage *const m = context;

    output_say(out, "all page tables are in order; %llu KiB of memory are free",
               (unsigned long long)m->world->audit());
}
