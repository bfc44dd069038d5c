/* A disk in memory.  Its requests are done at once, and told by the next disk_poll().  It has no
 * volatile cache: nothing of it outlives the program.  Pure. */
#pragma once
#include "control/disk/done_list.h"

struct memory_disk {
    struct disk disk;
    u8 *at;
    bool deadly; /* for tests: a read of its last sector ends the program with a fault */
    struct done_list done;
};

/* `len` bytes at `at`, a multiple of 512; the last part of a sector is not used.  E_INVAL: less
 * than a sector. */
err_t memory_disk_open(struct memory_disk *m, struct io_env *env, const char *name, void *at,
                       u64 len, bool read_only);
