/* See log.h. */
#include "control/log.h"
#include "control/memory.h"
#include "control/rt.h"

#define NAME  "the log"
#define PAGES ((u32)(sizeof(struct said) / PAGE_SIZE))

_Static_assert(sizeof(struct said) % PAGE_SIZE == 0, "whole pages");

static struct said *said;

void log_begin(void)
{
    const struct lasting_entry *const e = memory_lasting(NAME);

    if (e && e->pages == PAGES) {
        said = (struct said *)e->at;
    } else {
        said = memory_pages(PAGES);
        if (said)
            (void)memory_lasts(NAME, said, PAGES, 0); /* else this life's alone is kept */
    }
    rt_keep(said);
}

const char *log_last(u32 lines)
{
    static char text[SAID_BYTES + 1];

    text[0] = '\0';
    if (said)
        said_last(said, lines, text, sizeof(text));
    return text;
}
