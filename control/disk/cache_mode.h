/* How a disk is cached (control/disk/cache.h).  The words and their meanings are those of QEMU's
 * -drive cache=:
 *
 *               memory holds   a write that is done is   a flush
 * writeback     reads, writes  in memory                 writes back, then flushes the device
 * none          nothing        in the device             flushes the device
 * writethrough  reads          on the medium             is done at once: nothing is pending
 * unsafe        reads, writes  in memory                 is done at once: a power cut loses data
 *
 * A guest is told of a volatile cache (DISK_CAN_FLUSH) in all modes but writethrough. */
#pragma once
#include "lib/types.h"

enum cache_mode { CACHE_WRITEBACK, CACHE_NONE, CACHE_WRITETHROUGH, CACHE_UNSAFE, CACHE_MODES };

/* "writeback", ...: by mode.  Pure. */
const char *cache_mode_name(enum cache_mode mode);
/* False: no such word. */
bool cache_mode_parse(const char *word, enum cache_mode *mode);
