/* See said.h.  Pure. */
#include "control/said.h"

static void add(struct said *s, char c)
{
    s->text[s->written++ % SAID_BYTES] = c;
}

void said_add(struct said *s, const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        add(s, line[i]);
    add(s, '\n');
}

static char at(const struct said *s, u64 n)
{
    return s->text[n % SAID_BYTES];
}

/* Where the last lines begin.  Of the oldest one that is there the beginning may be lost. */
static u64 find_begin(const struct said *s, u32 lines, u64 most)
{
    const u64 oldest = s->written - MIN(s->written, MIN(most, (u64)SAID_BYTES));
    u64 begin = s->written;

    for (; lines && begin > oldest; lines--) {
        u64 first = begin - 1; /* its '\n' */

        while (first > oldest && at(s, first - 1) != '\n')
            first--;
        if (first == oldest && oldest != 0)
            break;
        begin = first;
    }
    return begin;
}

void said_last(const struct said *s, u32 lines, char *to, size_t size)
{
    size_t len = 0;

    for (u64 n = find_begin(s, lines, size - 1); n < s->written; n++) {
        const char c = at(s, n);

        to[len++] = c == '\n' || (c >= ' ' && c <= '~') ? c : '.';
    }
    to[len] = '\0';
}
