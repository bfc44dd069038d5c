/* The exit table in the shapes that it is used in; the rows are in exit_rows.def. */
#include "vmm/policy/exit.h"
#include "vmm/handlers.h"

#define NO_ROW                           "a VM exit that Lintel never asks for"

#define ROW(reason, handler, needs, why) [EXIT_##reason] = {handler, needs, why},
#define NEVER(reason)                    [EXIT_##reason] = {stop_guest, 0, NO_ROW},
#define UNNAMED(number)                  [number] = {stop_guest, 0, NO_ROW},
const struct exit_row exit_rows[EXIT_REASONS] = {
#include "vmm/policy/exit_rows.def"
};

#define ROW(reason, handler, needs, why) [EXIT_##reason] = handler,
#define NEVER(reason)                    [EXIT_##reason] = stop_guest,
#define UNNAMED(number)                  [number] = stop_guest,
exit_handler *const exit_handlers[EXIT_REASONS] = {
#include "vmm/policy/exit_rows.def"
};

#define ROW(reason, handler, needs, why) [EXIT_##reason] = needs,
#define NEVER(reason)                    [EXIT_##reason] = 0,
#define UNNAMED(number)                  [number] = 0,
const u8 exit_needs[EXIT_REASONS] = {
#include "vmm/policy/exit_rows.def"
};

const struct exit_row *exit_row(u32 reason)
{
    return reason < EXIT_REASONS ? &exit_rows[reason] : NULL;
}
