/* lintel.conf: text -> struct config.  One table holds every key; docs/config.md is
 * the manual and has the grammar.  The text is hostile: each line is checked for
 * encoding before it is read, and each value is bounded before it is stored.  Pure. */
#include "boot/config_parse.h"
#include "lib/fmt.h"
#include "lib/mem.h"

enum key_scope { SCOPE_GLOBAL, SCOPE_GUEST };
enum key_type { TYPE_CHOICE, TYPE_NUMBER, TYPE_PORT, TYPE_SIZE, TYPE_PATH, TYPE_TEXT, TYPE_MODULE };

struct key {
    const char *name;
    enum key_scope scope;
    enum key_type type;
    bool required;
    u64 initial, min, max, step; /* numbers; a choice's values are its indices */
    const char *const *choices;  /* NULL-terminated */
    u32 offset;                  /* in struct config or struct config_guest */
    u32 room;                    /* bytes of a string's field, terminator included */
};

static const char *const log_levels[] = {
    [CONFIG_LOG_ERROR] = "error", [CONFIG_LOG_WARNING] = "warning", [CONFIG_LOG_INFO] = "info",
    [CONFIG_LOG_DEBUG] = "debug", [CONFIG_LOG_DEBUG + 1] = NULL,
};
static const char *const ends[] = {
    [CONFIG_END_POWEROFF] = "poweroff",
    [CONFIG_END_REBOOT] = "reboot",
    [CONFIG_END_HALT] = "halt",
    [CONFIG_END_HALT + 1] = NULL,
};
static const char *const reboots[] = {
    [CONFIG_REBOOT_RESTART] = "restart",
    [CONFIG_REBOOT_END] = "end",
    [CONFIG_REBOOT_END + 1] = NULL,
};
static const char *const consoles[] = {
    [CONFIG_CONSOLE_AUTO] = "auto", [CONFIG_CONSOLE_COM1] = "com1",
    [CONFIG_CONSOLE_COM2] = "com2", [CONFIG_CONSOLE_COM3] = "com3",
    [CONFIG_CONSOLE_COM4] = "com4", [CONFIG_CONSOLE_SCREEN] = "screen",
    [CONFIG_CONSOLE_NONE] = "none", [CONFIG_CONSOLE_NONE + 1] = NULL,
};
static const char *const formats[] = {
    [CONFIG_FORMAT_AUTO] = "auto",           [CONFIG_FORMAT_LINUX] = "linux",
    [CONFIG_FORMAT_MULTIBOOT] = "multiboot", [CONFIG_FORMAT_FLAT] = "flat",
    [CONFIG_FORMAT_FLAT + 1] = NULL,
};

#define GLOBAL(field)      .scope = SCOPE_GLOBAL, .offset = offsetof(struct config, field)
#define GUEST(field)       .scope = SCOPE_GUEST, .offset = offsetof(struct config_guest, field)
#define CHOICE(list, init) .type = TYPE_CHOICE, .choices = (list), .initial = (init)
#define RANGE(init, least, most, steps)                                                            \
    .initial = (init), .min = (least), .max = (most), .step = (steps)
#define REQUIRED .required = true

