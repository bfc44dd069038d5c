/* The hypervisor's physical memory: one pmm for the machine, pages for whoever asks. */
#pragma once
#include "boot_info.h"
#include "lib/types.h"
#include "vmm/pmm.h"

/* Sets the frames' owners from the loader's memory map. Panics without usable memory. */
void hostmem_init(const struct boot_info *info);
/* For counts, and for the owners of frames that cannot change meanwhile: the caller's own. */
const struct pmm *hostmem(void);

/* pmm_alloc() and pmm_free(), from any CPU. */
err_t hostmem_alloc(u64 len, u64 align, u16 owner, hpa_t *out);
err_t hostmem_free(hpa_t base, u64 len, u16 owner);
/* Lintel's for ever: `len` bytes (multiple of 4096) below 1 MiB, contiguous, not zeroed; for the
 * boot CPU before the others run, once.  E_NOMEM: the firmware left none free. */
err_t hostmem_take_low(u64 len, hpa_t *out);

/* `len`: bytes, a multiple of 8. */
void hostmem_zero(void *first, u64 len);

/* One zeroed page of the hypervisor's own; NULL: none left. */
void *hostmem_page(void);
void hostmem_page_free(void *page);
/* The same for whole pages in a row: enough for `bytes`. */
void *hostmem_pages(u64 bytes);
void hostmem_pages_free(void *first, u64 bytes);
