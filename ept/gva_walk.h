/* Guest page-table walk: guest-linear to guest-physical, for no paging, 32-bit, PAE,
 * 4-level and 5-level paging.  Reads only: accessed and dirty flags stay as they are.
 * Protection keys and shadow stacks are not looked at; no guest is offered them.
 * SDM Vol. 3A, "Paging".  Pure: guest memory is read through a callback. */
#pragma once
#include "lib/types.h"

struct gva_space {
    u64 cr0, cr3, cr4, efer;
    u64 pdpte[4]; /* PAE only: what the processor holds, not what memory says */
    u8 phys_bits; /* MAXPHYADDR, 32 to 52: entry bits above it are reserved */
    bool no_1g;   /* the processor lacks 1-GByte pages: PS in a PDPTE is reserved */
    bool user;    /* the access is a user-mode access (CPL 3) */
    bool ac;      /* RFLAGS.AC, for SMAP; false for implicit supervisor accesses (GDT, IDT, TSS) */
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

/* OK; E_NOENT (not present), E_PERM (rights, or a reserved bit): the guest would get #PF with
 * fault_error; E_IO: a table is not in RAM; E_RANGE: not canonical, or above 4 GiB outside
 * IA-32e mode; E_INVAL: phys_bits, or both GVA_WRITE and GVA_EXEC. */
err_t gva_walk(const struct gva_space *space, u64 gva, u32 access, struct gva_result *out);
