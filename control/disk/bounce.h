/* A disk that takes memory that the disk below does not reach, or wants to be aligned otherwise:
 * what guests give.  Such requests go through buffers, several at a time; all others as they are.
 * Reset and stop wait for what is in it, as the time-outs of the driver below bound it, and leave
 * the device to its owner.  Pure. */
#pragma once
#include "drivers/io/disk.h"

#define BOUNCE_BUFFERS  4u
#define BOUNCE_REQUESTS 64u

struct bounce_job {
    struct disk_request below;
    struct disk_request *whole;
    struct bounce_job *next;
    struct io_segment buffer; /* its part of a buffer; without length: none */
    u32 number;               /* of the buffer */
};

struct bounce_disk {
    struct disk disk;
    struct disk *below;
    struct io_segment buffers; /* BOUNCE_BUFFERS of them */
    u32 each;                  /* bytes of one */
    u32 used;                  /* buffers, a bit for each */
    u32 busy;                  /* jobs */
    struct bounce_job *free;
    struct bounce_job job[BOUNCE_REQUESTS];
};

/* `buffers`: memory that the disk below reaches, aligned as it wants it; the caller's.  E_INVAL:
 * less than a sector for each buffer. */
err_t bounce_disk_open(struct bounce_disk *b, struct disk *below, const struct io_segment *buffers);
