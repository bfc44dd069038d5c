/* Files of the volume that the application was loaded from. */
#pragma once
#include "boot_info.h"
#include "lib/types.h"

/* Refuses (and says so) if there is no such volume. */
err_t file_volume_open(void);
void file_volume_close(void);

/* `path` as in lintel.conf: below \lintel\; / and \ both separate.  Each function says which file
 * it is about and what to do when it fails. */

/* Bytes; at least 1 and at most `max`. */
err_t file_size(const char *path, u64 max, u64 *size);
/* Reads the whole file into a block from memory_alloc of this type; its last page is filled up with
 * zeroes.  Large files show their progress. */
err_t file_load(const char *path, u64 max, enum boot_mem_type type, void **data, u64 *size);
/* Writes a new file and reads it again.  E_EXIST, without a word: there is one of this name.  All
 * other failures are said with their reason, and leave no file. */
err_t file_save_new(const char *path, const void *data, u64 size);
