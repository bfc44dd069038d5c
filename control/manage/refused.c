/* See refused.h.  Pure. */
#include "control/manage/refused.h"

/* The control partition WHY; MONITOR of Lintel's monitor MORE.  Without MONITOR: WHY; MORE. */
static const struct {
    enum shell_command command;
    const char *why, *monitor, *more;
} rows[] = {
    {SHELL_create, "cannot make guests", NULL, "a section [guest NAME] in lintel.conf does"},
    {SHELL_start, "cannot start guests", "start", "does"},
    {SHELL_pause, "may not keep a guest from running", "pause", "does"},
    {SHELL_resume, "may not let a guest go on", "resume", "does"},
    {SHELL_stop, "has no way to ask a guest to power off", "stop",
     "ends it unasked; or log in at its console and power it off"},
    {SHELL_reset, "may not start a guest anew", "reset", "does"},
    {SHELL_destroy, "may not end a guest", "stop", "does"},
    {SHELL_console, "cannot switch consoles", "console", "does; 'shell' there comes back"},
    {SHELL_trace, "cannot see Lintel's trace", NULL,
     "`trace_dump = on` in lintel.conf shows a guest's at its end"},
};

void manage_refuse(void *context UNUSED, const struct shell_order *order, struct output *out)
{
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].command != order->command)
            continue;
        if (rows[i].monitor)
            output_fail(out, "the control partition %s; '%s %s' of Lintel's monitor (Ctrl-\\) %s",
                        rows[i].why, rows[i].monitor, order->argument[0].text, rows[i].more);
        else
            output_fail(out, "the control partition %s; %s", rows[i].why, rows[i].more);
    }
}
