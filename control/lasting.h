/* Pages of the control partition's RAM that outlive this program, under names: a table of them in
 * memory that a crash leaves alone (control/memory.h).  What dies may have written anywhere: an
 * entry that makes no sense is dropped.  Pure.
 * Owner: control/memory.c. */
#pragma once
#include "control/pages.h"

#define LASTING_MAX  64u
#define LASTING_NAME 228u /* bytes, terminator included */

struct lasting {
    struct lasting_entry {
        u64 at; /* address of the first page; 0: free */
        u32 pages;
        u32 word;    /* the owner's */
        bool is_his; /* this life has asked for it */
        char name[LASTING_NAME];
    } entry[LASTING_MAX];
};

/* The next life begins: all that lasts is taken out of `p`. */
void lasting_begin(struct lasting *l, struct pages *p);
/* These pages last from now on.  E_NOMEM: the table is full; E_INVAL: the name is too long. */
err_t lasting_add(struct lasting *l, const char *name, u64 at, u32 pages, u32 word);
/* What an earlier life has added, once: it is the caller's now, and lasts.  NULL: nothing. */
const struct lasting_entry *lasting_take(struct lasting *l, const char *name);
/* What an earlier life has added and nobody has taken; NULL: nothing. */
const struct lasting_entry *lasting_left(const struct lasting *l);
/* The page there, and those behind it, last no longer.  Nothing if they did not. */
void lasting_remove(struct lasting *l, u64 at);
