/* The last lines of a log, in memory that a crash leaves alone: what an earlier life has left of it
 * may be anything.  Pure. */
#pragma once
#include "lib/types.h"

#define SAID_BYTES 16368u

struct said {
    u64 written; /* bytes ever */
    u64 reserved;
    char text[SAID_BYTES]; /* a ring of lines, each with its '\n' */
};

/* Adds a line, without its '\n'. */
void said_add(struct said *s, const char *line, size_t len);
/* The last whole lines, at most `lines` and as much as there is room for; `to` becomes a text of
 * printable characters. */
void said_last(const struct said *s, u32 lines, char *to, size_t size);
