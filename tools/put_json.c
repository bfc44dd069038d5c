/* See put_json.h. */
#include "tools/put_json.h"
#include <stdio.h>

static const char *separator = "";

static void put_string(const char *s)
{
    putchar('"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            putchar('\\');
        putchar(*s);
    }
    putchar('"');
}

void put_item(const char *s)
{
    fputs(separator, stdout);
    put_string(s);
    separator = ",";
}

static void put_key(const char *key)
{
    put_item(key);
    putchar(':');
}

void put_number(const char *key, u64 value)
{
    put_key(key);
    printf("%llu", (unsigned long long)value);
}

void put_text(const char *key, const char *value)
{
    put_key(key);
    put_string(value);
}

void begin(const char *key, char bracket)
{
    if (key)
        put_key(key);
    else
        fputs(separator, stdout);
    putchar(bracket);
    separator = "";
}

void end(char bracket)
{
    putchar(bracket);
    separator = ",\n";
}

void put_texts(const char *const *pairs)
{
    begin(NULL, '{');
    for (; *pairs; pairs += 2)
        put_text(pairs[0], pairs[1]);
    end('}');
}

void put_field(const char *of, const char *name, u64 offset, u64 size)
{
    begin(NULL, '{');
    put_text("of", of);
    put_text("name", name);
    put_number("offset", offset);
    put_number("size", size);
    end('}');
}
