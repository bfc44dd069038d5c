/* The volume and its table; see fat.h.  Pure. */
#include "control/disk/fat.h"
#include "control/disk/fat_parts.h"
#include "lib/mem.h"

#define FAT12_CLUSTERS_MAX 4084u /* "FAT Type Determination": these two numbers and no others */
#define FAT16_CLUSTERS_MAX 65524u
#define FAT32_CLUSTERS_MAX 0x0ffffff5u
#define FOLDER_ENTRY       32u
#define NOT_MIRRORED       0x80u /* of BPB_ExtFlags */

err_t fat_sector(struct fat *f, enum fat_cached purpose, u64 sector, const u8 **data)
{
    if (sector >= f->sectors->count)
        return E_RANGE;
    if (f->cached[purpose].sector != sector) {
        f->cached[purpose].sector = UINT64_MAX;
        TRY(f->sectors->read(f->sectors->context, sector, f->cached[purpose].data));
        f->cached[purpose].sector = sector;
    }
    *data = f->cached[purpose].data;
    return OK;
}

/* ------------------------------------------------------------ the BIOS parameter block */

static bool is_power_of_two(u32 n)
{
    return n && !(n & (n - 1));
}

static void take_kind(struct fat *f)
{
    f->kind = f->clusters <= FAT12_CLUSTERS_MAX   ? FAT12
              : f->clusters <= FAT16_CLUSTERS_MAX ? FAT16
                                                  : FAT32;
}

/* FAT32 has a root that is a chain, and flags about the copies of its table. */
static err_t take_fat32(struct fat *f, const u8 *b)
{
    const u16 flags = get16(b + 40);

    f->root_cluster = get32(b + 44);
    if (get16(b + 22) != 0 || f->root_sectors != 0 || get16(b + 42) != 0 ||
        !fat_is_cluster(f, f->root_cluster))
        return E_INVAL;
    if (flags & NOT_MIRRORED) {
        const u32 active = flags & 15;

        if (active >= f->copies)
            return E_INVAL;
        f->fat_first += (u64)active * f->fat_sectors;
        f->copies = 1;
        f->doubt = true;
    }
    return OK;
}

/* Bytes that the entries of all clusters take. */
static u64 table_bytes(const struct fat *f)
{
    const u64 entries = (u64)f->clusters + 2;

    switch (f->kind) {
    case FAT12: return (entries * 3 + 1) / 2;
    case FAT16: return entries * 2;
    default: return entries * 4;
    }
}

static err_t take_layout(struct fat *f, const u8 *b)
{
    const u32 size = f->sectors->sector_size;
    const u32 reserved = get16(b + 14), root_entries = get16(b + 17);
    const u64 total = get16(b + 19) ? get16(b + 19) : get32(b + 32);

    f->cluster_sectors = b[13];
    f->copies = b[16];
    f->fat_sectors = get16(b + 22) ? get16(b + 22) : get32(b + 36);
    if (!is_power_of_two(f->cluster_sectors) || reserved == 0 || f->copies == 0 || f->copies > 2 ||
        f->fat_sectors == 0 || total > f->sectors->count)
        return E_INVAL;
    f->fat_first = reserved;
    f->root_first = reserved + (u64)f->copies * f->fat_sectors;
    f->root_sectors = (root_entries * FOLDER_ENTRY + size - 1) / size;
    f->data_first = f->root_first + f->root_sectors;
    if (f->data_first >= total)
        return E_INVAL;

    const u64 clusters = (total - f->data_first) / f->cluster_sectors;

    if (clusters == 0 || clusters > FAT32_CLUSTERS_MAX)
        return E_INVAL;
    f->clusters = (u32)clusters;
    take_kind(f);
    if (table_bytes(f) > (u64)f->fat_sectors * size)
        return E_INVAL;
    if (f->kind == FAT32)
        return take_fat32(f, b);
    return root_entries ? OK : E_INVAL;
}

err_t fat_open(struct fat *f, const struct sectors *s)
{
    const u8 *b;

    memset(f, 0, sizeof(*f));
    f->sectors = s;
    for (u32 i = 0; i < ARRAY_LEN(f->cached); i++)
        f->cached[i].sector = UINT64_MAX;
    TRY(fat_sector(f, FAT_FOLDER, 0, &b));
    if (b[510] != 0x55 || b[511] != 0xaa || !is_power_of_two(get16(b + 11)))
        return E_INVAL;
    if (get16(b + 11) != s->sector_size)
        return E_NOTSUP;
    return take_layout(f, b);
}

