/* See orders.h.  Pure. */
#include "control/manage/orders.h"
#include "control/manage/manage.h"
#include "lib/mem.h"

#define REFUSALS 4u

/* GUEST and what is said: when it is done, and for each error that the order knows; what is about
 * another error is said of all orders. */
static const struct row {
    enum shell_command command;
    const char *done;
    struct {
        err_t err;
        const char *text;
    } refusal[REFUSALS];
} rows[] = {
    {SHELL_start, "starts", {{E_EXIST, "runs already; 'reset' starts it again"}}},
    {SHELL_pause, "is paused", {{E_EXIST, "is paused already; 'resume' lets it go on"}}},
    {SHELL_resume,
     "goes on",
     {{E_EXIST, "is not paused"}, {E_PERM, "waits for its devices, and begins then"}}},
    {SHELL_stop,
     "was asked to power off; 'destroy' ends one that does not",
     {{E_PERM, "does not listen to a power button; 'destroy' ends it unasked"}}},
    {SHELL_reset, "ends, and starts again", {{OK, NULL}}},
    {SHELL_destroy, "ends", {{OK, NULL}}},
    {SHELL_move,
     "goes there",
     {{E_PERM, "may not run there; lintel.conf says so with `cpu`"},
      {E_RANGE, "has no such virtual CPU, or the machine no such CPU; 'list' shows them"}}},
    {SHELL_console,
     "is in front; Ctrl-\\ leads back here",
     {{E_PERM, "has no console; lintel.conf says `console = none`"}}},
};

/* `destroy` of one that was made. */
static const struct row no_more = {SHELL_destroy, "ends, and is no more", {{OK, NULL}}};

static err_t carry_out(const struct manage *m, const struct shell_order *o, u32 n)
{
    const struct manage_world *const w = m->world;

    switch (o->command) {
    case SHELL_start: return w->start(n);
    case SHELL_pause: return w->pause(n, true);
    case SHELL_resume: return w->pause(n, false);
    case SHELL_stop: return w->press_power_button(n);
    case SHELL_reset: return w->end(n, true);
    case SHELL_destroy: return w->end(n, false);
    case SHELL_move:
        return w->move(n, o->option[OPTION_move_vcpu].number, o->option[OPTION_move_cpu].number);
    case SHELL_console: return w->show(n);
    default: return E_INVAL;
    }
}

static const char *why_not(const struct row *row, err_t err)
{
    for (u32 i = 0; i < REFUSALS && row->refusal[i].text; i++)
        if (row->refusal[i].err == err)
            return row->refusal[i].text;
    return err == E_NOENT ? "does not run; 'start' starts it" : "cannot be ordered so";
}

static void answer(const struct row *row, const char *guest, err_t err, struct output *out)
{
    if (err == OK)
        output_say(out, "%s %s", guest, row->done);
    else
        output_fail(out, "%s %s", guest, why_not(row, err));
}

static const struct row *row_of(enum shell_command command)
{
    const struct row *row = rows;

    while (row->command != command)
        row++;
    return row;
}

static bool is_made(const struct manage *m, u32 n)
{
    struct manage_guest g;

    return m->world->guest(n, &g) && g.made;
}

void manage_order(void *context, const struct shell_order *order, struct output *out)
{
    const struct manage *const m = context;
    const u32 n = m->partition[order->argument[0].number];

    if (order->command == SHELL_destroy && is_made(m, n)) {
        answer(&no_more, order->argument[0].text, m->world->forget(n), out);
        return;
    }

    const err_t err = carry_out(m, order, n);

    answer(row_of(order->command), order->argument[0].text, err, out);
    if (err != OK || order->command != SHELL_start || !order->option[OPTION_start_console].given)
        return;

    const err_t shown = m->world->show(n);

    if (shown != OK) /* it starts nevertheless */
        answer(row_of(SHELL_console), order->argument[0].text, shown, out);
}
