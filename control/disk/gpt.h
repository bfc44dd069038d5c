/* Partitions of a disk with a GUID partition table.  UEFI Specification, "GUID Partition Table
 * (GPT) Disk Layout".  Whatever is odd about the tables makes all partitions read-only: better no
 * write than one to the wrong place.  Pure. */
#pragma once
#include "control/disk/sectors.h"

#define GPT_PARTITIONS 128u
#define GPT_NAME       36u /* characters */

enum gpt_doubt {
    GPT_MBR,       /* sector 0 is no protective MBR, or has other partitions, too */
    GPT_PRIMARY,   /* the table at the disk's beginning is damaged */
    GPT_BACKUP,    /* the one at its end is damaged, or not at the end */
    GPT_DIFFERENT, /* the two do not say the same */
    GPT_ENTRY,     /* a partition is not within the usable part; it is left out */
    GPT_OVERLAP,   /* two partitions overlap */
    GPT_TOO_MANY,  /* more than GPT_PARTITIONS; the others are left out */
    GPT_DOUBTS
};

struct gpt_partition {
    u32 number; /* from 1, as people count them */
    u8 type[16], id[16];
    u64 first, sectors;
    bool read_only;          /* by its own attribute, or since there is a doubt */
    char name[GPT_NAME + 1]; /* what is not ASCII is '?' */
};

struct gpt {
    u32 doubts; /* a bit for each enum gpt_doubt; 0: all is well */
    u32 count;
    struct gpt_partition partition[GPT_PARTITIONS];
    u8 buffer[SECTOR_MAX];
};

/* E_NOENT: there is no GPT; E_INVAL: there is one, and both tables are damaged; E_IO and others:
 * from reading. */
err_t gpt_read(struct gpt *g, const struct sectors *s);

/* For people: what is wrong, and what to do about it. */
const char *gpt_doubt_text(enum gpt_doubt doubt);

/* By number ("2") or name ("root"; the first of that name).  NULL: none. */
const struct gpt_partition *gpt_find(const struct gpt *g, const char *which);
