/* Small numbers given out and taken back: VPIDs, guests' ids.  The next number is looked for behind
 * the last one (next fit), so a number that was given back is used again as late as possible. Pure.
 * Owner: whoever holds the numbers; lock: the caller's. */
#pragma once
#include "lib/types.h"

struct idalloc {
    u64 *bitmap; /* bit n: n is in use */
    u32 first, last;
    u32 next; /* where the next search starts */
    u32 used;
};

#define IDALLOC_WORDS(last) ((last) / 64 + 1) /* of the bitmap */

/* Numbers first to last, none in use; `bitmap` has IDALLOC_WORDS(last) words.  first <= last. */
void idalloc_init(struct idalloc *a, u64 *bitmap, u32 first, u32 last);
/* E_NOMEM: all are in use, and *id is as it was. */
err_t idalloc_take(struct idalloc *a, u32 *id);
/* E_RANGE: no such number; E_NOENT: it is not in use.  Nothing is done then. */
err_t idalloc_give_back(struct idalloc *a, u32 id);
bool idalloc_in_use(const struct idalloc *a, u32 id);
