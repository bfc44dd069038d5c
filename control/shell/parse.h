/* What a line says: words, the command, its arguments and options, all checked against the rows of
 * commands.def.  Bad input gets a text that says what is wrong and what would be right.  Pure. */
#pragma once
#include "control/shell/table.h"

#define SHELL_LINE       255u /* characters */
#define SHELL_WORDS      40u
#define SHELL_ARGUMENTS  2u
#define SHELL_TIMES      4u /* of one option */
#define SHELL_ERROR      200u
#define SHELL_GUESTS     64u
#define SHELL_GUEST_NAME 24u /* characters of a new guest's name */

/* The guests that there are; what `trace` can choose. */
struct shell_names {
    u32 guests;
    const char *guest[SHELL_GUESTS];
    u32 events;
    const char *const *event;
};

struct shell_value {
    bool given;
    u64 number; /* a number; bytes; which of the words; a guest, an event, a command, a setting */
    const char *text; /* as it was typed, without quotes: in order->text */
};

struct shell_order {
    enum shell_command command; /* SHELL_COMMANDS: the line is empty */
    bool json;
    struct shell_value argument[SHELL_ARGUMENTS];
    struct shell_value option[SHELL_OPTIONS]; /* of several, the last */
    u32 disks, networks;
    struct shell_value disk[SHELL_TIMES][SHELL_KEYS];    /* --disk, by KEY_disk_... */
    struct shell_value network[SHELL_TIMES][SHELL_KEYS]; /* --network */
    char text[SHELL_LINE + SHELL_WORDS + 2];             /* the words, each terminated */
};

/* False: `error` says why, and order->command is SHELL_COMMANDS; order->json holds nevertheless.
 * Words end at blanks; "..." and '...' hold blanks together.  A command may be cut off as long as
 * it is one command's beginning.  Options stand anywhere; --name value or --name=value. */
bool shell_parse(const char *line, const struct shell_names *names, struct shell_order *order,
                 char error[SHELL_ERROR]);
