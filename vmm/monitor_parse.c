/* See monitor_parse.h.  Pure. */
#include "vmm/monitor_parse.h"
#include "lib/fmt.h"
#include "lib/mem.h"

enum { CTRL_N = 0x0e, CTRL_P = 0x10, CTRL_U = 0x15, ESCAPE = 0x1b, DELETE = 0x7f };

const struct monitor_command_row monitor_commands[MONITOR_COMMANDS] = {
#define MONITOR_COMMAND(name, args, usage, help) {#name, args, usage, help},
#include "vmm/monitor_commands.def"
};

/* ------------------------------------------------------------ the line */

void monitor_editor_init(struct monitor_editor *e)
{
    memset(e, 0, sizeof(*e));
}

/* The line is another one from now on. */
static void replace(struct monitor_editor *e, const char *text, char *echo)
{
    e->len = (u32)MIN(fmt_buf(e->line, sizeof(e->line), "%s", text), (size_t)MONITOR_LINE);
    fmt_buf(echo, MONITOR_ECHO, "\r\x1b[K" MONITOR_PROMPT "%s", e->line);
}

static void recall(struct monitor_editor *e, u32 back, char *echo)
{
    if (back > MIN(e->lines, MONITOR_HISTORY))
        return;
    e->back = back;
    replace(e, back ? e->history[(e->lines - back) % MONITOR_HISTORY] : "", echo);
}

/* ESC [ A and B: the keys up and down.  True: the byte belonged to a sequence. */
static bool take_escape(struct monitor_editor *e, u8 byte, char *echo)
{
    if (byte == ESCAPE) {
        e->escape = 1;
        return true;
    }
    if (e->escape == 0)
        return false;
    if (e->escape == 1) {
        e->escape = byte == '[' || byte == 'O' ? 2 : 0;
        return true;
    }
    if (byte >= 0x20 && byte < 0x40) /* parameters */
        return true;
    e->escape = 0;
    if (byte == 'A')
        recall(e, e->back + 1, echo);
    if (byte == 'B' && e->back)
        recall(e, e->back - 1, echo);
    return true;
}

static void erase(struct monitor_editor *e, char *echo)
{
    if (e->len == 0)
        return;
    e->line[--e->len] = '\0';
    fmt_buf(echo, MONITOR_ECHO, "\b \b");
}

static void insert(struct monitor_editor *e, u8 byte, char *echo)
{
    if (byte < 0x20 || byte >= DELETE || e->len == MONITOR_LINE) {
        fmt_buf(echo, MONITOR_ECHO, "\a");
        return;
    }
    e->line[e->len++] = (char)byte;
    e->line[e->len] = '\0';
    fmt_buf(echo, MONITOR_ECHO, "%c", byte);
}

bool monitor_editor_type(struct monitor_editor *e, u8 byte, char echo[MONITOR_ECHO])
{
    const bool after_cr = e->after_cr;

    echo[0] = '\0';
    e->after_cr = byte == '\r';
    if (take_escape(e, byte, echo))
        return false;
    if (byte == '\n' && after_cr) /* CR LF is one end of a line */
        return false;
    switch (byte) {
    case '\n':
    case '\r': fmt_buf(echo, MONITOR_ECHO, "\r\n"); return true;
    case '\b':
    case DELETE: erase(e, echo); return false;
    case CTRL_U: replace(e, "", echo); return false;
    case CTRL_P: recall(e, e->back + 1, echo); return false;
    case CTRL_N:
        if (e->back)
            recall(e, e->back - 1, echo);
        return false;
    default: insert(e, byte, echo); return false;
    }
}

void monitor_editor_next(struct monitor_editor *e)
{
    const char *last = e->history[(e->lines - 1) % MONITOR_HISTORY];

    if (e->len && (e->lines == 0 || strcmp(last, e->line) != 0))
        memcpy(e->history[e->lines++ % MONITOR_HISTORY], e->line, sizeof(e->line));
    e->line[0] = '\0';
    e->len = e->back = 0;
}

