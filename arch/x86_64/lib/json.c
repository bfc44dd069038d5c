/* The JSON writer; see json.h.  Pure. */
#include "lib/json.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define NUMBER_MAX 24u /* digits of a u64, and the terminator */

static void put(struct json *j, const char *text)
{
    for (; *text != '\0'; text++, j->len++)
        if (j->len < j->capacity)
            j->text[j->len] = *text;
}

static void put_line(struct json *j)
{
    put(j, "\n");
    for (u32 i = 0; i < j->depth; i++)
        put(j, " ");
}

/* Control characters and what is not ASCII become \u00XX: the text is valid whatever the bytes. */
static void put_quoted(struct json *j, const char *text)
{
    put(j, "\"");
    for (; *text != '\0'; text++) {
        char one[8] = {*text, '\0'};

        if (*text == '"' || *text == '\\')
            fmt_buf(one, sizeof(one), "\\%c", *text);
        else if (*text < 0x20 || *text == 0x7f)
            fmt_buf(one, sizeof(one), "\\u%04x", (u8)*text);
        put(j, one);
    }
    put(j, "\"");
}

static void begin_member(struct json *j, const char *name)
{
    if (j->filled[j->depth])
        put(j, ",");
    j->filled[j->depth] = true;
    if (j->depth > 0)
        put_line(j);
    if (name != NULL) {
        put_quoted(j, name);
        put(j, ": ");
    }
}

static void enter(struct json *j, const char *name, const char *opener, char closer)
{
    begin_member(j, name);
    put(j, opener);
    if (j->depth + 1 < JSON_DEPTH_MAX)
        j->depth++;
    else
        j->capacity = 0; /* deeper than anybody writes: json_finish() tells */
    j->filled[j->depth] = false;
    j->closer[j->depth] = closer;
}

void json_begin(struct json *j, char *text, size_t capacity)
{
    *j = (struct json){.text = text, .capacity = capacity};
    json_object(j, NULL);
}

bool json_finish(struct json *j)
{
    while (j->depth > 0)
        json_close(j);
    put(j, "\n");
    return j->len <= j->capacity;
}

void json_object(struct json *j, const char *name)
{
    enter(j, name, "{", '}');
}

void json_array(struct json *j, const char *name)
{
    enter(j, name, "[", ']');
}

void json_close(struct json *j)
{
    const char closer[] = {j->closer[j->depth], '\0'};
    const bool filled = j->filled[j->depth];

    if (j->depth == 0)
        return;
    j->depth--;
    if (filled)
        put_line(j);
    put(j, closer);
}

void json_number(struct json *j, const char *name, u64 value)
{
    char digits[NUMBER_MAX];

    fmt_buf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    begin_member(j, name);
    put(j, digits);
}

void json_string(struct json *j, const char *name, const char *text)
{
    begin_member(j, name);
    put_quoted(j, text);
}

void json_bool(struct json *j, const char *name, bool value)
{
    begin_member(j, name);
    put(j, value ? "true" : "false");
}

void json_null(struct json *j, const char *name)
{
    begin_member(j, name);
    put(j, "null");
}
