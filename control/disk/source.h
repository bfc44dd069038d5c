/* What a guest's disk is made of: a partition of a disk, or a file of a volume, as extents of the
 * disk below.  Both may be stacked: a file of the volume in a partition.  Pure. */
#pragma once
#include "control/disk/fat.h"
#include "control/disk/gpt.h"

/* A partition by its number or name.  `extent`: one, kept by the caller as long as the disk is
 * used. E_NOENT: there is none; E_RANGE: the table was another disk's. */
err_t source_partition(struct extents_disk *e, struct extent *extent, struct disk *whole,
                       const struct gpt *g, const char *which);

/* A file by its path.  `volume`: the disk that `f` was opened on.  `extent`: `most` of them, kept
 * as long as the disk is used.  *bytes: how long the file is; its last sector may have more.
 * Errors: fat_find()'s and fat_extents()'s. */
err_t source_file(struct extents_disk *e, struct extent *extent, u32 most, struct disk *volume,
                  struct fat *f, const char *path, u64 *bytes);
