/* The disks of guests, by the texts of their configurations (backing_text.h): the machine's disk,
 * partition, file or memory, behind a cache of the mode that is asked for. */
#pragma once
#include "control/machine/machine.h"

#define BACKINGS_MAX 64u

/* A guest's disk, for control/virtio/blk.h.  `owner`: the guest's name, for people.  Waits for the
 * machine's disk while it reads partition table and volume; meanwhile nothing else is done.
 * OK: `why` is empty or a remark.  Else it says of what, what is wrong, and what to do; E_EXIST: a
 * guest writes there, or this one would and another one reads; the others as backing_source.h. */
err_t backing_open(const char *text, const char *owner, struct disk **disk, char *why,
                   size_t why_size);

/* Takes what is under way to its end, writes back what the cache holds, flushes the machine's disk,
 * and gives all memory back.  Waits as long as the time-outs of the driver below allow.  Requests'
 * done() are called: their memory is needed until this returns. */
void backing_close(struct disk *disk);

/* Of what an earlier life has left, with nobody to open it again: writes back what the cache holds;
 * a disk in memory is given up.  When all have been opened that go on. */
void backing_finish_left(void);

/* Polls the disks: tells what is done, writes back.  When to call it again at the latest, in
 * microseconds of io_now(), or IO_NEVER.  To be called in each turn of the
 * loop, and after submitting. */
u64 backing_poll(void);
