/* Guest page-table walk: guest-linear to guest-physical, for 32-bit, PAE, 4-level
 * and 5-level paging.  Pure: guest memory is read through a callback.
 * SDM Vol. 3A, "Paging". */
#pragma once
#include "lib/types.h"

struct gva_space {
    u64 cr0, cr3, cr4, efer;
    u64 pdpte[4]; /* PAE only: what the processor holds, not what memory says */
    bool user;    /* the access is a user-mode access (CPL 3) */
    /* Reads 8 or 4 bytes of guest-physical memory once; false: not RAM. */
    bool (*read)(void *ctx, gpa_t gpa, void *out, u32 len);
    void *ctx;
};

enum { GVA_WRITE = 1, GVA_EXEC = 2 };

struct gva_result {
    gpa_t gpa;
    u64 page_size;   /* of the leaf, bytes */
    u32 fault_error; /* #PF error code if the walk returned E_PERM or E_NOENT */
};

/* OK; E_NOENT/E_PERM: the guest would get #PF with fault_error; E_IO: a table is not in RAM;
 * E_RANGE: not canonical. */
err_t gva_walk(const struct gva_space *space, u64 gva, u32 access, struct gva_result *out);
