/* What the files of the FAT reader share.  Pure. */
#pragma once
#include "control/disk/fat.h"

enum fat_cached { FAT_TABLE, FAT_TABLE_2, FAT_FOLDER };

/* A sector of the volume, valid until the next one for the same purpose.  E_RANGE: outside of it.
 */
err_t fat_sector(struct fat *f, enum fat_cached purpose, u64 sector, const u8 **data);

static inline bool fat_is_cluster(const struct fat *f, u32 cluster)
{
    return cluster >= 2 && cluster - 2 < f->clusters;
}

static inline u64 fat_first_sector(const struct fat *f, u32 cluster)
{
    return f->data_first + (u64)(cluster - 2) * f->cluster_sectors;
}

/* The cluster behind one in its chain.  E_NOENT: it is the last; E_INVAL: what is there is none. */
err_t fat_follow(struct fat *f, u32 cluster, u32 *next);
