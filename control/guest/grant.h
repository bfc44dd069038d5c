/* What of a guest's memory this program may touch: ranges of guest-physical addresses, and where
 * each lies for us and for a device that does DMA.  Nothing else of a guest is ever reached.  Pure.
 * Owner: the guest's entry in the control partition; not shared between threads. */
#pragma once
#include "drivers/io/env.h"

#define GRANT_RANGES 8u

struct grant_range {
    gpa_t at;
    u64 size; /* bytes */
    u8 *host; /* our address of the first byte, */
    u64 bus;  /* and a device's */
};

struct grant {
    struct grant_range range[GRANT_RANGES];
    u32 ranges;
    u32 generation; /* another one after each change: addresses from before are void */
};

/* E_INVAL: empty, or beyond the end of the address space; E_EXIST: overlaps another one; E_NOMEM:
 * GRANT_RANGES are in use. */
err_t grant_add(struct grant *g, gpa_t at, u64 size, void *host, u64 bus);
/* The guest has taken the range that begins at `at` back.  No request with a buffer in it may be
 * under way any more.  E_NOENT: there is none. */
err_t grant_remove(struct grant *g, gpa_t at);

/* As many of `len` bytes from `at` on as lie in one piece.  False: `at` is not granted, or len is
 * 0. */
bool grant_piece(const struct grant *g, gpa_t at, u32 len, struct io_segment *piece);
/* Our address of `len` bytes in one piece.  NULL: not all of them are granted, or len is 0. */
void *grant_whole(const struct grant *g, gpa_t at, u32 len);
