/* A disk that consists of extents of another one: a part of a whole disk, a partition, a file that
 * lies on a volume.  Several may lie on the same disk.
 *
 * Reset and stop wait for what is in the disk, as long as the driver below takes (its time-outs
 * bound it), and leave the device to its owner.  Pure. */
#pragma once
#include "drivers/io/disk.h"

#define EXTENTS_REQUESTS 64u
#define EXTENTS_SEGMENTS 64u

struct extent {
    u64 sector; /* of the disk below */
    u64 sectors;
};

/* A request that is being worked on, extent by extent. */
struct extents_job {
    struct disk_request part;
    struct disk_request *whole;
    u32 sectors_done; /* of `whole`, without those of `part` */
    struct extents_job *next;
    struct io_segment segment[EXTENTS_SEGMENTS];
};

struct extents_disk {
    struct disk disk;
    struct disk *below;
    const struct extent *extent;
    u32 extents;
    u32 busy; /* jobs */
    struct extents_job *free;
    struct extents_job *refused, **refused_end; /* the disk below was full: to be tried again */
    struct extents_job job[EXTENTS_REQUESTS];
};

/* `extent` stays the caller's and unchanged.  E_INVAL: none, or an empty one; E_RANGE: one is not
 * within the disk below.  `read_only`: even if the disk below is not. */
err_t extents_disk_open(struct extents_disk *e, struct disk *below, const char *name,
                        const struct extent *extent, u32 extents, bool read_only);
