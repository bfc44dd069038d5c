/* What the shell has said and the console has not taken yet.  It has room for a command's answer;
 * of a longer one the end is cut off, and a line says so.  Pure. */
#pragma once
#include "lib/types.h"

struct outbox {
    char *text;
    u32 size; /* bytes of text */
    u32 len, sent;
    bool cut;
};

void outbox_init(struct outbox *o, char *text, u32 size);
void outbox_put(struct outbox *o, const char *text, size_t len);
/* What is next: its length, 0 if there is nothing. */
u32 outbox_peek(const struct outbox *o, const char **text);
void outbox_take(struct outbox *o, u32 count);
