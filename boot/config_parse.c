/* lintel.conf: text -> struct config.  config_keys.c holds every key; docs/config.md is
 * the manual and has the grammar.  The text is hostile: each line is checked for
 * encoding before it is read, and each value is bounded before it is stored.  Pure. */
#include "boot/config_parse.h"
#include "abi/control.h"
#include "boot/config_keys.h"
#include "boot/config_text.h"
#include "lib/fmt.h"
#include "lib/mem.h"

struct parser {
    struct span line; /* without its end */
    u32 line_number;
    u32 guest_line, guest_column; /* of the current guest's name */
    u32 seen[CONFIG_KEYS];        /* line of the key in the current scope, 0: not yet */
    struct config *out;
    struct config_guest *guest; /* NULL: before the first section */
    struct config_error *error;
};

/* ---------------------------------------------------------------- errors */

/* Columns count characters, as editors do. */
static u32 column_of(const struct parser *p, const char *at)
{
    u32 column = 1;

    for (const char *c = p->line.at; c < at; c++)
        column += !text_is_continuation(*c);
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

/* ---------------------------------------------------------------- encoding */

static err_t check_encoding(struct parser *p)
{
    struct span rest = p->line;

    while (rest.len > 0) {
        const u32 len = span_utf8_length(rest);
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

/* Between quotes \" and \\ stand for " and \; *rest is then behind the closing quote. */
static err_t take_quoted(struct parser *p, struct span *rest, const struct key *key, char *out,
                         size_t room)
{
    struct span s = span_skip(*rest, 1);
    size_t used = 0;

    for (; s.len > 0 && s.at[0] != '"'; s = span_skip(s, 1)) {
        if (s.at[0] == '\\') {
            if (s.len < 2 || (s.at[1] != '"' && s.at[1] != '\\'))
                return fail(p, s.at, "%s: in quotes, \\ must be written \\\\ and \" as \\\"",
                            key->name);
            s = span_skip(s, 1);
        }
        if (used + 1 >= room)
            return fail(p, rest->at, "%s: longer than %u bytes", key->name, (u32)room - 1);
        out[used++] = s.at[0];
    }
    if (s.len == 0)
        return fail(p, rest->at, "%s: the quote is not closed in this line", key->name);
    out[used] = 0;
    s = span_skip(s, 1);
    if (s.len > 0 && !text_is_blank(s.at[0]))
        return fail(p, s.at, "%s: a blank or the end of the line must follow a closing quote",
                    key->name);
    *rest = span_skip_blanks(s);
    return OK;
}

/* The next value, terminated, into `out`; *rest moves behind it and its blanks. */
static err_t take_value(struct parser *p, struct span *rest, const struct key *key, bool one_word,
                        char *out, size_t room)
{
    *rest = span_skip_blanks(*rest);
    if (rest->len > 0 && rest->at[0] == '"')
        return take_quoted(p, rest, key, out, room);

    const struct span value = span_bare_value(*rest, one_word);

    if (value.len >= room)
        return fail(p, value.at, "%s: longer than %u bytes", key->name, (u32)room - 1);
    memcpy(out, value.at, value.len);
    out[value.len] = 0;
    *rest = span_skip_blanks(span_skip(*rest, value.len));
    return OK;
}

/* ---------------------------------------------------------------- values */

static err_t take_path(struct parser *p, struct span *rest, const struct key *key, bool one_word,
                       char *out)
{
    *rest = span_skip_blanks(*rest);

    const char *at = rest->at;

    TRY(take_value(p, rest, key, one_word, out, key->room));
    if (!text_is_path(out))
        return fail(p, at, "%s = %s: allowed: %s", key->name,
                    span_show((struct span){out, strlen(out)}).text, key_allowed(key).text);
    text_normalize_path(out);
    return OK;
}

static err_t take_number(struct parser *p, struct span *rest, const struct key *key, void *field)
{
    char word[CONFIG_CPUS_MAX * 3]; /* the longest list of processors: one by one */
    u64 value = 0;

    *rest = span_skip_blanks(*rest);

    const char *at = rest->at;

    TRY(take_value(p, rest, key, false, word, sizeof(word)));
    if (!key_number(key, word, &value))
        return fail(p, at, "%s = %s: allowed: %s", key->name,
                    span_show((struct span){word, strlen(word)}).text, key_allowed(key).text);
    if (key->type >= TYPE_SIZE)
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

/* A line of the guest's devices; what it says is the control partition's to understand. */
static err_t take_device(struct parser *p, struct span *rest, const struct key *key)
{
    char *const devices = p->guest->devices;
    const size_t used = strlen(devices), head = strlen(key->name) + 1;
    const char *const at = rest->at;

    if (used + head + 2 >= key->room)
        return fail(p, at, "%s: allowed: %s", key->name, key_allowed(key).text);
    fmt_buf(devices + used, key->room - used, "%s ", key->name);
    /* A byte less: the line's end. */
    TRY(take_value(p, rest, key, false, devices + used + head, key->room - used - head - 1));
    memcpy(devices + strlen(devices), "\n", 2);
    return OK;
}

/* ---------------------------------------------------------------- keys */

static err_t unknown_key(struct parser *p, struct span word)
{
    const struct key *near = key_nearest(word);
    const struct shown shown = span_show(word);
    char list[272] = "";
    size_t used = 0;

    if (near)
        return fail(p, word.at, "unknown key '%s': did you mean '%s'?", shown.text, near->name);
    for (u32 i = 0; i < CONFIG_KEYS && used < sizeof(list); i++)
        if (config_keys[i].scope == (p->guest ? SCOPE_GUEST : SCOPE_GLOBAL))
            used += fmt_buf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
                            config_keys[i].name);
    return fail(p, word.at, "unknown key '%s'; allowed %s: %s", shown.text,
                p->guest ? "in a guest" : "here", list);
}

static err_t find_key(struct parser *p, struct span word, const struct key **found)
{
    for (u32 i = 0; i < CONFIG_KEYS; i++) {
        const struct key *key = &config_keys[i];

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
        if (p->seen[i] != 0 && (key->type < TYPE_MODULE || key->once))
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

    while (len < s.len && !text_is_blank(s.at[len]) && s.at[len] != '=')
        len++;
    if (len == 0)
        return fail(p, s.at, "a key must stand before '='");
    TRY(find_key(p, (struct span){s.at, len}, &key));

    struct span rest = span_skip_blanks(span_skip(s, len));

    if (rest.len == 0 || rest.at[0] != '=')
        return fail(p, rest.at, "'=' must follow %s; allowed: %s", key->name,
                    key_allowed(key).text);
    rest = span_skip_blanks(span_skip(rest, 1));
    if (span_is_end(rest) && key->type != TYPE_TEXT)
        return fail(p, rest.at, "%s has no value; allowed: %s", key->name, key_allowed(key).text);

    char *field = (p->guest ? (char *)p->guest : (char *)p->out) + key->offset;

    switch (key->type) {
    case TYPE_PATH: TRY(take_path(p, &rest, key, false, field)); break;
    case TYPE_TEXT: TRY(take_value(p, &rest, key, false, field, key->room)); break;
    case TYPE_MODULE: TRY(take_module(p, &rest, key)); break;
    case TYPE_DEVICE: TRY(take_device(p, &rest, key)); break;
    default: TRY(take_number(p, &rest, key, field)); break;
    }
    if (!span_is_end(rest))
        return fail(p, rest.at, "%s: '%s' is too much; quote a value as a whole", key->name,
                    span_show(span_bare_value(rest, true)).text);
    return OK;
}

/* ---------------------------------------------------------------- sections */

static void set_initials(struct parser *p, enum key_scope scope, void *base)
{
    for (u32 i = 0; i < CONFIG_KEYS; i++) {
        const struct key *key = &config_keys[i];
        char *field = (char *)base + key->offset;

        if (key->scope != scope)
            continue;
        p->seen[i] = 0;
        if (key->type < TYPE_SIZE)
            *(u32 *)(void *)field = (u32)key->initial;
        else if (key->type < TYPE_PATH)
            *(u64 *)(void *)field = key->initial;
    }
}

/* What only a control partition does. */
static err_t check_control(struct parser *p, const char *wish)
{
    if (p->out->control[0] != 0)
        return OK;
    return fail_at(p, p->guest_line, p->guest_column,
                   "guest %s has %s: needed: control = control.elf before the first [guest NAME]",
                   p->guest->name, wish);
}

/* The control partition reaches what a driver that knows nothing of it puts into its rings. */
static err_t check_devices(struct parser *p)
{
    u32 *const served = &p->guest->served;
    bool said = false;

    for (u32 i = 0; i < CONFIG_KEYS; i++)
        said |= p->seen[i] != 0 && config_keys[i].offset == offsetof(struct config_guest, served) &&
                config_keys[i].scope == SCOPE_GUEST;
    if (said && *served != CONFIG_SERVED_MEMORY)
        return fail_at(p, p->guest_line, p->guest_column,
                       "guest %s has devices: allowed: served = memory, or no 'served'",
                       p->guest->name);
    if (p->guest->debug_exit >= ABI_PCI_PORTS && p->guest->debug_exit <= ABI_PCI_PORTS_LAST)
        return fail_at(p, p->guest_line, p->guest_column,
                       "guest %s has devices: 0x%x to 0x%x are theirs; allowed: another debug_exit",
                       p->guest->name, ABI_PCI_PORTS, ABI_PCI_PORTS_LAST);
    TRY(check_control(p, "devices"));
    *served = CONFIG_SERVED_MEMORY;
    return OK;
}

/* The section ends: does it have all that it needs? */
static err_t finish_guest(struct parser *p)
{
    for (u32 i = 0; p->guest && i < CONFIG_KEYS; i++)
        if (config_keys[i].required && p->seen[i] == 0)
            return fail_at(p, p->guest_line, p->guest_column, "guest %s has no %s; allowed: %s",
                           p->guest->name, config_keys[i].name, key_allowed(&config_keys[i]).text);
    if (p->guest && p->guest->start == CONFIG_START_ASK)
        TRY(check_control(p, "start = ask"));
    return p->guest && p->guest->devices[0] ? check_devices(p) : OK;
}

static err_t check_name(struct parser *p, struct span name)
{
    bool good = name.len > 0 && name.len < CONFIG_NAME_MAX && text_is_alnum(name.at[0]);

    for (size_t i = 0; i < name.len; i++)
        good = good && (text_is_alnum(name.at[i]) || name.at[i] == '-' || name.at[i] == '_' ||
                        name.at[i] == '.');
    if (!good)
        return fail(p, name.at,
                    "guest name '%s': allowed: 1 to %u of A-Z a-z 0-9 . _ -, a letter "
                    "or digit first",
                    span_show(name).text, CONFIG_NAME_MAX - 1);
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
    struct span word = span_skip_blanks(span_skip(s, 1));
    size_t close = 0, len = 0;

    while (close < word.len && word.at[close] != ']')
        close++;
    if (close == word.len)
        return fail(p, s.at, "this line's '[' needs a ']'; allowed: [guest NAME]");

    const struct span tail = span_skip_blanks(span_skip(word, close + 1));

    if (!span_is_end(tail))
        return fail(p, tail.at, "'%s' is too much behind [guest NAME]",
                    span_show(span_bare_value(tail, true)).text);
    word.len = close;
    while (len < word.len && !text_is_blank(word.at[len]))
        len++;
    if (!span_is((struct span){word.at, len}, "guest"))
        return fail(p, word.at, "unknown section '%s'; allowed: [guest NAME]",
                    span_show((struct span){word.at, len}).text);

    struct span name = span_skip_blanks(span_skip(word, len));

    while (name.len > 0 && text_is_blank(name.at[name.len - 1]))
        name.len--;
    if (name.len == 0)
        return fail(p, name.at, "a guest needs a name; allowed: [guest NAME]");
    return open_guest(p, name);
}

static err_t parse_line(struct parser *p)
{
    TRY(check_encoding(p));

    const struct span s = span_skip_blanks(p->line);

    if (span_is_end(s))
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
        rest = span_skip(rest, MIN(len + 1, rest.len));
    }
    TRY(finish_guest(p));
    if (!p->guest && p->out->lab != CONFIG_LAB_ON)
        return fail_at(p, MAX(p->line_number, 1u), 1,
                       "no guest; needed: a section [guest NAME] "
                       "with kernel and memory, or lab = on");
    return OK;
}

err_t config_parse(const char *text, size_t len, struct config *out, struct config_error *error)
{
    static const char bom[] = {(char)0xef, (char)0xbb, (char)0xbf};
    struct parser parser = {.out = out, .error = error};
    struct span rest = {text, len};

    if (len >= sizeof(bom) && memcmp(text, bom, sizeof(bom)) == 0)
        rest = span_skip(rest, sizeof(bom));
    memset(out, 0, sizeof(*out));
    memset(error, 0, sizeof(*error));

    const err_t err = parse_text(&parser, rest);

    if (err != OK)
        memset(out, 0, sizeof(*out));
    return err;
}
