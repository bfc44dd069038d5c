/* See manage.h.  Pure. */
#include "control/manage/manage.h"
#include "control/manage/devices.h"
#include "control/manage/refused.h"
#include "control/shell/help.h"
#include "lib/mem.h"

#define LOG_LINES 20u /* if nothing is said */

/* ------------------------------------------------------------ guests */

static const struct output_column list_columns[] = {
    {"name", "guest", -16},   {"number", "id", 3},      {"state", "state", -7},
    {"vcpus", "vCPUs", 5},    {"memory_kib", "KiB", 9}, {"exits", "exits", 12},
    {"served", "served", -1},
};

static void list(void *context, const struct shell_order *order, struct output *out)
{
    const struct manage *const m = context;
    struct manage_guest g;

    output_table(out, "guests", list_columns, ARRAY_LEN(list_columns));
    for (u32 n = 1; n < m->world->partitions; n++) {
        if (!m->world->guest(n, &g))
            continue;
        output_row(out);
        output_text(out, g.name);
        output_number(out, n - 1);
        output_text(out, g.state);
        output_number(out, g.vcpus);
        output_number(out, g.memory / KiB);
        output_number(out, g.exits);
        output_text(out, g.served ? "yes" : "no");
        output_row_end(out);
    }
    output_table_end(out);
    if (order->option[OPTION_list_all].given)
        output_say(out, "guests that do not run are known to Lintel's monitor alone: 'list' "
                        "there (Ctrl-\\)");
}

static const struct output_column stats_columns[] = {
    {"guest", "guest", -16}, {"exits", "exits", 12}, {"requests", "requests", 10},
    {"errors", "errors", 7}, {"sent", "sent", 10},   {"received", "received", 10},
};

static void put_stats(const struct manage_world *world, const struct manage_guest *g,
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
    output_number(out, requests);
    output_number(out, errors);
    output_number(out, sent);
    output_number(out, received);
    output_row_end(out);
}

static void stats(void *context, const struct shell_order *order, struct output *out)
{
    const struct manage *const m = context;
    const bool one = order->argument[0].given;
    struct manage_guest g;

    output_table(out, "guests", stats_columns, ARRAY_LEN(stats_columns));
    for (u32 n = 1; n < m->world->partitions; n++)
        if (m->world->guest(n, &g) && (!one || strcmp(g.name, order->argument[0].text) == 0))
            put_stats(m->world, &g, out);
    output_table_end(out);
}

static void top(void *context, const struct shell_order *order, struct output *out UNUSED)
{
    struct manage *const m = context;

    top_begin(&m->top, m->world, order);
}

/* ------------------------------------------------------------ log, settings */

static void put_log(void *context, const struct shell_order *order, struct output *out)
{
    const struct manage *const m = context;
    const struct shell_value *const lines = &order->option[OPTION_log_lines];

    output_lines(out, m->world->log(lines->given ? (u32)lines->number : LOG_LINES));
}

static const struct output_column set_columns[] = {
    {"name", "setting", -8}, {"value", "value", -14}, {"help", "", -1}};

/* What it is now. */
static const char *value_of(const struct manage *m, u32 setting)
{
    if (setting == SETTING_poll)
        return m->world->polls() ? "on" : "off";
    return "of lintel.conf";
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

static void set(void *context, const struct shell_order *order, struct output *out)
{
    const struct manage *const m = context;

    if (!order->argument[0].given)
        show_settings(m, out);
    else if (order->argument[0].number == SETTING_poll)
        set_poll(m, strcmp(order->argument[1].text, "on") == 0, out);
    else
        output_fail(out, "the control partition may not change what Lintel logs; `log_level` in "
                         "lintel.conf does");
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
        m->names.guests++;
    }
    return &m->names;
}

static bool goes_on(void *context)
{
    const struct manage *const m = context;

    return m->top.on;
}

void manage_init(struct manage *m, const struct manage_world *world)
{
    static const struct shell_actions actions = {
        .action = {[SHELL_list] = list,
                   [SHELL_create] = manage_refuse,
                   [SHELL_start] = manage_refuse,
                   [SHELL_pause] = manage_refuse,
                   [SHELL_resume] = manage_refuse,
                   [SHELL_stop] = manage_refuse,
                   [SHELL_reset] = manage_refuse,
                   [SHELL_destroy] = manage_refuse,
                   [SHELL_console] = manage_refuse,
                   [SHELL_stats] = stats,
                   [SHELL_top] = top,
                   [SHELL_log] = put_log,
                   [SHELL_disk] = manage_disk,
                   [SHELL_net] = manage_net,
                   [SHELL_trace] = manage_refuse,
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
