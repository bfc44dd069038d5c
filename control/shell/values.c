/* See values.h.  Pure. */
#include "control/shell/values.h"
#include "lib/fmt.h"
#include "lib/mem.h"

static bool is_word(const char *text)
{
    for (; *text; text++)
        if (*text < 0x21 || *text > 0x7e)
            return false;
    return true;
}

/* Digits, perhaps K, M or G; at most 2^50.  False: neither. */
static bool read_number(const char *text, bool size, u64 *number)
{
    u32 shift = 0;

    *number = 0;
    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++) {
        *number = *number * 10 + (u64)(*text - '0');
        if (*number > BIT(50))
            return false;
    }
    if (size && *text) {
        shift = *text == 'K' ? 10 : *text == 'M' ? 20 : *text == 'G' ? 30 : 0;
        text += shift != 0;
    }
    *number <<= shift;
    return *text == '\0' && *number <= BIT(50);
}

static bool read_choice(const char *values, const char *what, struct shell_value *value,
                        char error[SHELL_ERROR])
{
    struct shell_word w;

    for (u32 i = 0; shell_choice(values, i, &w); i++)
        if (shell_equals(value->text, w)) {
            value->number = i;
            return true;
        }
    fmt_buf(error, SHELL_ERROR, "'%.40s' is no value of %s; it is one of %s", value->text, what,
            values);
    return false;
}

static bool read_path(const char *what, const struct shell_value *value, char error[SHELL_ERROR])
{
    if (value->text[0] && is_word(value->text))
        return true;
    fmt_buf(error, SHELL_ERROR, "%s wants a file of the volume, like \\lintel\\vmlinuz", what);
    return false;
}

bool shell_read_value(const char *values, const char *what, struct shell_value *value,
                      char error[SHELL_ERROR])
{
    const bool size = strcmp(values, "size") == 0;

    value->given = true;
    if (shell_has_choices(values))
        return read_choice(values, what, value, error);
    if (strcmp(values, "path") == 0)
        return read_path(what, value, error);
    if (!size && strcmp(values, "number") != 0)
        return true;
    if (read_number(value->text, size, &value->number))
        return true;
    fmt_buf(error, SHELL_ERROR, "'%.40s' is no %s for %s; it is %s", value->text, values, what,
            size ? "a number of bytes, or one with K, M or G" : "a number");
    return false;
}

/* ------------------------------------------------------------ keys */

static bool list_keys(const char *of, const char *name, char error[SHELL_ERROR])
{
    size_t used = fmt_buf(error, SHELL_ERROR, "--%s has no '%.30s'; it has", of, name);

    for (u32 k = 0; k < SHELL_KEYS; k++)
        if (strcmp(shell_keys[k].of, of) == 0 && used < SHELL_ERROR)
            used += fmt_buf(error + used, SHELL_ERROR - used, " %s%s", shell_keys[k].name,
                            shell_keys[k].values[0] ? "=" : "");
    return false;
}

static bool read_key(const char *of, const char *name, const char *text,
                     struct shell_value value[SHELL_KEYS], char error[SHELL_ERROR])
{
    for (u32 k = 0; k < SHELL_KEYS; k++) {
        const struct shell_key_row *const row = &shell_keys[k];

        if (strcmp(row->of, of) != 0 || strcmp(row->name, name) != 0)
            continue;
        if ((row->values[0] != '\0') != (text != NULL)) {
            fmt_buf(error, SHELL_ERROR,
                    text ? "%s of --%s has no value" : "%s of --%s wants =VALUE", name, of);
            return false;
        }
        if (value[k].given) {
            fmt_buf(error, SHELL_ERROR, "%s is given twice in one --%s", name, of);
            return false;
        }
        value[k].text = text ? text : "";
        return shell_read_value(row->values, row->name, &value[k], error);
    }
    return list_keys(of, name, error);
}

bool shell_read_keys(const char *of, char *text, struct shell_value value[SHELL_KEYS],
                     char error[SHELL_ERROR])
{
    while (*text) {
        char *const name = text, *equals = NULL;

        for (; *text && *text != ','; text++)
            if (*text == '=' && !equals)
                equals = text;
        if (*text)
            *text++ = '\0';
        if (equals)
            *equals = '\0';
        if (!read_key(of, name, equals ? equals + 1 : NULL, value, error))
            return false;
    }
    return true;
}
