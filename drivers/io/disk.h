/* The small interface of a disk.  Drivers fill in a struct disk; back ends and tests use the
 * functions here.  The rules of env.h hold.
 *
 * A request that disk_submit() accepted is done exactly once, by a call of its done() out of
 * disk_poll(), disk_reset(), disk_stop() or the interrupt handler, never out of disk_submit().
 * After that the device does not touch the request's memory any more: where a device does
 * not answer in time, the driver resets it first, and all requests in it fail.  done() may submit
 * again, to the same disk, too; it may not poll, reset or stop. */
#pragma once
#include "drivers/io/env.h"

enum disk_op {
    DISK_READ,
    DISK_WRITE,
    DISK_FLUSH,        /* all writes that were done before it was submitted are on the medium */
    DISK_DISCARD,      /* the sectors' content is no longer needed */
    DISK_WRITE_ZEROES, /* the sectors read as zeros */
    DISK_OPS,
};

/* Flags of a request. */
#define DISK_MAY_UNMAP BIT32(0) /* of DISK_WRITE_ZEROES: the space may be given back */

struct disk_request {
    /* The submitter's; unchanged until it is done.  */
    enum disk_op op;
    u32 flags;
    u32 queue;  /* below disk->queues */
    u64 sector; /* in units of disk->sector_size; of a flush: 0 */
    u32 sectors;
    u32 segments; /* 0 but for read and write; their lengths add up to that of the sectors */
    const struct io_segment *segment;
    void (*done)(struct disk_request *r, enum io_result result);
    void *context;

    /* The driver's, while it has the request. */
    struct disk_request *next;
    u64 deadline; /* microseconds of io_now() */
    u32 slot;
    enum io_result result;
};

/* What a disk can do. */
#define DISK_CAN_FLUSH        BIT32(0) /* it has a volatile cache, and flushes it; else there is none */
#define DISK_CAN_DISCARD      BIT32(1)
#define DISK_CAN_WRITE_ZEROES BIT32(2)
#define DISK_IS_READ_ONLY     BIT32(3)
#define DISK_IS_REMOVABLE     BIT32(4)
#define DISK_HAS_NO_MEDIUM    BIT32(5)

/* What happened to a disk, beside its requests. */
enum disk_event {
    DISK_CHANGED, /* capacity, medium or read-only: look at struct disk anew */
    DISK_LOST,    /* given up or removed: every further request is refused with E_IO */
};

struct disk;

struct disk_ops {
    /* The request has passed disk_check().  E_NOMEM: the queue is full, try again after one is
     * done. */
    err_t (*submit)(struct disk *d, struct disk_request *r);
    void (*kick)(struct disk *d, u32 queue);
    u64 (*poll)(struct disk *d);
    void (*interrupts)(struct disk *d, bool on);
    err_t (*reset)(struct disk *d);
    void (*stop)(struct disk *d);
};

struct disk {
    const struct disk_ops *ops;
    struct io_env *env;
    char name[24]; /* for logs: driver and place */
    char id[48];   /* the device's serial number or empty; text */

    u64 sectors;
    u32 sector_size;     /* bytes: a power of two from 512 to 4096 */
    u32 physical_sector; /* bytes: what a write that is not slow is a multiple of */
    u32 flags;
    u32 queues;
    u32 depth; /* requests that one queue surely takes at once */

    /* Limits of one request. */
    u32 segments_max;
    u32 segment_bytes_max;
    u32 sectors_max;
    u32 discard_sectors_max, discard_align; /* sectors */
    u32 zeroes_sectors_max;
    u32 segment_align; /* of a segment's bus address and length: a power of two */
    u64 bus_last;      /* the highest bus address that the device reaches */

    /* Microseconds that a request may take, of the user's choice: set before the first one. */
    u32 timeout_us;

    /* The user's; may be NULL.  It may not call the disk. */
    void (*event)(struct disk *d, enum disk_event event);
    void *context;

    bool lost;
    struct io_counts counts;
};

#define DISK_TIMEOUT_US 10000000u /* if nothing else is asked for */

/* Whether the disk can take such a request at all.  Pure.  OK, or why not:
 * E_IO the disk is lost; E_NOENT no medium; E_PERM a change of a read-only disk; E_NOTSUP it cannot
 * do this operation; E_RANGE beyond the end; E_INVAL too long, misaligned, or segments
 * that do not fit the sectors. */
err_t disk_check(const struct disk *d, const struct disk_request *r);

/* Checks a request and gives it to the driver, which may wait for disk_kick() before it tells the
 * device.  Not OK: nothing happened, and done() will not be called.  Errors: disk_check()'s;
 * E_NOMEM the queue is full. */
err_t disk_submit(struct disk *d, struct disk_request *r);

/* Tells the device of what was submitted to a queue since the last kick. */
void disk_kick(struct disk *d, u32 queue);

/* Completes what is complete, and looks for what has timed out.  Returns when it wants to be
 * called again at the latest, in microseconds of io_now(); IO_NEVER: nothing is outstanding. */
u64 disk_poll(struct disk *d);

/* Whether the device interrupts when requests are done; off: disk_poll() is called often enough.
 * After switching on, call disk_poll() once. */
void disk_interrupts(struct disk *d, bool on);

/* Resets the device and starts it again; what was in it is done as IO_RESET.  Not OK: the disk
 * is lost. */
err_t disk_reset(struct disk *d);

/* Ends everything: the device does no more DMA; what was in it is done as IO_GONE; DMA memory and
 * interrupts are given back. */
void disk_stop(struct disk *d);

/* ------------------------------------------------------------ for drivers */

/* Calls done() of each request of a list (->next), with its ->result; counts the errors. */
void disk_done(struct disk *d, struct disk_request *list);

/* The device is given up.  Call after its requests were taken out of it, and before disk_done(). */
void disk_lose(struct disk *d);