// clang-format off
/* Every key.  A key that is not here is refused. */
static const struct key keys[] = {
    { "log_level",  GLOBAL(log_level),  CHOICE(log_levels, CONFIG_LOG_INFO) },
    { "on_end",     GLOBAL(on_end),     CHOICE(ends, CONFIG_END_POWEROFF) },
    { "memory",     GUEST(memory),      .type = TYPE_SIZE, REQUIRED, RANGE(0, 4 * MiB, 1024 * GiB, LARGE_PAGE_SIZE) },
    { "vcpus",      GUEST(vcpus),       .type = TYPE_NUMBER, RANGE(1, 1, 1, 1) },
    { "kernel",     GUEST(kernel),      .type = TYPE_PATH, REQUIRED, .room = CONFIG_PATH_MAX },
    { "initrd",     GUEST(initrd),      .type = TYPE_PATH, .room = CONFIG_PATH_MAX },
    { "cmdline",    GUEST(cmdline),     .type = TYPE_TEXT, .room = CONFIG_CMDLINE_MAX },
    { "format",     GUEST(format),      CHOICE(formats, CONFIG_FORMAT_AUTO) },
    { "console",    GUEST(console),     CHOICE(consoles, CONFIG_CONSOLE_AUTO) },
    { "on_reboot",  GUEST(on_reboot),   CHOICE(reboots, CONFIG_REBOOT_RESTART) },
    { "debug_exit", GUEST(debug_exit),  .type = TYPE_PORT, RANGE(0, 1, 0xffff, 1) },
    { "module",     GUEST(module),      .type = TYPE_MODULE, .room = CONFIG_PATH_MAX },
};
// clang-format on

#define WORD_SHOWN 32u /* bytes of a user's word that an error repeats */

struct span {
    const char *at;
    size_t len;
};

struct parser {
    struct span line; /* without its end */
    u32 line_number;
    u32 guest_line, guest_column; /* of the current guest's name */
    u32 seen[ARRAY_LEN(keys)];    /* line of the key in the current scope, 0: not yet */
    struct config *out;
    struct config_guest *guest; /* NULL: before the first section */
    struct config_error *error;
};

/* ---------------------------------------------------------------- errors */

static bool is_continuation(char c)
{
    return ((u8)c & 0xc0) == 0x80;
}

/* Columns count characters, as editors do. */
static u32 column_of(const struct parser *p, const char *at)
{
    u32 column = 1;

    for (const char *c = p->line.at; c < at; c++)
        column += !is_continuation(*c);
    return column;
}

static err_t PRINTF_LIKE(4, 5)
    fail_at(struct parser *p, u32 line, u32 column, const char *format, ...)
{
    va_list args;

    p->error->line = line;
    p->error->column = column;
    va_start(args, format);
    fmt_vbuf(p->error->text, sizeof(p->error->text), format, args);
    va_end(args);
    return E_INVAL;
}

#define fail(p, at, ...) fail_at((p), (p)->line_number, column_of((p), (at)), __VA_ARGS__)

/* A user's word for an error text: bounded, and cut between characters. */
struct shown {
    char text[WORD_SHOWN + 4];
};

static struct shown show(struct span word)
{
    struct shown shown = {{0}};
    size_t len = MIN(word.len, WORD_SHOWN);

    while (len < word.len && len > 0 && is_continuation(word.at[len]))
        len--;
    memcpy(shown.text, word.at, len);
    if (len < word.len)
        memcpy(shown.text + len, "...", 3);
    return shown;
}

static struct shown show_size(u64 bytes)
{
    static const char suffixes[] = "\0KMGT";
    struct shown shown;
    u32 power = 0;

    for (; power < 4 && bytes != 0 && bytes % KiB == 0; power++)
        bytes /= KiB;
    fmt_buf(shown.text, sizeof(shown.text), "%llu%s", (unsigned long long)bytes,
            power ? (const char[]){suffixes[power], 0} : "");
    return shown;
}

struct allowed {
    char text[96];
};

static struct allowed allowed_choices(const struct key *key)
{
    struct allowed allowed = {{0}};
    size_t used = 0;

    for (u32 i = 0; key->choices[i] && used < sizeof(allowed.text); i++)
        used += fmt_buf(allowed.text + used, sizeof(allowed.text) - used, "%s%s", i ? ", " : "",
                        key->choices[i]);
    return allowed;
}

/* What a key takes, in words, from its row. */
static struct allowed allowed_of(const struct key *key)
{
    struct allowed allowed = {{0}};
    char *text = allowed.text;
    const size_t size = sizeof(allowed.text);

