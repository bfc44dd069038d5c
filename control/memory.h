/* The control partition's memory: pages of its RAM, and windows onto what lies outside of it. */
#pragma once
#include "lib/types.h"

void memory_init(void);
/* Zeroed pages in a row, whose address is the physical one, too; NULL: none left. */
void *memory_pages(u32 count);
/* Bytes that are not given out, in pieces or not. */
u64 memory_free(void);
void memory_pages_free(void *first, u32 count);
/* The last MEMORY_KEPT bytes of its RAM, which a crash leaves as they are: zeros in the first life. */
#define MEMORY_KEPT (MiB)
void *memory_kept(void);
/* Guest-physical addresses outside of its RAM -- granted memory, a device's -- at the same virtual
 * address, read and write, for ever.  Whole pages.  E_NOMEM: no page for a table. */
err_t memory_window(u64 first, u64 bytes, bool device);