/* ------------------------------------------------------------ the table */

static err_t table_byte(struct fat *f, u32 copy, u64 offset, u8 *byte)
{
    const u32 size = f->sectors->sector_size;
    const u8 *data;

    TRY(fat_sector(f, copy ? FAT_TABLE_2 : FAT_TABLE,
                   f->fat_first + (u64)copy * f->fat_sectors + offset / size, &data));
    *byte = data[offset % size];
    return OK;
}

static err_t table_entry(struct fat *f, u32 copy, u32 cluster, u32 *value)
{
    const u64 offset = f->kind == FAT12   ? cluster + cluster / 2
                       : f->kind == FAT16 ? (u64)cluster * 2
                                          : (u64)cluster * 4;
    const u32 bytes = f->kind == FAT32 ? 4 : 2;
    u8 byte[4] = {0};

    for (u32 i = 0; i < bytes; i++)
        TRY(table_byte(f, copy, offset + i, &byte[i]));
    *value = get32(byte);
    if (f->kind == FAT12)
        *value = cluster & 1 ? *value >> 4 : *value & 0xfff;
    if (f->kind == FAT32)
        *value &= 0x0fffffff;
    return OK;
}

err_t fat_follow(struct fat *f, u32 cluster, u32 *next)
{
    static const u32 last[] = {[FAT12] = 0xff8, [FAT16] = 0xfff8, [FAT32] = 0x0ffffff8};
    u32 other;

    TRY(table_entry(f, 0, cluster, next));
    if (f->copies == 2) {
        TRY(table_entry(f, 1, cluster, &other));
        f->doubt |= other != *next;
    }
    if (*next >= last[f->kind])
        return E_NOENT;
    return fat_is_cluster(f, *next) ? OK : E_INVAL;
}

/* ------------------------------------------------------------ a file's place */

/* Puts a cluster behind the extents.  E_NOTSUP: there is no room. */
static err_t add_cluster(const struct fat *f, u32 cluster, struct extent *extent, u32 most,
                         u32 *extents)
{
    const u64 first = fat_first_sector(f, cluster);

    if (*extents) {
        struct extent *const last = &extent[*extents - 1];

        if (last->sector + last->sectors == first) {
            last->sectors += f->cluster_sectors;
            return OK;
        }
    }
    if (*extents == most)
        return E_NOTSUP;
    extent[(*extents)++] = (struct extent){first, f->cluster_sectors};
    return OK;
}

/* A cluster that is in the chain twice begins an extent that overlaps an earlier one. */
static bool overlap(const struct extent *extent, u32 extents)
{
    for (u32 i = 0; i < extents; i++)
        for (u32 k = 0; k < i; k++)
            if (extent[i].sector < extent[k].sector + extent[k].sectors &&
                extent[k].sector < extent[i].sector + extent[i].sectors)
                return true;
    return false;
}

err_t fat_extents(struct fat *f, const struct fat_entry *e, struct extent *extent, u32 most,
                  struct fat_file *file)
{
    const u64 bytes = (u64)f->cluster_sectors * f->sectors->sector_size;
    u64 left = (e->size + bytes - 1) / bytes; /* clusters: what bounds the loop */
    u32 cluster = e->cluster;
    err_t err = OK;

    *file = (struct fat_file){.size = e->size};
    if (e->folder || left == 0 || left > f->clusters || !fat_is_cluster(f, cluster))
        return E_INVAL;
    for (;;) {
        TRY(add_cluster(f, cluster, extent, most, &file->extents));
        err = fat_follow(f, cluster, &cluster);
        if (--left == 0)
            break;
        if (err != OK)
            return err == E_NOENT ? E_INVAL : err;
    }
    if (err != OK && err != E_NOENT) /* clusters behind the file's end are fine, rubbish is not */
        return err;
    if (overlap(extent, file->extents))
        return E_INVAL;
    extent[file->extents - 1].sectors -=
        (bytes - e->size % bytes) % bytes / f->sectors->sector_size;
    file->read_only = e->read_only || f->doubt;
    return OK;
}