    switch (key->type) {
    case TYPE_CHOICE: return allowed_choices(key);
    case TYPE_NUMBER:
        if (key->min == key->max)
            fmt_buf(text, size, "%llu", (unsigned long long)key->min);
        else
            fmt_buf(text, size, "%llu to %llu", (unsigned long long)key->min,
                    (unsigned long long)key->max);
        break;
    case TYPE_PORT:
        fmt_buf(text, size, "a port, 0x%llx to 0x%llx", (unsigned long long)key->min,
                (unsigned long long)key->max);
        break;
    case TYPE_SIZE:
        fmt_buf(text, size, "%s to %s in steps of %s, with suffix K, M, G or T",
                show_size(key->min).text, show_size(key->max).text, show_size(key->step).text);
        break;
    case TYPE_PATH:
    case TYPE_MODULE:
        fmt_buf(text, size, "a file below \\lintel\\, at most %u bytes of ASCII, no '..'",
                key->room - 1);
        break;
    case TYPE_TEXT: fmt_buf(text, size, "text of at most %u bytes", key->room - 1); break;
    }
    return allowed;
}

/* ---------------------------------------------------------------- encoding */

/* Bytes of the UTF-8 sequence at the start of `s`, 0: none. Unicode chapter 3, table
 * "Well-Formed UTF-8 Byte Sequences". */
static u32 utf8_length(struct span s)
{
    const u8 lead = (u8)s.at[0];
    const u32 len = lead < 0x80   ? 1
                    : lead < 0xc2 ? 0
                    : lead < 0xe0 ? 2
                    : lead < 0xf0 ? 3
                    : lead < 0xf5 ? 4
                                  : 0;

    if (len == 0 || len > s.len)
        return 0;
    for (u32 i = 1; i < len; i++)
        if (!is_continuation(s.at[i]))
            return 0;
    if (len >= 3) {
        const u8 second = (u8)s.at[1];

        if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
            (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
            return 0;
    }
    return len;
}

static err_t check_encoding(struct parser *p)
{
    struct span rest = p->line;

    while (rest.len > 0) {
        const u32 len = utf8_length(rest);
        const u8 c = (u8)rest.at[0];

        if (len == 0)
            return fail(p, rest.at, "byte 0x%02x is not UTF-8; save the file as UTF-8", c);
        if ((c < 0x20 && c != '\t') || c == 0x7f || (c == 0xc2 && (u8)rest.at[1] < 0xa0))
            return fail(p, rest.at, "control character 0x%02x; allowed: text, blanks, tabs",
                        len == 1 ? c : (u8)rest.at[1]);
        rest.at += len;
        rest.len -= len;
    }
    return OK;
}

/* ---------------------------------------------------------------- words */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static struct span skip(struct span s, size_t n)
{
    return (struct span){s.at + n, s.len - n};
}

static struct span skip_blanks(struct span s)
{
    while (s.len > 0 && is_blank(s.at[0]))
        s = skip(s, 1);
    return s;
}

/* Only a comment, or nothing, is left. */
static bool is_end(struct span s)
{
    return s.len == 0 || s.at[0] == '#';
}

/* Up to a comment ('#' after a blank), without trailing blanks; `one_word`: up to a blank. */
static struct span bare_value(struct span s, bool one_word)
{
    size_t end = 0;

    for (; end < s.len; end++) {
        if (is_blank(s.at[end]) && one_word)
            break;
        if (s.at[end] == '#' && (end == 0 || is_blank(s.at[end - 1])))
            break;
    }
    while (end > 0 && is_blank(s.at[end - 1]))
        end--;
    return (struct span){s.at, end};
}

static bool span_is(struct span s, const char *word)
{
    return s.len == strlen(word) && memcmp(s.at, word, s.len) == 0;
}

/* Between quotes \" and \\ stand for " and \; *rest is then behind the closing quote. */
static err_t take_quoted(struct parser *p, struct span *rest, const struct key *key, char *out,
                         size_t room)
{
    struct span s = skip(*rest, 1);
    size_t used = 0;

    for (; s.len > 0 && s.at[0] != '"'; s = skip(s, 1)) {
        if (s.at[0] == '\\') {
            if (s.len < 2 || (s.at[1] != '"' && s.at[1] != '\\'))
                return fail(p, s.at, "%s: in quotes, \\ must be written \\\\ and \" as \\\"",
                            key->name);
            s = skip(s, 1);
        }
        if (used + 1 >= room)
            return fail(p, rest->at, "%s: longer than %u bytes", key->name, (u32)room - 1);
        out[used++] = s.at[0];
    }
    if (s.len == 0)
        return fail(p, rest->at, "%s: the quote is not closed in this line", key->name);
    out[used] = 0;
    s = skip(s, 1);
    if (s.len > 0 && !is_blank(s.at[0]))
        return fail(p, s.at, "%s: a blank or the end of the line must follow a closing quote",
                    key->name);
    *rest = skip_blanks(s);
    return OK;
}

/* The next value, terminated, into `out`; *rest moves behind it and its blanks. */
static err_t take_value(struct parser *p, struct span *rest, const struct key *key, bool one_word,
                        char *out, size_t room)
{
    *rest = skip_blanks(*rest);
    if (rest->len > 0 && rest->at[0] == '"')
        return take_quoted(p, rest, key, out, room);

    const struct span value = bare_value(*rest, one_word);

    if (value.len >= room)
        return fail(p, value.at, "%s: longer than %u bytes", key->name, (u32)room - 1);
    memcpy(out, value.at, value.len);
    out[value.len] = 0;
    *rest = skip_blanks(skip(*rest, value.len));
    return OK;
}

/* ---------------------------------------------------------------- values */

static u32 digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return (u32)(c - '0');
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (u32)((c | 0x20) - 'a') + 10;
    return 99;
}

