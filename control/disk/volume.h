/* Which part of a disk is the FAT volume that has a certain file: the one that a machine was
 * started from, for one.  Pure. */
#pragma once
#include "drivers/io/disk.h"

/* The disk itself is looked at, then its GPT partitions; the first that has the file counts.
 * *partition: its number; 0: the disk is the volume.  E_NOENT: none has it; also if it cannot be
 * read.  Each read waits for the disk.  `buffer`: as of disk_sectors(). */
err_t volume_find(struct disk *disk, const struct io_segment *buffer, const char *path,
                  u32 *partition);
