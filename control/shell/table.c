/* See table.h.  Pure. */
#include "control/shell/table.h"
#include "lib/mem.h"

const struct shell_command_row shell_commands[SHELL_COMMANDS] = {
#define SHELL_COMMAND(name, arguments, usage, help) {#name, arguments, usage, help},
#include "control/shell/commands.def"
};

const struct shell_alias_row shell_aliases[SHELL_ALIASES] = {
#define SHELL_ALIAS(name, command) {#name, SHELL_##command},
#include "control/shell/commands.def"
};

const struct shell_option_row shell_options[SHELL_OPTIONS] = {
#define SHELL_OPTION(command, name, values, times, help)                                           \
    {SHELL_##command, #name, values, times, help},
#include "control/shell/commands.def"
};

const struct shell_key_row shell_keys[SHELL_KEYS] = {
#define SHELL_KEY(of, name, values, help) {#of, #name, values, help},
#include "control/shell/commands.def"
};

const struct shell_setting_row shell_settings[SHELL_SETTINGS] = {
#define SHELL_SETTING(name, values, help) {#name, values, help},
#include "control/shell/commands.def"
};

bool shell_begins(const char *text, struct shell_word w)
{
    return strlen(text) >= w.len && memcmp(text, w.at, w.len) == 0;
}

bool shell_equals(const char *text, struct shell_word w)
{
    return strlen(text) == w.len && shell_begins(text, w);
}

bool shell_has_choices(const char *values)
{
    while (*values && *values != '|')
        values++;
    return *values == '|';
}

bool shell_choice(const char *values, u32 n, struct shell_word *w)
{
    for (; n; n--) {
        while (*values && *values != '|')
            values++;
        if (*values == '\0')
            return false;
        values++;
    }
    w->at = values;
    w->len = 0;
    while (values[w->len] && values[w->len] != '|')
        w->len++;
    return true;
}
