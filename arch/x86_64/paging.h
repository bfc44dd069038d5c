/* The hypervisor's own address space.  hv.elf at its linked address (text RX, rodata R,
 * data RW+NX); all RAM that may be touched in one direct map (RW+NX, hv.elf's own frames
 * left out); device memory mapped on demand.  Page 0 and guard pages are unmapped.
 * SDM Vol. 3A, "Paging". */
#pragma once
#include "boot_info.h"
#include "lib/types.h"

#define DIRECT_MAP_BASE 0xffff800000000000ull
#define DEVICE_MAP_BASE 0xffffc00000000000ull

/* Builds and loads the tables. From here on boot_info is read through the direct map. */
void paging_init(const struct boot_info *info);
/* Valid for RAM in the direct map only. */
static inline void *phys_to_virt(hpa_t pa)
{
    return (void *)(DIRECT_MAP_BASE + pa.v);
}
/* The direct map holds all RAM of the boot map below this address; what lies above did not fit
 * into the page tables and must not be used. */
hpa_t paging_ram_end(void);
hpa_t virt_to_phys(const void *va); /* direct map or hv.elf; panics for others */

enum paging_cache { PAGING_UC, PAGING_WC };
/* Maps device memory RW+NX for ever (bytes, any alignment); panics if tables run out. */
void *paging_map_device(hpa_t pa, u64 len, enum paging_cache cache);

/* The entry for va in the table that CR3 names, for another table of that level. */
u64 paging_top_entry(u64 va);

/* Walks the live tables: calls visit for each present leaf; for the audit (no W+X). */
void paging_for_each(void (*visit)(void *arg, u64 va, hpa_t pa, u64 len, bool writable,
                                   bool executable),
                     void *arg);
