/* A FAT volume of each kind, in memory: made right, to be damaged by the test.  Of the volume only
 * the sectors that are used exist; the others read as zeros.  In the root: a volume label, a
 * deleted file, "Disk image.raw" (5 clusters in two pieces), the folder SUB with A.TXT. */
#pragma once
#include "control/disk/fat.h"
#include <string.h>

#define VOLUME_TABLE 2u  /* sectors of each copy that exist */
#define VOLUME_DATA  32u /* sectors of the data */

struct volume {
    enum fat_kind kind;
    u32 reserved, table_sectors, root_sectors, clusters;
    u8 boot[512];
    u8 table[2][VOLUME_TABLE * 512];
    u8 root[4 * 512]; /* FAT12, FAT16 */
    u8 data[VOLUME_DATA * 512];
    u32 reads;
};

static inline void volume_put(u8 *at, u32 value, u32 bytes)
{
    for (u32 i = 0; i < bytes; i++)
        at[i] = (u8)(value >> 8 * i);
}

/* Where a sector's content is; NULL: nowhere. */
static inline u8 *volume_at(struct volume *v, u64 sector)
{
    const u64 root = v->reserved + 2 * v->table_sectors, data = root + v->root_sectors;

    if (sector == 0)
        return v->boot;
    for (u32 copy = 0; copy < 2; copy++) {
        const u64 first = v->reserved + copy * v->table_sectors;

        if (sector >= first && sector - first < VOLUME_TABLE)
            return v->table[copy] + (sector - first) * 512;
    }
    if (sector >= root && sector < data)
        return v->root + (sector - root) * 512;
    return sector >= data && sector - data < VOLUME_DATA ? v->data + (sector - data) * 512 : NULL;
}

static inline err_t volume_read(void *context, u64 sector, void *to)
{
    struct volume *const v = context;
    const u8 *const at = volume_at(v, sector);

    v->reads++;
    if (at)
        memcpy(to, at, 512);
    else
        memset(to, 0, 512);
    return OK;
}

static inline void volume_link(struct volume *v, u32 copy, u32 cluster, u32 value)
{
    u8 *const t = v->table[copy];

    if (v->kind == FAT16)
        volume_put(t + cluster * 2, value, 2);
    else if (v->kind == FAT32)
        volume_put(t + cluster * 4, value, 4);
    else if (cluster & 1) {
        t[cluster * 3 / 2] = (u8)((t[cluster * 3 / 2] & 0x0f) | value << 4);
        t[cluster * 3 / 2 + 1] = (u8)(value >> 4);
    } else {
        t[cluster * 3 / 2] = (u8)value;
        t[cluster * 3 / 2 + 1] = (u8)((t[cluster * 3 / 2 + 1] & 0xf0) | (value >> 8 & 0x0f));
    }
}

/* Chains clusters; the list ends with 0. */
static inline void volume_chain(struct volume *v, const u32 *clusters)
{
    for (u32 copy = 0; copy < 2; copy++)
        for (u32 i = 0; clusters[i]; i++)
            volume_link(v, copy, clusters[i], clusters[i + 1] ? clusters[i + 1] : 0x0fffffff);
}

static inline void volume_entry(u8 *at, const char *name, u8 attributes, u32 cluster, u32 size)
{
    memset(at, 0, 32);
    memcpy(at, name, 11);
    at[11] = attributes;
    volume_put(at + 20, cluster >> 16, 2);
    volume_put(at + 26, cluster, 2);
    volume_put(at + 28, size, 4);
}

static inline void volume_long(u8 *at, const char *name, u8 number, bool last, u8 sum)
{
    static const u8 places[13] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
    const char *const part = name + 13 * (number - 1);
    bool over = false;

    memset(at, 0, 32);
    at[0] = (u8)(number | (last ? 0x40 : 0));
    at[11] = 0x0f;
    at[13] = sum;
    for (u32 i = 0; i < 13; i++) {
        volume_put(at + places[i], over ? 0xffff : (u8)part[i], 2);
        over = over || part[i] == '\0';
    }
}

static inline u8 volume_sum(const char *name)
{
    u8 sum = 0;

    for (u32 i = 0; i < 11; i++)
        sum = (u8)((sum << 7 | sum >> 1) + (u8)name[i]);
    return sum;
}

static inline struct sectors volume_sectors(struct volume *v)
{
    return (struct sectors){
        volume_read, v, v->reserved + 2ull * v->table_sectors + v->root_sectors + v->clusters, 512};
}

static inline void volume_boot(struct volume *v)
{
    u8 *const b = v->boot;
    const u32 total = (u32)volume_sectors(v).count;

    volume_put(b + 11, 512, 2);
    b[13] = 1;
    volume_put(b + 14, v->reserved, 2);
    b[16] = 2;
    volume_put(b + 17, v->root_sectors * 16, 2);
    volume_put(b + 32, total, 4);
    if (v->kind == FAT32) {
        volume_put(b + 36, v->table_sectors, 4);
        volume_put(b + 44, 2, 4);
    } else
        volume_put(b + 22, v->table_sectors, 2);
    volume_put(b + 510, 0xaa55, 2);
}

/* The folder that is the root. */
static inline u8 *volume_root(struct volume *v)
{
    return v->kind == FAT32 ? v->data : v->root;
}

static inline void volume_init(struct volume *v, enum fat_kind kind)
{
    static const u32 clusters[] = {[FAT12] = 2000, [FAT16] = 5000, [FAT32] = 70000};
    static const u32 table[] = {[FAT12] = 6, [FAT16] = 20, [FAT32] = 548};
    u8 *root;

    *v = (struct volume){.kind = kind,
                         .reserved = kind == FAT32 ? 32 : 1,
                         .table_sectors = table[kind],
                         .root_sectors = kind == FAT32 ? 0 : 4,
                         .clusters = clusters[kind]};
    volume_boot(v);
    volume_chain(v, (const u32[]){2, 0});
    volume_chain(v, (const u32[]){5, 6, 7, 20, 21, 0});
    volume_chain(v, (const u32[]){10, 0});
    volume_chain(v, (const u32[]){11, 12, 13, 0});
    root = volume_root(v);
    volume_entry(root, "LINTEL     ", 0x08, 0, 0);
    volume_entry(root + 32, "\xe5OLD    TXT", 0, 9, 100);
    volume_long(root + 64, "Disk image.raw", 2, true, volume_sum("DISKIM~1RAW"));
    volume_long(root + 96, "Disk image.raw", 1, false, volume_sum("DISKIM~1RAW"));
    volume_entry(root + 128, "DISKIM~1RAW", 0x20, 5, 5 * 512 - 100);
    volume_entry(root + 160, "SUB        ", 0x10, 10, 0);
    volume_entry(v->data + (10 - 2) * 512, ".          ", 0x10, 10, 0);
    volume_entry(v->data + (10 - 2) * 512 + 32, "..         ", 0x10, 0, 0);
    volume_entry(v->data + (10 - 2) * 512 + 64, "A       TXT", 0x01, 11, 513);
}
