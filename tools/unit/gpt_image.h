/* A disk with a GPT, in memory: made right, to be damaged by the test. */
#pragma once
#include "control/disk/crc32.h"
#include "control/disk/gpt.h"
#include <string.h>

#define IMAGE_SECTORS 512u
#define IMAGE_ENTRIES 4u
#define IMAGE_TABLE   (IMAGE_ENTRIES * 128u / 512u) /* sectors */

struct image {
    u8 at[IMAGE_SECTORS][512];
    u32 reads_left; /* then they fail */
};

static inline void image_put(u8 *at, u64 value, u32 bytes)
{
    for (u32 i = 0; i < bytes; i++)
        at[i] = (u8)(value >> 8 * i);
}

static inline err_t image_read(void *context, u64 sector, void *to)
{
    struct image *const m = context;

    if (sector >= IMAGE_SECTORS || m->reads_left == 0)
        return E_IO;
    m->reads_left--;
    memcpy(to, m->at[sector], 512);
    return OK;
}

/* The place of the n-th entry of the first or the last table. */
static inline u8 *image_entry(struct image *m, bool backup, u32 n)
{
    const u32 table = backup ? IMAGE_SECTORS - 1 - IMAGE_TABLE : 2;

    return m->at[table] + (size_t)n * 128;
}

/* Makes the CRCs of a header right. */
static inline void image_sign(struct image *m, bool backup)
{
    u8 *const h = m->at[backup ? IMAGE_SECTORS - 1 : 1];

    image_put(h + 88, ~crc32_add(CRC32_BEGIN, image_entry(m, backup, 0), IMAGE_ENTRIES * 128), 4);
    image_put(h + 16, 0, 4);
    image_put(h + 16, ~crc32_add(CRC32_BEGIN, h, 92), 4);
}

static inline void image_partition(struct image *m, u32 n, u64 first, u64 last, const char *name)
{
    for (u32 backup = 0; backup < 2; backup++) {
        u8 *const e = image_entry(m, backup, n);

        memset(e, 0, 128);
        memset(e, 0x11, 16);
        memset(e + 16, (int)n + 1, 16);
        image_put(e + 32, first, 8);
        image_put(e + 40, last, 8);
        for (u32 i = 0; name[i]; i++)
            e[56 + 2 * i] = (u8)name[i];
        image_sign(m, backup);
    }
}

static inline void image_init(struct image *m)
{
    memset(m, 0, sizeof(*m));
    m->reads_left = UINT32_MAX;
    m->at[0][446 + 4] = 0xee;
    image_put(m->at[0] + 446 + 8, 1, 4);
    image_put(m->at[0] + 446 + 12, IMAGE_SECTORS - 1, 4);
    image_put(m->at[0] + 510, 0xaa55, 2);
    for (u32 backup = 0; backup < 2; backup++) {
        u8 *const h = m->at[backup ? IMAGE_SECTORS - 1 : 1];

        memcpy(h, "EFI PART", 8);
        image_put(h + 8, 0x10000, 4);
        image_put(h + 12, 92, 4);
        image_put(h + 24, backup ? IMAGE_SECTORS - 1 : 1, 8);
        image_put(h + 32, backup ? 1 : IMAGE_SECTORS - 1, 8);
        image_put(h + 40, 2 + IMAGE_TABLE, 8);
        image_put(h + 48, IMAGE_SECTORS - 2 - IMAGE_TABLE, 8);
        memset(h + 56, 0x22, 16);
        image_put(h + 72, backup ? IMAGE_SECTORS - 1 - IMAGE_TABLE : 2, 8);
        image_put(h + 80, IMAGE_ENTRIES, 4);
        image_put(h + 84, 128, 4);
        image_sign(m, backup);
    }
}

static inline struct sectors image_sectors(struct image *m)
{
    return (struct sectors){image_read, m, IMAGE_SECTORS, 512};
}
