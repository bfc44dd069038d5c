/* The monitor's ear: the line that is being typed, and what it says.  Pure. */
#pragma once
#include "config.h"
#include "lib/types.h"

#define MONITOR_LINE    72u /* characters */
#define MONITOR_HISTORY 8u  /* lines */
#define MONITOR_ECHO    256u
#define MONITOR_PROMPT  "lintel> "

enum monitor_command {
#define MONITOR_COMMAND(name, args, usage, help) MONITOR_##name,
#include "vmm/monitor_commands.def"
    MONITOR_COMMANDS
};

struct monitor_command_row {
    const char *name, *args, *usage, *help;
};

extern const struct monitor_command_row monitor_commands[MONITOR_COMMANDS];

struct monitor_editor {
    char line[MONITOR_LINE + 1]; /* what is typed; a text */
    u32 len;
    char history[MONITOR_HISTORY][MONITOR_LINE + 1]; /* a ring */
    u32 lines;                                       /* ever put into it */
    u32 back;                                        /* so many lines back is shown; 0: none */
    u8 escape;                                       /* bytes of an escape sequence so far */
    bool after_cr;
};

void monitor_editor_init(struct monitor_editor *e);
/* Takes a character.  `echo` gets what the terminal has to be sent, a text.  True: e->line is
 * complete; monitor_editor_next() begins the next one. */
bool monitor_editor_type(struct monitor_editor *e, u8 byte, char echo[MONITOR_ECHO]);
void monitor_editor_next(struct monitor_editor *e);

/* The guests of the configuration, by number. */
struct monitor_names {
    u32 count;
    const char *name[CONFIG_GUESTS_MAX];
};

#define MONITOR_ARGS_MAX  3u
#define MONITOR_ERROR_MAX 160u

struct monitor_order {
    enum monitor_command command; /* MONITOR_COMMANDS: an empty line */
    u32 arg[MONITOR_ARGS_MAX];    /* guest, vCPU, CPU: as the row says */
};

/* Words with blanks between; a command's beginning does if no other command has it.  False: the
 * text in `error` says what is wrong and what would be right. */
bool monitor_parse(const char *line, const struct monitor_names *names, struct monitor_order *order,
                   char error[MONITOR_ERROR_MAX]);