/* Decimal or 0x hexadecimal, whole word, no overflow. */
static bool parse_number(const char *word, bool with_suffix, u64 *value)
{
    static const char suffixes[] = "kmgt";
    const u32 base = word[0] == '0' && (word[1] | 0x20) == 'x' ? 16 : 10;
    u64 number = 0;

    if (base == 16)
        word += 2;
    if (digit_of(*word) >= base)
        return false;
    for (; digit_of(*word) < base; word++)
        if (__builtin_mul_overflow(number, base, &number) ||
            __builtin_add_overflow(number, digit_of(*word), &number))
            return false;
    for (u32 i = 0; with_suffix && i < 4; i++) {
        if ((*word | 0x20) != suffixes[i])
            continue;
        if (__builtin_mul_overflow(number, BIT(10 * (i + 1)), &number))
            return false;
        word++;
        break;
    }
    *value = number;
    return *word == 0;
}

static bool find_choice(const struct key *key, const char *word, u64 *value)
{
    for (u32 i = 0; key->choices[i]; i++) {
        if (strcmp(key->choices[i], word) == 0) {
            *value = i;
            return true;
        }
    }
    return false;
}

static bool number_is_allowed(const struct key *key, const char *word, u64 *value)
{
    if (key->type == TYPE_CHOICE)
        return find_choice(key, word, value);
    return parse_number(word, key->type == TYPE_SIZE, value) && *value >= key->min &&
           *value <= key->max && *value % key->step == 0;
}

/* A relative path that stays below its folder; FAT's forbidden characters are refused. */
static bool path_is_allowed(const char *path)
{
    size_t part = 0; /* length of the current component */

    for (size_t i = 0;; i++) {
        const char c = path[i];

        if (c == 0 || c == '\\' || c == '/') {
            const bool dots = (part == 1 && path[i - 1] == '.') ||
                              (part == 2 && path[i - 1] == '.' && path[i - 2] == '.');

            if (part == 0 || dots)
                return false;
            if (c == 0)
                return true;
            part = 0;
            continue;
        }
        if ((u8)c < 0x20 || (u8)c >= 0x7f || c == '"' || c == '*' || c == ':' || c == '<' ||
            c == '>' || c == '?' || c == '|')
            return false;
        part++;
    }
}

