/* See complete.h.  Pure. */
#include "control/shell/complete.h"
#include "lib/fmt.h"
#include "lib/mem.h"

/* What has been found. */
struct found {
    struct editor_completion *c;
    struct shell_word typed; /* the beginning of the word at the cursor */
    u32 count;
    size_t used; /* of the list */
};

/* A candidate; `before` it, as in "--". */
static void offer(struct found *f, const char *before, const char *text, u32 len)
{
    struct editor_completion *const c = f->c;
    char whole[sizeof(c->insert)];
    u32 same = 0;

    fmt_buf(whole, sizeof(whole), "%s%.*s", before, (int)len, text);
    if (!shell_begins(whole, f->typed))
        return;

    const char *const rest = whole + f->typed.len;

    if (f->count++ == 0)
        fmt_buf(c->insert, sizeof(c->insert), "%s", rest);
    while (c->insert[same] && c->insert[same] == rest[same])
        same++;
    c->insert[same] = '\0'; /* what all have in common */
    if (f->used < sizeof(c->list))
        f->used += fmt_buf(c->list + f->used, sizeof(c->list) - f->used, "%s%s",
                           f->used ? "  " : "", whole);
}

static void offer_text(struct found *f, const char *before, const char *text)
{
    offer(f, before, text, (u32)strlen(text));
}

static void offer_choices(struct found *f, const char *values)
{
    struct shell_word w;

    for (u32 i = 0; shell_has_choices(values) && shell_choice(values, i, &w); i++)
        offer(f, "", w.at, w.len);
}

static void offer_commands(struct found *f, bool aliases)
{
    for (u32 i = 0; i < SHELL_COMMANDS; i++)
        offer_text(f, "", shell_commands[i].name);
    for (u32 i = 0; i < SHELL_ALIASES && aliases; i++)
        offer_text(f, "", shell_aliases[i].name);
}

/* ------------------------------------------------------------ where the cursor is */

/* The words before the one at the cursor. */
struct place {
    struct shell_word command, setting, before; /* the first, the second, the last */
    u32 arguments;                              /* without command and options */
    u32 words;
};

static struct place find_place(const char *line, u32 end)
{
    struct place p = {{"", 0}, {"", 0}, {"", 0}, 0, 0};
    u32 at = 0;

    while (at < end) {
        struct shell_word w = {line + at, 0};

        while (at + w.len < end && line[at + w.len] != ' ')
            w.len++;
        at += w.len + 1;
        if (w.len == 0)
            continue;
        p.before = w;
        if (p.words++ == 0)
            p.command = w;
        else if (w.at[0] != '-' && p.arguments++ == 0)
            p.setting = w;
    }
    return p;
}

static u32 command_of(struct shell_word w)
{
    u32 i = 0;

    for (u32 a = 0; a < SHELL_ALIASES; a++)
        if (shell_equals(shell_aliases[a].name, w))
            return shell_aliases[a].command;
    while (i < SHELL_COMMANDS && !shell_equals(shell_commands[i].name, w))
        i++;
    return i;
}

static void offer_setting_words(struct found *f, struct shell_word setting)
{
    for (u32 i = 0; i < SHELL_SETTINGS; i++)
        if (shell_equals(shell_settings[i].name, setting))
            offer_choices(f, shell_settings[i].values);
}

static void offer_argument(struct found *f, const struct shell_names *names, const char *kinds,
                           const struct place *p)
{
    kinds += *kinds == '?';
    if (p->arguments >= strlen(kinds))
        return;
    switch (kinds[p->arguments]) {
    case 'g':
        for (u32 i = 0; i < names->guests; i++)
            offer_text(f, "", names->guest[i]);
        break;
    case 'e':
        for (u32 i = 0; i < names->events; i++)
            offer_text(f, "", names->event[i]);
        break;
    case 's':
        for (u32 i = 0; i < SHELL_SETTINGS; i++)
            offer_text(f, "", shell_settings[i].name);
        break;
    case 'w': offer_setting_words(f, p->setting); break;
    case 'c': offer_commands(f, false); break;
    default: break; /* a new name is everybody's own */
    }
}

/* The option whose value is at the cursor; NULL: none. */
static const struct shell_option_row *open_option(u32 command, struct shell_word before)
{
    const struct shell_word name = {before.at + 2, before.len - 2};

    if (before.len < 3 || before.at[0] != '-' || before.at[1] != '-')
        return NULL;
    for (u32 i = 0; i < SHELL_OPTIONS; i++)
        if (shell_options[i].command == command && shell_options[i].values[0] &&
            shell_equals(shell_options[i].name, name))
            return &shell_options[i];
    return NULL;
}

/* Keys behind the last comma, or the words of a key's value behind '='. */
static void offer_keys(struct found *f, const char *of)
{
    struct shell_word key = f->typed;

    for (u32 i = 0; i < f->typed.len; i++)
        if (f->typed.at[i] == ',')
            key = (struct shell_word){f->typed.at + i + 1, f->typed.len - i - 1};
    f->typed = key;
    for (u32 k = 0; k < SHELL_KEYS; k++) {
        const struct shell_key_row *const row = &shell_keys[k];
        const u32 len = (u32)strlen(row->name);
        const struct shell_word name = {key.at, len};

        if (strcmp(row->of, of) != 0)
            continue;
        if (key.len > len && key.at[len] == '=' && shell_equals(row->name, name)) {
            f->typed = (struct shell_word){key.at + len + 1, key.len - len - 1};
            offer_choices(f, row->values);
            return;
        }
        char whole[32];

        fmt_buf(whole, sizeof(whole), "%s%s", row->name, row->values[0] ? "=" : "");
        offer_text(f, "", whole);
    }
}

void shell_complete(const struct shell_names *names, const char *line, u32 cursor,
                    struct editor_completion *c)
{
    struct found f = {.c = c, .typed = {line + cursor, 0}};

    while (f.typed.at > line && f.typed.at[-1] != ' ') {
        f.typed.at--;
        f.typed.len++;
    }

    const struct place p = find_place(line, (u32)(f.typed.at - line));
    const u32 command = command_of(p.command);
    const struct shell_option_row *const open = open_option(command, p.before);

    if (p.words == 0)
        offer_commands(&f, true);
    else if (command < SHELL_COMMANDS && open) {
        offer_choices(&f, open->values);
        if (strcmp(open->values, "disk") == 0 || strcmp(open->values, "network") == 0)
            offer_keys(&f, open->values);
    } else if (command < SHELL_COMMANDS && f.typed.len && f.typed.at[0] == '-') {
        offer_text(&f, "--", "json");
        for (u32 i = 0; i < SHELL_OPTIONS; i++)
            if (shell_options[i].command == command)
                offer_text(&f, "--", shell_options[i].name);
    } else if (command < SHELL_COMMANDS)
        offer_argument(&f, names, shell_commands[command].arguments, &p);
    if (f.count == 1) {
        const size_t len = strlen(c->insert);
        const char last = len           ? c->insert[len - 1]
                          : f.typed.len ? f.typed.at[f.typed.len - 1]
                                        : ' ';

        if (last != '=')
            fmt_buf(c->insert + len, sizeof(c->insert) - len, " ");
    }
    if (f.count == 1 || c->insert[0])
        c->list[0] = '\0'; /* it was enough to go on */
}
