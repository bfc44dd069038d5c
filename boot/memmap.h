/* The UEFI memory map -> struct boot_mem[].  The firmware's bytes are not believed:
 * a map that contradicts itself is refused, with the descriptor that does so named.
 * UEFI Specification, "EFI_BOOT_SERVICES.GetMemoryMap()".  Pure. */
#pragma once
#include "boot_info.h"
#include "lib/types.h"

/* The list being made: sorted, not overlapping, neighbours of one kind merged. */
struct memmap {
    struct boot_mem *region;
    u32 max; /* entries that region[] has room for */
    u32 count;
};

struct memmap_error {
    const char *reason; /* a static text */
    u64 base;  /* physical address of the descriptor complained about; 0 if about the whole */
    u64 pages; /* 4 KiB */
};

/* Takes the map as GetMemoryMap left it: `len` bytes of descriptors, each `descriptor_len` bytes
 * long (the firmware's figure, which may exceed the structure).  Gives out->count regions;
 * page 0 is never BOOT_MEM_USABLE.  E_INVAL: contradictory; E_NOMEM: more than out->max regions. */
err_t memmap_convert(const void *map, size_t len, size_t descriptor_len, struct memmap *out,
                     struct memmap_error *error);

/* Turns [base, base + len), page-aligned bytes, which must lie in one BOOT_MEM_USABLE region, into
 * `type`.  E_NOENT: it does not; E_NOMEM: no room for the pieces; the map is then as it was. */
err_t memmap_claim(struct memmap *m, u64 base, u64 len, enum boot_mem_type type);

/* Leaves [base, base + len), page-aligned bytes, which must lie in one BOOT_MEM_USABLE region, as
 * the only usable memory: what else was usable is reserved.  Errors as above. */
err_t memmap_confine(struct memmap *m, u64 base, u64 len);

/* Bytes of one type, in all. */
u64 memmap_bytes(const struct memmap *m, enum boot_mem_type type);

/* True for what is RAM by its type: everything but BOOT_MEM_RESERVED and _MMIO. */
bool memmap_is_ram(const struct boot_mem *region);
