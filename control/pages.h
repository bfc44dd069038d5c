/* The control partition's memory in pages: a bounded allocator, first fit, a bit for each page.
 * Pure: it never touches what it gives out. */
#pragma once
#include "lib/types.h"

#define PAGES_MAX (GiB / PAGE_SIZE)

struct pages {
    u64 first; /* address of the first page */
    u32 count, free;
    u64 used[PAGES_MAX / 64];
};

/* Pages of [first, last), both rounded inwards, at most PAGES_MAX. */
void pages_init(struct pages *p, u64 first, u64 last);
/* Address of `count` pages in a row; 0: there are not so many, or count is 0. */
u64 pages_take(struct pages *p, u32 count);
/* Takes these pages.  E_RANGE: not pages of this allocator; E_EXIST: not all of them are free.
 * Nothing is done then. */
err_t pages_reserve(struct pages *p, u64 address, u32 count);
/* E_RANGE: not pages of this allocator; E_NOENT: not all of them are given out.  Nothing is done
 * then. */
err_t pages_give_back(struct pages *p, u64 address, u32 count);
