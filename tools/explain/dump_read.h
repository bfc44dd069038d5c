/* Finds in a log what hv.elf wrote about VMCSs (vmx/dump_format.h), and gives each back as values
 * for check.h.  A log is any file: what is not well made is told, and nothing of it is judged.
 * Pure.
 */
#pragma once
#include "lib/types.h"
#include "tools/explain/check.h"

#define DUMP_CPUS 256u /* numbers of CPUs that a log may name */

/* A dump that has begun and not ended, of one CPU. */
struct dump_open {
    struct vmcs_image image;
    struct vmx_caps caps;
    u32 line;  /* of the log, from 1: where it begins; 0: none is open */
    u32 count; /* lines since */
    bool bad;  /* an error was told: the rest is passed over */
    bool seen_field[VMCS_FIELDS];
    bool seen_msr[VMX_MSR_LAST - VMX_MSR_FIRST + 2]; /* the last one: IA32_FEATURE_CONTROL */
};

/* Whom the reader tells; lines count from 1, and `line` of dump() is the one where it begins. */
struct dump_listener {
    void (*dump)(void *ctx, u32 line, u32 cpu, const struct vmcs_image *image);
    void (*error)(void *ctx, u32 line, const char *what);
    void *ctx;
};

/* Zeroed, but for `to`, before the first line. */
struct dump_reader {
    struct dump_listener to;
    u32 line;
    struct dump_open open[DUMP_CPUS];
};

/* The log's next line: `len` bytes, without its end ('\n'; a '\r' before it may be there). */
void dump_read_line(struct dump_reader *r, const char *text, size_t len);
/* There are no more lines: tells about dumps that were cut off. */
void dump_read_end(struct dump_reader *r);
