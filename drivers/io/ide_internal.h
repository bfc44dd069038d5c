/* What the files of the IDE driver share. */
#pragma once
#include "drivers/io/ide.h"

static inline struct ide_drive *ide_drive_of(const struct disk *d)
{
    return CONTAINER_OF(d, struct ide_drive, disk);
}

/* The drive that a request in the channel is for: its slot. */
static inline struct ide_drive *ide_target(struct ide_channel *c, const struct disk_request *r)
{
    return &c->drive[r->slot % IDE_DRIVES];
}

/* ---- ide.c */

extern const struct disk_ops ide_operations;
/* Waits for the end of a reset that is under way. */
void ide_settle(struct ide_channel *c);

/* ---- ide_queue.c */

void ide_push(struct ide_list *l, struct disk_request *r);
struct disk_request *ide_pop(struct ide_list *l); /* NULL: none */
/* A request has its result; done() is called later. */
void ide_end(struct ide_channel *c, struct disk_request *r, enum io_result result);
/* Ends requests that wait: those of a drive, or of both (NULL), that are due by `now`. */
void ide_end_waiting(struct ide_channel *c, const struct ide_drive *d, u64 now,
                     enum io_result result);
/* Calls done() of what has ended.  The submitters may submit again meanwhile. */
void ide_tell(struct ide_channel *c);

/* ---- ide_identify.c */

/* Reads a drive's identity by programmed I/O.  E_NOENT: no drive; E_NOTSUP: one that this driver
 * cannot use, said in the log; E_IO: it does not answer. */
err_t ide_identify(struct ide_drive *d);
/* Fills in the disk's properties. */
void ide_describe(struct ide_drive *d);

/* ---- ide_packet.c */

/* A CD drive: looks for a medium and its capacity. Changes d->disk.  E_IO: it does not answer. */
err_t ide_packet_look(struct ide_drive *d);
/* Gives the drive a packet whose data goes by DMA.  E_IO: it does not take it. */
err_t ide_packet_begin(struct ide_drive *d, const struct disk_request *r);
/* What a packet that failed failed of. */
enum io_result ide_packet_failed(struct ide_drive *d);
