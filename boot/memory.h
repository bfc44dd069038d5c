/* Memory from the firmware: what the loader took is written down, so that a refusal gives all
 * of it back and the hypervisor is told of what it keeps. */
#pragma once
#include "boot/memmap.h"
#include "boot_info.h"

#define PHYSICAL_MAX (1024 * GiB) /* Lintel uses no memory above */

/* Gives page-aligned memory below PHYSICAL_MAX, with whatever was in it: len bytes, rounded up to
 * pages, at a multiple of `align` (power of two).  `type` is what it will be in boot_info;
 * BOOT_MEM_USABLE: free for the hypervisor to take.  E_NOMEM. */
err_t memory_alloc(u64 len, u64 align, enum boot_mem_type type, void **out);
/* The same below an address. */
err_t memory_alloc_below(u64 limit, u64 len, u64 align, enum boot_mem_type type, void **out);
/* What memory_alloc gave. */
void memory_free(void *block);
void memory_free_all(void);

/* The current map as info->mem, without the loader's own blocks marked.
 * Refuses (and says so) a map that contradicts itself. */
err_t memory_map(struct boot_info *info);

/* The current map as info->mem for a hypervisor that leaves the firmware alone: the loader's blocks
 * marked, and of BOOT_MEM_USABLE only [base, base + len), a block of the loader's.  Refuses
 * likewise. */
err_t memory_map_confined(struct boot_info *info, u64 base, u64 len);

/* Ends boot services and fills info->mem, the loader's blocks marked.  On an error it says so, and
 * the firmware can be returned to only if fw.boot is not NULL. */
err_t memory_exit_boot_services(struct boot_info *info);
