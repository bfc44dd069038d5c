/* The hypervisor's physical memory: one pmm for the machine, pages for whoever asks. */
#pragma once
#include "boot_info.h"
#include "lib/types.h"
#include "vmm/pmm.h"

/* Sets the frames' owners from the loader's memory map. Panics without usable memory. */
void hostmem_init(const struct boot_info *info);
struct pmm *hostmem(void);

/* One zeroed page of the hypervisor's own; NULL: none left. */
void *hostmem_page(void);
void hostmem_page_free(void *page);
/* The same for whole pages in a row: enough for `bytes`. */
void *hostmem_pages(u64 bytes);
void hostmem_pages_free(void *first, u64 bytes);
