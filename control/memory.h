/* The control partition's memory: pages of its RAM, and windows onto what lies outside of it. */
#pragma once
#include "control/lasting.h"

void memory_init(void);
/* Zeroed pages in a row, whose address is the physical one, too; NULL: none left. */
void *memory_pages(u32 count);
/* Bytes that are not given out, in pieces or not. */
u64 memory_free(void);
void memory_pages_free(void *first, u32 count);
/* The last part of its RAM, which a crash leaves as it is: zeros in the first life. */
#define MEMORY_KEPT (MiB - sizeof(struct lasting))
void *memory_kept(void);

/* ---- pages that outlive a crash (control/lasting.h) ---- */

/* Pages of memory_pages() last from now on, until they are freed. */
err_t memory_lasts(const char *name, const void *first, u32 count, u32 word);
/* What an earlier life has left under that name; NULL: nothing. */
const struct lasting_entry *memory_lasting(const char *name);
/* What it has left and nobody has asked for; NULL: nothing. */
const struct lasting_entry *memory_left(void);

/* Guest-physical addresses outside of its RAM -- granted memory, a device's -- at the same virtual
 * address, read and write, for ever.  Whole pages.  E_NOMEM: no page for a table. */
err_t memory_window(u64 first, u64 bytes, bool device);