/* The firmware's separator, so that one file has one name. */
static void path_normalize(char *path)
{
    for (; *path; path++)
        if (*path == '/')
            *path = '\\';
}

static err_t take_path(struct parser *p, struct span *rest, const struct key *key, bool one_word,
                       char *out)
{
    *rest = skip_blanks(*rest);

    const char *at = rest->at;

    TRY(take_value(p, rest, key, one_word, out, key->room));
    if (!path_is_allowed(out))
        return fail(p, at, "%s = %s: allowed: %s", key->name,
                    show((struct span){out, strlen(out)}).text, allowed_of(key).text);
    path_normalize(out);
    return OK;
}

static err_t take_number(struct parser *p, struct span *rest, const struct key *key, void *field)
{
    char word[WORD_SHOWN * 2];
    u64 value = 0;

    *rest = skip_blanks(*rest);

    const char *at = rest->at;

    TRY(take_value(p, rest, key, false, word, sizeof(word)));
    if (!number_is_allowed(key, word, &value))
        return fail(p, at, "%s = %s: allowed: %s", key->name,
                    show((struct span){word, strlen(word)}).text, allowed_of(key).text);
    if (key->type == TYPE_SIZE)
        *(u64 *)field = value;
    else
        *(u32 *)field = (u32)value;
    return OK;
}

static err_t take_module(struct parser *p, struct span *rest, const struct key *key)
{
    struct config_guest *guest = p->guest;

    if (guest->module_count == CONFIG_GUEST_MODULES)
        return fail(p, rest->at, "module: allowed: %u in a guest", CONFIG_GUEST_MODULES);

    struct config_module *module = &guest->module[guest->module_count];

    TRY(take_path(p, rest, key, true, module->path));
    TRY(take_value(p, rest, key, false, module->string, sizeof(module->string)));
    guest->module_count++;
    return OK;
}

/* ---------------------------------------------------------------- keys */

static u32 edit_distance(struct span word, const char *name)
{
    u32 row[WORD_SHOWN + 1];

    for (u32 i = 0; i <= word.len; i++)
        row[i] = i;
    for (u32 n = 1; *name; name++, n++) {
        u32 diagonal = row[0];

        row[0] = n;
        for (u32 i = 1; i <= word.len; i++) {
            const u32 replaced = diagonal + (word.at[i - 1] != *name);

            diagonal = row[i];
            row[i] = MIN(replaced, MIN(row[i - 1], row[i]) + 1);
        }
    }
    return row[word.len];
}

/* The key that the user may have meant, or NULL. */
static const struct key *nearest_key(struct span word)
{
    const struct key *best = NULL;
    u32 least =
        3; /* one typing error exchanges two letters, or adds, drops or changes one or two */

    if (word.len > WORD_SHOWN)
        return NULL;
    for (u32 i = 0; i < ARRAY_LEN(keys); i++) {
        const u32 distance = edit_distance(word, keys[i].name);

        if (distance < least && distance < word.len) {
            least = distance;
            best = &keys[i];
        }
    }
    return best;
}

static err_t unknown_key(struct parser *p, struct span word)
{
    const struct key *near = nearest_key(word);
    const struct shown shown = show(word);
    char list[100] = "";
    size_t used = 0;

    if (near)
        return fail(p, word.at, "unknown key '%s': did you mean '%s'?", shown.text, near->name);
    for (u32 i = 0; i < ARRAY_LEN(keys) && used < sizeof(list); i++)
        if (keys[i].scope == (p->guest ? SCOPE_GUEST : SCOPE_GLOBAL))
            used +=
                fmt_buf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", keys[i].name);
    return fail(p, word.at, "unknown key '%s'; allowed %s: %s", shown.text,
                p->guest ? "in a guest" : "here", list);
}

