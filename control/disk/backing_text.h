/* What a guest's disk is to be made of, as its configuration says it (docs/config.md, `disk`):
 *
 *   ide0             a disk or CD drive of the machine (control/machine/machine.h)
 *   ide0:2           its GPT partition 2;  ide0:root  the one of that name
 *   ide0:2:/vm/a     a file on the FAT volume in a partition
 *   ide0::/vm/a      a file on the FAT volume that is the whole disk
 *   memory:64M       zeros in the control partition's memory (K, M, G)
 *
 * and behind it, each after a comma: cache=MODE (cache_mode.h), ro; of memory also deadly
 * (memory.h).  Names and paths have no comma.
 * Pure. */
#pragma once
#include "control/disk/cache_mode.h"
#include "control/disk/fat.h"
#include "control/disk/gpt.h"

enum backing_kind { BACKING_DISK, BACKING_PARTITION, BACKING_FILE, BACKING_MEMORY };

#define BACKING_DISK_NAME 16u
#define BACKING_BYTES_MAX (1024 * GiB)

struct backing_text {
    enum backing_kind kind;
    char disk[BACKING_DISK_NAME];
    char partition[GPT_NAME + 1]; /* of a file: empty if the volume is the whole disk */
    char path[FAT_NAME];          /* of a file; begins with '/' */
    u64 bytes;                    /* of memory: a multiple of KiB, not 0 */
    enum cache_mode mode;         /* writeback if the text says nothing */
    bool read_only;
    bool deadly; /* of memory */
};

/* E_INVAL, and `why` says what is wrong at which character, and what would do; else `why` is
 * empty. */
err_t backing_parse(const char *text, struct backing_text *t, char *why, size_t why_size);
