/* What of a guest's memory this program may touch: ranges of guest-physical addresses, and where
 * each lies for us.  Nothing else of a guest is ever reached.  Pure.
 * Owner: the guest's entry in the control partition; not shared between threads. */
#pragma once
#include "lib/types.h"

#define GRANT_RANGES 8u

struct grant_range {
    gpa_t at;
    u64 size; /* bytes */
    u8 *host; /* our address of the first byte */
};

struct grant {
    struct grant_range range[GRANT_RANGES];
    u32 ranges;
    u32 generation; /* another one after each change: addresses from before are void */
};

/* E_INVAL: empty, or beyond the end of the address space; E_EXIST: overlaps another one; E_NOMEM:
 * GRANT_RANGES are in use. */
err_t grant_add(struct grant *g, gpa_t at, u64 size, void *host);
/* The guest has taken the range that begins at `at` back.  No request with a buffer in it may be
 * under way any more.  E_NOENT: there is none. */
err_t grant_remove(struct grant *g, gpa_t at);

/* Our address of `at`, and in *run how many of `len` bytes lie in one piece from there on, at least
 * 1.  NULL: `at` is not granted. */
void *grant_run(const struct grant *g, gpa_t at, u64 len, u64 *run);
/* Our address of `len` bytes in one piece.  NULL: not all of them are granted, or len is 0. */
void *grant_whole(const struct grant *g, gpa_t at, u64 len);