static err_t find_key(struct parser *p, struct span word, const struct key **found)
{
    for (u32 i = 0; i < ARRAY_LEN(keys); i++) {
        const struct key *key = &keys[i];

        if (!span_is(word, key->name))
            continue;
        if (key->scope == SCOPE_GLOBAL && p->guest)
            return fail(p, word.at,
                        "%s is a key of the whole machine: put it before the first "
                        "[guest NAME]",
                        key->name);
        if (key->scope == SCOPE_GUEST && !p->guest)
            return fail(p, word.at, "%s is a key of a guest: put it behind a [guest NAME]",
                        key->name);
        if (p->seen[i] != 0 && key->type != TYPE_MODULE)
            return fail(p, word.at, "%s is given twice, first in line %u", key->name, p->seen[i]);
        p->seen[i] = p->line_number;
        *found = key;
        return OK;
    }
    return unknown_key(p, word);
}

static err_t parse_setting(struct parser *p, struct span s)
{
    const struct key *key = NULL;
    size_t len = 0;

    while (len < s.len && !is_blank(s.at[len]) && s.at[len] != '=')
        len++;
    if (len == 0)
        return fail(p, s.at, "a key must stand before '='");
    TRY(find_key(p, (struct span){s.at, len}, &key));

    struct span rest = skip_blanks(skip(s, len));

    if (rest.len == 0 || rest.at[0] != '=')
        return fail(p, rest.at, "'=' must follow %s; allowed: %s", key->name, allowed_of(key).text);
    rest = skip_blanks(skip(rest, 1));
    if (is_end(rest) && key->type != TYPE_TEXT)
        return fail(p, rest.at, "%s has no value; allowed: %s", key->name, allowed_of(key).text);

    char *field = (p->guest ? (char *)p->guest : (char *)p->out) + key->offset;

    switch (key->type) {
    case TYPE_PATH: TRY(take_path(p, &rest, key, false, field)); break;
    case TYPE_TEXT: TRY(take_value(p, &rest, key, false, field, key->room)); break;
    case TYPE_MODULE: TRY(take_module(p, &rest, key)); break;
    default: TRY(take_number(p, &rest, key, field)); break;
    }
    if (!is_end(rest))
        return fail(p, rest.at, "%s: '%s' is too much; quote a value as a whole", key->name,
                    show(bare_value(rest, true)).text);
    return OK;
}

/* ---------------------------------------------------------------- sections */

static void set_initials(struct parser *p, enum key_scope scope, void *base)
{
    for (u32 i = 0; i < ARRAY_LEN(keys); i++) {
        const struct key *key = &keys[i];
        char *field = (char *)base + key->offset;

        if (key->scope != scope)
            continue;
        p->seen[i] = 0;
        if (key->type == TYPE_SIZE)
            *(u64 *)(void *)field = key->initial;
        else if (key->type < TYPE_SIZE)
            *(u32 *)(void *)field = (u32)key->initial;
    }
}

/* The section ends: does it have all that it needs? */
static err_t finish_guest(struct parser *p)
{
    for (u32 i = 0; p->guest && i < ARRAY_LEN(keys); i++)
        if (keys[i].required && p->seen[i] == 0)
            return fail_at(p, p->guest_line, p->guest_column, "guest %s has no %s; allowed: %s",
                           p->guest->name, keys[i].name, allowed_of(&keys[i]).text);
    return OK;
}

