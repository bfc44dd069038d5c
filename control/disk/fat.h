/* Files on a FAT volume: FAT12, FAT16, FAT32, long names.  Microsoft, "FAT: General Overview of
 * On-Disk Format".  Nothing of the volume's own structures is written, so a file neither grows nor
 * shrinks; its content is a list of extents (control/disk/extents.h), which can be written in
 * place.  Whatever is odd makes the file read-only.  Every loop is bounded by what the volume can
 * hold.  Pure. */
#pragma once
#include "control/disk/extents.h"
#include "control/disk/sectors.h"

#define FAT_NAME 256u /* with the terminator */

enum fat_kind { FAT12, FAT16, FAT32 };

struct fat {
    const struct sectors *sectors;
    enum fat_kind kind;
    u32 cluster_sectors;
    u32 clusters; /* numbers 2 to clusters + 1 */
    u32 copies;   /* of the FAT */
    u32 fat_sectors;
    u64 fat_first, data_first; /* sectors */
    u64 root_first;            /* FAT12, FAT16 */
    u32 root_sectors;
    u32 root_cluster; /* FAT32 */
    bool doubt;       /* the copies of the FAT are not kept equal */

    /* The sectors that were read last: one of each copy of the FAT, one of a directory. */
    struct {
        u64 sector; /* UINT64_MAX: none */
        u8 data[SECTOR_MAX];
    } cached[3];
};

struct fat_entry {
    char name[FAT_NAME]; /* the long one if there is one; what is not ASCII is '?' */
    char short_name[13]; /* "NAME.EXT" */
    bool folder, read_only;
    u32 cluster; /* the first one; 0: none */
    u32 size;    /* bytes */
};

/* A place in a folder. */
struct fat_folder {
    u32 cluster; /* 0: the root of FAT12 or FAT16 */
    u32 sector;  /* in the cluster or the root */
    u32 entry;   /* in the sector */
    u32 seen;    /* entries: a folder has at most 65,536 */
    bool end;
};

/* E_INVAL: no FAT volume, or a damaged one; E_NOTSUP: sectors of another size than the disk's.  `s`
 * stays as long as the volume is used. */
err_t fat_open(struct fat *f, const struct sectors *s);

/* Every file or folder in a folder.  E_NOENT: there is no further one; E_INVAL: the volume is
 * damaged. */
void fat_root(const struct fat *f, struct fat_folder *folder);
err_t fat_enter(const struct fat *f, const struct fat_entry *e, struct fat_folder *folder);
err_t fat_next(struct fat *f, struct fat_folder *folder, struct fat_entry *e);

/* The file or folder of a path like "lintel\disk.img", from the root; '/' does, too.  Letters of
 * either case are the same.  E_NOENT: there is none; E_INVAL: also an empty path, "." or "..". */
err_t fat_find(struct fat *f, const char *path, struct fat_entry *e);

struct fat_file {
    u32 extents;
    u64 size;       /* bytes: the file's; the extents end with the sector that has the last one */
    bool read_only; /* the entry says so, or there is a doubt about the volume */
};

/* Where a file lies.  E_INVAL: empty, a folder, or its chain of clusters is damaged; E_NOTSUP: in
 * more than `most` pieces: a copy of the file has fewer. */
err_t fat_extents(struct fat *f, const struct fat_entry *e, struct extent *extent, u32 most,
                  struct fat_file *file);