/* ------------------------------------------------------------ what it says */

struct word {
    const char *at;
    u32 len;
};

static struct word next_word(const char **line)
{
    struct word w;

    while (**line == ' ')
        ++*line;
    w.at = *line;
    while (**line && **line != ' ')
        ++*line;
    w.len = (u32)(*line - w.at);
    return w;
}

static bool begins(const char *text, struct word w)
{
    return strlen(text) >= w.len && memcmp(text, w.at, w.len) == 0;
}

static bool equals(const char *text, struct word w)
{
    return strlen(text) == w.len && begins(text, w);
}

/* The only command that begins so, or is that. */
static bool find_command(struct word w, u32 *command, char *error)
{
    u32 found = MONITOR_COMMANDS;

    for (u32 i = 0; i < MONITOR_COMMANDS; i++) {
        const char *name = monitor_commands[i].name;

        if (equals(name, w)) {
            *command = i;
            return true;
        }
        if (!begins(name, w))
            continue;
        if (found != MONITOR_COMMANDS) {
            fmt_buf(error, MONITOR_ERROR_MAX, "'%.*s' may be '%s' or '%s'; type more of it",
                    (int)w.len, w.at, monitor_commands[found].name, name);
            return false;
        }
        found = i;
    }
    *command = found;
    if (found == MONITOR_COMMANDS)
        fmt_buf(error, MONITOR_ERROR_MAX, "unknown command '%.*s'; 'help' lists them", (int)w.len,
                w.at);
    return found != MONITOR_COMMANDS;
}

static bool find_guest(struct word w, const struct monitor_names *names, u32 *guest, char *error)
{
    for (u32 i = 0; i < names->count; i++)
        if (equals(names->name[i], w)) {
            *guest = i;
            return true;
        }
    fmt_buf(error, MONITOR_ERROR_MAX, "there is no guest '%.*s'; 'list' shows the guests",
            (int)w.len, w.at);
    return false;
}

static bool read_number(struct word w, const char *what, u32 *number, char *error)
{
    u32 value = 0;

    for (u32 i = 0; i < w.len; i++) {
        if (w.at[i] < '0' || w.at[i] > '9' || i >= 4) {
            fmt_buf(error, MONITOR_ERROR_MAX,
                    "'%.*s' is no number of a %s; 'list' and 'cpus' "
                    "show them",
                    (int)w.len, w.at, what);
            return false;
        }
        value = value * 10 + (u32)(w.at[i] - '0');
    }
    *number = value;
    return true;
}

static bool read_arg(char kind, struct word w, const struct monitor_names *names, u32 *arg,
                     char *error)
{
    switch (kind) {
    case 'g': return find_guest(w, names, arg, error);
    case 'v': return read_number(w, "vCPU", arg, error);
    default: return read_number(w, "CPU", arg, error);
    }
}

bool monitor_parse(const char *line, const struct monitor_names *names, struct monitor_order *order,
                   char error[MONITOR_ERROR_MAX])
{
    struct word w = next_word(&line);
    u32 command;

    *order = (struct monitor_order){.command = MONITOR_COMMANDS};
    error[0] = '\0';
    if (w.len == 0)
        return true;
    if (!find_command(w, &command, error))
        return false;

    const struct monitor_command_row *row = &monitor_commands[command];

    for (u32 i = 0; row->args[i]; i++) {
        w = next_word(&line);
        if (w.len == 0) {
            fmt_buf(error, MONITOR_ERROR_MAX, "'%s' wants more: %s %s", row->name, row->name,
                    row->usage);
            return false;
        }
        if (!read_arg(row->args[i], w, names, &order->arg[i], error))
            return false;
    }
    w = next_word(&line);
    if (w.len) {
        fmt_buf(error, MONITOR_ERROR_MAX, "'%.*s' is too much; it is: %s %s", (int)w.len, w.at,
                row->name, row->usage);
        return false;
    }
    order->command = (enum monitor_command)command;
    return true;
}
