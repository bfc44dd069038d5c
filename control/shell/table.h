/* The rows of commands.def.  Pure. */
#pragma once
#include "lib/types.h"

enum shell_command {
#define SHELL_COMMAND(name, arguments, usage, help) SHELL_##name,
#include "control/shell/commands.def"
    SHELL_COMMANDS
};

enum shell_option {
#define SHELL_OPTION(command, name, values, times, help) OPTION_##command##_##name,
#include "control/shell/commands.def"
    SHELL_OPTIONS
};

enum shell_key {
#define SHELL_KEY(of, name, values, help) KEY_##of##_##name,
#include "control/shell/commands.def"
    SHELL_KEYS
};

enum shell_setting {
#define SHELL_SETTING(name, values, help) SETTING_##name,
#include "control/shell/commands.def"
    SHELL_SETTINGS
};

struct shell_command_row {
    const char *name, *arguments, *usage, *help;
};

struct shell_alias_row {
    const char *name;
    enum shell_command command;
};

struct shell_option_row {
    enum shell_command command;
    const char *name, *values;
    u32 times;
    const char *help;
};

struct shell_key_row {
    const char *of, *name, *values, *help;
};

struct shell_setting_row {
    const char *name, *values, *help;
};

#define SHELL_ALIASES 8u

extern const struct shell_command_row shell_commands[SHELL_COMMANDS];
extern const struct shell_alias_row shell_aliases[SHELL_ALIASES];
extern const struct shell_option_row shell_options[SHELL_OPTIONS];
extern const struct shell_key_row shell_keys[SHELL_KEYS];
extern const struct shell_setting_row shell_settings[SHELL_SETTINGS];

/* A word that is not terminated. */
struct shell_word {
    const char *at;
    u32 len;
};

bool shell_begins(const char *text, struct shell_word w); /* whether `text` begins with it */
bool shell_equals(const char *text, struct shell_word w);

/* The n-th of the words of "a|b|c"; false: there are fewer.  Not for what is no list of words. */
bool shell_choice(const char *values, u32 n, struct shell_word *w);
/* Whether values are a list of words. */
bool shell_has_choices(const char *values);
