/* See parse.h.  Pure. */
#include "control/shell/parse.h"
#include "control/shell/rules.h"
#include "control/shell/values.h"
#include "control/shell/words.h"
#include "lib/fmt.h"
#include "lib/mem.h"

/* A line that is being read. */
struct reading {
    const struct shell_names *names;
    struct shell_order *order;
    struct shell_words words;
    u32 next;      /* word */
    u32 arguments; /* read so far */
    u32 times[SHELL_OPTIONS];
    char *error;
};

static struct shell_word whole(const char *text)
{
    return (struct shell_word){text, (u32)strlen(text)};
}

/* ------------------------------------------------------------ the command */

static const char *name_of(u32 n)
{
    return n < SHELL_COMMANDS ? shell_commands[n].name : shell_aliases[n - SHELL_COMMANDS].name;
}

static enum shell_command command_of(u32 n)
{
    return n < SHELL_COMMANDS ? (enum shell_command)n : shell_aliases[n - SHELL_COMMANDS].command;
}

/* The command of that name, or the only one whose name begins so. */
static bool find_command(const char *text, enum shell_command *command, char *error)
{
    const struct shell_word w = whole(text);
    u32 found = SHELL_COMMANDS + SHELL_ALIASES;

    for (u32 i = 0; i < SHELL_COMMANDS + SHELL_ALIASES; i++) {
        if (shell_equals(name_of(i), w)) {
            *command = command_of(i);
            return true;
        }
        if (!shell_begins(name_of(i), w))
            continue;
        if (found < SHELL_COMMANDS + SHELL_ALIASES && command_of(found) != command_of(i)) {
            fmt_buf(error, SHELL_ERROR, "'%.40s' may be '%s' or '%s'; type more of it", text,
                    name_of(found), name_of(i));
            return false;
        }
        found = i;
    }
    if (found == SHELL_COMMANDS + SHELL_ALIASES) {
        fmt_buf(error, SHELL_ERROR, "there is no command '%.40s'; 'help' lists them", text);
        return false;
    }
    *command = command_of(found);
    return true;
}

/* ------------------------------------------------------------ arguments */

static bool find_name(const struct shell_names *names, bool event, struct shell_value *v,
                      char *error)
{
    const u32 count = event ? names->events : names->guests;
    const char *const *const name = event ? names->event : names->guest;

    for (u32 i = 0; i < count; i++)
        if (strcmp(name[i], v->text) == 0) {
            v->number = i;
            return true;
        }
    if (event)
        fmt_buf(error, SHELL_ERROR, "'%.40s' is no guest and no event; Tab lists both", v->text);
    else
        fmt_buf(error, SHELL_ERROR, "there is no guest '%.40s'; 'list --all' shows the guests",
                v->text);
    return false;
}

static bool find_setting(struct shell_value *v, char *error)
{
    for (u32 i = 0; i < SHELL_SETTINGS; i++)
        if (strcmp(shell_settings[i].name, v->text) == 0) {
            v->number = i;
            return true;
        }
    fmt_buf(error, SHELL_ERROR, "there is no setting '%.40s'; 'set' alone lists them", v->text);
    return false;
}

static bool read_argument(struct reading *r, char kind, const char *text)
{
    struct shell_order *const o = r->order;
    struct shell_value *const v = &o->argument[r->arguments];
    enum shell_command command;

    *v = (struct shell_value){.given = true, .text = text};
    switch (kind) {
    case 'g': return find_name(r->names, false, v, r->error);
    case 'e': return find_name(r->names, true, v, r->error);
    case 'n': return shell_rule_name(r->names, text, r->error);
    case 's': return find_setting(v, r->error);
    case 'w':
        return shell_read_value(shell_settings[o->argument[0].number].values,
                                shell_settings[o->argument[0].number].name, v, r->error);
    default:
        if (!find_command(text, &command, r->error))
            return false;
        v->number = command;
        return true;
    }
}

/* ------------------------------------------------------------ options */

static bool no_option(const struct reading *r, const char *text)
{
    const struct shell_command_row *const row = &shell_commands[r->order->command];
    size_t used = fmt_buf(r->error, SHELL_ERROR, "'%s' has no option '%.30s'; it has --json",
                          row->name, text);

    for (u32 i = 0; i < SHELL_OPTIONS; i++)
        if (shell_options[i].command == r->order->command && used < SHELL_ERROR)
            used += fmt_buf(r->error + used, SHELL_ERROR - used, " --%s", shell_options[i].name);
    return false;
}

static u32 find_option(enum shell_command command, struct shell_word w)
{
    u32 i = 0;

    while (i < SHELL_OPTIONS &&
           !(shell_options[i].command == command && shell_equals(shell_options[i].name, w)))
        i++;
    return i;
}