static err_t check_name(struct parser *p, struct span name)
{
    bool good = name.len > 0 && name.len < CONFIG_NAME_MAX && is_alnum(name.at[0]);

    for (size_t i = 0; i < name.len; i++)
        good = good && (is_alnum(name.at[i]) || name.at[i] == '-' || name.at[i] == '_' ||
                        name.at[i] == '.');
    if (!good)
        return fail(p, name.at,
                    "guest name '%s': allowed: 1 to %u of A-Z a-z 0-9 . _ -, a letter "
                    "or digit first",
                    show(name).text, CONFIG_NAME_MAX - 1);
    for (u32 i = 0; i < p->out->guest_count; i++)
        if (span_is(name, p->out->guest[i].name))
            return fail(p, name.at, "guest name '%s' is given twice; allowed: one guest of a name",
                        p->out->guest[i].name);
    return OK;
}

static err_t open_guest(struct parser *p, struct span name)
{
    TRY(finish_guest(p));
    TRY(check_name(p, name));
    if (p->out->guest_count == CONFIG_GUESTS_MAX)
        return fail(p, name.at, "too many guests; allowed: %u", CONFIG_GUESTS_MAX);
    p->guest = &p->out->guest[p->out->guest_count++];
    p->guest_line = p->line_number;
    p->guest_column = column_of(p, name.at);
    memcpy(p->guest->name, name.at, name.len);
    set_initials(p, SCOPE_GUEST, p->guest);
    return OK;
}

/* [guest NAME] */
static err_t parse_section(struct parser *p, struct span s)
{
    struct span word = skip_blanks(skip(s, 1));
    size_t close = 0, len = 0;

    while (close < word.len && word.at[close] != ']')
        close++;
    if (close == word.len)
        return fail(p, s.at, "this line's '[' needs a ']'; allowed: [guest NAME]");

    const struct span tail = skip_blanks(skip(word, close + 1));

    if (!is_end(tail))
        return fail(p, tail.at, "'%s' is too much behind [guest NAME]",
                    show(bare_value(tail, true)).text);
    word.len = close;
    while (len < word.len && !is_blank(word.at[len]))
        len++;
    if (!span_is((struct span){word.at, len}, "guest"))
        return fail(p, word.at, "unknown section '%s'; allowed: [guest NAME]",
                    show((struct span){word.at, len}).text);

    struct span name = skip_blanks(skip(word, len));

    while (name.len > 0 && is_blank(name.at[name.len - 1]))
        name.len--;
    if (name.len == 0)
        return fail(p, name.at, "a guest needs a name; allowed: [guest NAME]");
    return open_guest(p, name);
}

static err_t parse_line(struct parser *p)
{
    TRY(check_encoding(p));

    const struct span s = skip_blanks(p->line);

    if (is_end(s))
        return OK;
    return s.at[0] == '[' ? parse_section(p, s) : parse_setting(p, s);
}

static err_t parse_text(struct parser *p, struct span rest)
{
    set_initials(p, SCOPE_GLOBAL, p->out);
    while (rest.len > 0) {
        size_t len = 0;

        while (len < rest.len && rest.at[len] != '\n')
            len++;
        p->line = (struct span){rest.at, len};
        p->line_number++;
        if (len > 0 && len < rest.len && rest.at[len - 1] == '\r')
            p->line.len--;
        TRY(parse_line(p));
        rest = skip(rest, MIN(len + 1, rest.len));
    }
    TRY(finish_guest(p));
    if (!p->guest)
        return fail_at(p, MAX(p->line_number, 1u), 1,
                       "no guest; needed: a section [guest NAME] "
                       "with kernel and memory");
    return OK;
}

err_t config_parse(const char *text, size_t len, struct config *out, struct config_error *error)
{
    static const char bom[] = {(char)0xef, (char)0xbb, (char)0xbf};
    struct parser parser = {.out = out, .error = error};
    struct span rest = {text, len};

    if (len >= sizeof(bom) && memcmp(text, bom, sizeof(bom)) == 0)
        rest = skip(rest, sizeof(bom));
    memset(out, 0, sizeof(*out));
    memset(error, 0, sizeof(*error));

    const err_t err = parse_text(&parser, rest);

    if (err != OK)
        memset(out, 0, sizeof(*out));
    return err;
}
