/* From what a guest's disk is to be made of (backing_text.h) to a disk: the stack of a machine's
 * disk, a partition, a file; or memory.  Opening reads tables with synchronous waits, each as long
 * as the driver lets its device take. */
#pragma once
#include "control/disk/backing_text.h"
#include "control/disk/extents.h"
#include "control/disk/memory.h"

#define BACKING_EXTENTS 512u /* pieces of a file */

/* Owner: the caller, who does not move it.  Zeroed before it is opened, but for `room`, if the
 * content of a disk in memory is there already. */
struct backing_source {
    struct disk *top;   /* what is asked for */
    struct disk *whole; /* the machine's; NULL: memory */
    struct extents_disk part, file;
    struct extent part_at, file_at[BACKING_EXTENTS];
    u64 bytes; /* of a file: its last sector may have more */
    struct memory_disk memory;
    struct io_dma room; /* of memory */
};

/* `disk`: the machine's, polled by nobody else meanwhile; NULL: there is none of that name, or it
 * is memory that is wanted.  OK: `why` is empty, or says why it is read-only though the text does
 * not ask for it.  Else it says what is wrong and what would do, and nothing is left to be closed:
 * E_NOENT: there is no such disk, medium, partition or file; E_NOMEM; E_INVAL and E_NOTSUP: tables
 * or volume; E_IO. */
err_t backing_source_open(struct backing_source *s, const struct backing_text *t, struct disk *disk,
                          struct io_env *env, char *why, size_t why_size);

/* Nothing is in the disk any more. */
void backing_source_close(struct backing_source *s);

/* Where it lies on `whole`: the n-th piece; without sectors: there is no further one. */
struct extent backing_extent(const struct backing_source *s, u32 n);
