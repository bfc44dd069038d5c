/* See refused.h.  Pure. */
#include "control/manage/refused.h"

/* The control partition WHY. */
static const struct {
    enum shell_command command;
    const char *why;
} rows[] = {
    {SHELL_create, "cannot make guests; a section [guest NAME] in lintel.conf does"},
};

void manage_refuse(void *context UNUSED, const struct shell_order *order, struct output *out)
{
    for (u32 i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].command == order->command)
            output_fail(out, "the control partition %s", rows[i].why);
}
