/* See manage.h.  Pure. */
#include "control/manage/manage.h"
#include "control/manage/devices.h"
#include "control/manage/orders.h"
#include "control/manage/part.h"
#include "control/manage/stats.h"
#include "control/manage/trace.h"
#include "control/shell/help.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define LOG_LINES 20u /* if nothing is said */

/* ------------------------------------------------------------ guests */

static const struct output_column list_columns[] = {
    {"name", "guest", -12},   {"number", "id", 3},     {"state", "state", -6},
    {"vcpus", "vCPUs", 5},    {"cpus", "on CPU", -8},  {"memory_kib", "KiB", 8},
    {"exits", "exits", 10},   {"lintel", "Lintel", 6}, {"asleep", "asleep", 6},
    {"served", "served", -1},
};

static void put_cpus(struct output *out, const struct manage_guest *g)
{
    char text[48] = "-";
    size_t used = 0;

    for (u32 i = 0; g->lives && i < MIN(g->vcpus, MANAGE_VCPUS); i++)
        used += fmt_buf(text + used, sizeof(text) - used, "%s%u", i ? "," : "", g->cpu[i]);
    output_text(out, text);
}

static void list(void *context, const struct shell_order *order, struct output *out)
{
    const struct manage *const m = context;
    const bool all = order->option[OPTION_list_all].given;
    struct manage_guest g;

    output_table(out, "guests", list_columns, ARRAY_LEN(list_columns));
    for (u32 n = 1; n < m->world->partitions; n++) {
        if (!m->world->guest(n, &g) || !(g.lives || all))
            continue;
        output_row(out);
        output_text(out, g.name);
        output_number(out, n - 1);
        output_text(out, g.state);
        output_number(out, g.vcpus);
        put_cpus(out, &g);
        output_number(out, g.memory / KiB);
        output_number(out, g.exits);
        part_put(out, g.lintel, g.ticks);
        part_put(out, g.asleep, g.ticks);
        output_text(out, g.served ? "yes" : "no");
        output_row_end(out);
    }
    output_table_end(out);
}

static void leave(void *context, const struct shell_order *order UNUSED, struct output *out UNUSED)
{
    const struct manage *const m = context;

    m->world->hide();
}

static void top(void *context, const struct shell_order *order, struct output *out)
{
    struct manage *const m = context;
    const struct shell_value *const one = &order->argument[0];

    top_begin(&m->top, m->world, order, one->given ? m->partition[one->number] : 0, out);
}

/* ------------------------------------------------------------ log, settings */

static void put_log(void *context, const struct shell_order *order, struct output *out)
{
    const struct manage *const m = context;
    const struct shell_value *const lines = &order->option[OPTION_log_lines];
    const u32 count = lines->given ? (u32)lines->number : LOG_LINES;

    output_lines(out, order->option[OPTION_log_lintel].given ? m->world->lintel_log(count)
                                                             : m->world->log(count));
}

static const struct output_column set_columns[] = {
    {"name", "setting", -8}, {"value", "value", -14}, {"help", "", -1}};

/* What it is now. */
static const char *value_of(const struct manage *m, u32 setting)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};

    if (setting == SETTING_poll)
        return m->world->polls() ? "on" : "off";
    return levels[MIN(m->world->log_level(), (u32)ARRAY_LEN(levels) - 1)];
}

static void show_settings(const struct manage *m, struct output *out)
{
    output_table(out, "settings", set_columns, ARRAY_LEN(set_columns));
    for (u32 i = 0; i < SHELL_SETTINGS; i++) {
        output_row(out);
        output_text(out, shell_settings[i].name);
        output_text(out, value_of(m, i));
        output_text(out, shell_settings[i].help);
        output_row_end(out);
    }
    output_table_end(out);
}

static void set_poll(const struct manage *m, bool on, struct output *out)
{
    if (on && !m->world->may_poll()) {
        output_fail(out, "who looks for requests all the time needs a CPU of his own; "
                         "`control_cpu` and `control_poll = on` in lintel.conf give him one");
        return;
    }
    m->world->set_poll(on);
    output_say(out, "the control partition %s",
               on ? "looks for requests all the time" : "is told of requests");
}

static void set_log(const struct manage *m, const struct shell_value *level, struct output *out)
{
    m->world->set_log_level((u32)level->number);
    output_say(out, "Lintel's consoles show its log up to '%s'", level->text);
}

static void set(void *context, const struct shell_order *order, struct output *out)
{
    const struct manage *const m = context;

    if (!order->argument[0].given)
        show_settings(m, out);
    else if (order->argument[0].number == SETTING_poll)
        set_poll(m, strcmp(order->argument[1].text, "on") == 0, out);
    else
        set_log(m, &order->argument[1], out);
}

/* ------------------------------------------------------------ the table */

static const struct shell_names *names(void *context)
{
    struct manage *const m = context;
    struct manage_guest g;

    m->names.guests = 0;
    for (u32 n = 1; n < m->world->partitions && m->names.guests < SHELL_GUESTS; n++) {
        if (!m->world->guest(n, &g))
            continue;
        memcpy(m->name[m->names.guests], g.name, sizeof(g.name));
        m->names.guest[m->names.guests] = m->name[m->names.guests];
        m->partition[m->names.guests] = n;
        m->names.guests++;
    }
    manage_name_events(m);
    return &m->names;
}

static bool goes_on(void *context)
{
    const struct manage *const m = context;

    return m->top.on || m->making.on;
}

void manage_init(struct manage *m, const struct manage_world *world)
{
    static const struct shell_actions actions = {
        .action = {[SHELL_list] = list,
                   [SHELL_create] = manage_create,
                   [SHELL_start] = manage_order,
                   [SHELL_pause] = manage_order,
                   [SHELL_resume] = manage_order,
                   [SHELL_stop] = manage_order,
                   [SHELL_reset] = manage_order,
                   [SHELL_destroy] = manage_order,
                   [SHELL_console] = manage_order,
                   [SHELL_move] = manage_order,
                   [SHELL_leave] = leave,
                   [SHELL_stats] = manage_stats,
                   [SHELL_cpus] = manage_cpus,
                   [SHELL_audit] = manage_audit,
                   [SHELL_top] = top,
                   [SHELL_log] = put_log,
                   [SHELL_disk] = manage_disk,
                   [SHELL_net] = manage_net,
                   [SHELL_trace] = manage_trace,
                   [SHELL_set] = set,
                   [SHELL_help] = shell_help},
        .names = names,
        .goes_on = goes_on,
    };

    memset(m, 0, sizeof(*m));
    m->world = world;
    m->actions = actions;
    m->actions.context = m;
}
