/* The page tables that hv.elf starts on: 4-level, from a list of mappings.
 * SDM Vol. 3A, "4-Level Paging".  Pure. */
#pragma once
#include "lib/types.h"

/* All page-aligned.  Present and supervisor; mappings of one list do not overlap. */
struct mapping {
    u64 virt;
    u64 phys;
    u64 len; /* bytes, > 0 */
    bool writable;
    bool executable;
    bool device; /* uncached unless the MTRRs say write-combining */
};

/* Pages for the tables: enough for any placement of such a list. */
u64 tables_pages(const struct mapping *list, u32 count, bool gib_pages);
/* Builds the tables in `pool` (zeroed pages, identity-mapped: pointers are physical addresses) and
 * gives the PML4's address.  gib_pages: the processor has 1 GiB pages.
 * E_NOMEM: the pool is too small; E_EXIST: mappings overlap. */
err_t tables_build(const struct mapping *list, u32 count, bool gib_pages, void *pool,
                   u64 pool_pages, u64 *root);
