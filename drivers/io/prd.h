/* The table that tells a bus-master IDE controller where the data of one command is: physical
 * region descriptors.  Bus Master IDE Controller Programming Interface, "Physical Region
 * Descriptor Table": a region is below 4 GiB, begins at an even address, has an even length of at
 * most 64 KiB, and does not cross a 64 KiB boundary; neither does the table, and it is aligned to
 * 4 bytes.  Pure. */
#pragma once
#include "lib/types.h"

struct prd {
    u32 address;
    u16 length; /* bytes; 0: 65536 */
    u16 flags;
};
_Static_assert(sizeof(struct prd) == 8, "the controller's format");

#define PRD_LAST       0x8000u
#define PRD_REGION_MAX (64 * KiB)

/* A table in the making.  Owner: the caller; it refers to his memory, which a device may write: it
 * is written, and never read. */
struct prd_table {
    struct prd *entry;
    u32 capacity, count;
    struct prd last; /* of the entries */
    u64 bytes;
};

/* Whether a table of `capacity` entries may lie at this bus address. */
bool prd_place_ok(u64 bus, u32 capacity);
void prd_begin(struct prd_table *t, struct prd *entry, u32 capacity);
/* Adds `len` bytes at bus address `bus`, joined with the region before where that is possible.
 * E_INVAL: an odd address or length, or nothing; E_RANGE: not below 4 GiB; E_NOMEM: the table is
 * full.  After an error the table is as before. */
err_t prd_add(struct prd_table *t, u64 bus, u64 len);
/* Marks the last entry.  E_INVAL: there is none. */
err_t prd_end(const struct prd_table *t);