/* The value behind '=', or the next word. */
static bool take_value(struct reading *r, const struct shell_option_row *row, const char *equals,
                       struct shell_value *v)
{
    v->text = "";
    if (row->values[0] == '\0') {
        if (equals)
            fmt_buf(r->error, SHELL_ERROR, "--%s has no value", row->name);
        return equals == NULL;
    }
    if (equals)
        v->text = equals + 1;
    else if (r->next < r->words.count)
        v->text = r->words.word[r->next++];
    else {
        fmt_buf(r->error, SHELL_ERROR, "--%s wants a value: %s", row->name, row->values);
        return false;
    }
    return true;
}

static bool read_option(struct reading *r, const char *text)
{
    struct shell_order *const o = r->order;
    struct shell_word w = {text + 2, 0};
    char what[SHELL_ERROR / 4];

    while (w.at[w.len] && w.at[w.len] != '=')
        w.len++;
    if (shell_equals("json", w) && w.at[w.len] == '\0') {
        o->json = true;
        return true;
    }

    const u32 i = find_option(o->command, w);
    const struct shell_option_row *const row = &shell_options[MIN(i, SHELL_OPTIONS - 1u)];

    if (i == SHELL_OPTIONS)
        return no_option(r, text);
    if (r->times[i]++ == row->times) {
        fmt_buf(r->error, SHELL_ERROR, "--%s may be given %u times at most", row->name, row->times);
        return false;
    }
    if (!take_value(r, row, w.at[w.len] ? w.at + w.len : NULL, &o->option[i]))
        return false;
    fmt_buf(what, sizeof(what), "--%s", row->name);
    o->option[i].given = true;
    if (strcmp(row->values, "disk") == 0)
        return shell_read_keys("disk", o->text + (o->option[i].text - o->text), o->disk[o->disks++],
                               r->error);
    if (strcmp(row->values, "network") == 0)
        return shell_read_keys("network", o->text + (o->option[i].text - o->text),
                               o->network[o->networks++], r->error);
    return shell_read_value(row->values, what, &o->option[i], r->error);
}

/* ------------------------------------------------------------ the line */

static bool is_option(const char *text)
{
    return text[0] == '-' && text[1] == '-';
}

static bool read_words(struct reading *r)
{
    const struct shell_command_row *const row = &shell_commands[r->order->command];
    const char *kinds = row->arguments;
    const bool optional = *kinds == '?';

    kinds += optional;
    while (r->next < r->words.count) {
        const char *const text = r->words.word[r->next++];

        if (is_option(text)) {
            if (!read_option(r, text))
                return false;
            continue;
        }
        if (kinds[r->arguments] == '\0') {
            fmt_buf(r->error, SHELL_ERROR, "'%.40s' is too much; it is: %s %s", text, row->name,
                    row->usage);
            return false;
        }
        if (!read_argument(r, kinds[r->arguments], text))
            return false;
        r->arguments++;
    }
    if (kinds[r->arguments] && !(optional && r->arguments == 0)) {
        fmt_buf(r->error, SHELL_ERROR, "'%s' wants more; it is: %s %s", row->name, row->name,
                row->usage);
        return false;
    }
    return shell_rules(r->order, r->error);
}

/* The first word that is no option; --json counts even if the rest is wrong. */
static bool take_command(struct reading *r, enum shell_command *command)
{
    u32 at = 0;

    for (u32 i = 0; i < r->words.count; i++)
        r->order->json |= strcmp(r->words.word[i], "--json") == 0;
    while (at < r->words.count && is_option(r->words.word[at]))
        at++;
    if (at == r->words.count) {
        fmt_buf(r->error, SHELL_ERROR, "there is no command; 'help' lists them");
        return false;
    }
    if (!find_command(r->words.word[at], command, r->error))
        return false;
    for (; at; at--)
        r->words.word[at] = r->words.word[at - 1];
    r->next = 1;
    return true;
}

bool shell_parse(const char *line, const struct shell_names *names, struct shell_order *order,
                 char error[SHELL_ERROR])
{
    struct reading r = {.names = names, .order = order, .error = error};
    enum shell_command command;

    memset(order, 0, sizeof(*order));
    order->command = SHELL_COMMANDS;
    error[0] = '\0';
    if (!shell_split(line, &r.words, order->text, error))
        return false;
    if (r.words.count == 0)
        return true;
    if (!take_command(&r, &command))
        return false;
    order->command = command;
    if (read_words(&r))
        return true;
    order->command = SHELL_COMMANDS;
    return false;
}
