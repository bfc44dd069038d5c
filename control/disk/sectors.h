/* Sectors of a disk, to be read by what interprets them (gpt.h, fat.h).  Every byte of them is
 * hostile. Pure. */
#pragma once
#include "drivers/io/disk.h"

#define SECTOR_MAX 4096u /* bytes */

struct sectors {
    /* One sector, into memory of sector_size bytes. */
    err_t (*read)(void *context, u64 sector, void *to);
    void *context;
    u64 count;
    u32 sector_size; /* a power of two, 512 to SECTOR_MAX */
};

/* A command costs a disk more than its bytes do. */
#define SECTORS_WINDOWS 4u
#define SECTORS_ROOM    (32 * KiB) /* for the buffer */

/* The sectors of a disk; each read waits for the disk, as long as the driver lets its device take.
 * What is read comes with some of the sectors behind it, into one of a few windows: tables lie in
 * rows, and several are gone through at a time.  So it lives no longer than one look at the disk.
 */
struct disk_sectors {
    struct disk *disk;
    struct io_segment buffer; /* which the disk can reach: the windows, one after the other */
    u32 windows, most;        /* sectors of one */
    u32 reads;                /* so far */
    struct sectors_window {
        u64 first;
        u32 count; /* sectors; 0: nothing is there */
        u32 used;  /* the read that used it last */
    } window[SECTORS_WINDOWS];
};

/* `buffer`: at least sector_size bytes, best SECTORS_ROOM.  E_INVAL: it is too small, or the disk
 * takes no request of a sector.  Reads give disk_submit()'s errors, or E_IO. */
err_t disk_sectors(struct disk_sectors *d, struct disk *disk, const struct io_segment *buffer,
                   struct sectors *s);

/* Numbers as they lie on disks: little-endian, not aligned. */
static inline u16 get16(const u8 *at)
{
    return (u16)(at[0] | at[1] << 8);
}

static inline u32 get32(const u8 *at)
{
    return get16(at) | (u32)get16(at + 2) << 16;
}

static inline u64 get64(const u8 *at)
{
    return get32(at) | (u64)get32(at + 4) << 32;
}
