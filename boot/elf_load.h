/* hv.elf -> the plan of its segments, or the reason why it is not one.
 * System V ABI, "Object Files"; AMD64 supplement.  Pure. */
#pragma once
#include "lib/types.h"

#define ELF_SEGMENTS_MAX 8u
#define ELF_SPAN_MAX     (64 * MiB)

struct elf_segment {
    u64 virt;        /* page-aligned linked address */
    u64 mem_size;    /* bytes; what exceeds file_size is zero */
    u64 file_offset; /* bytes */
    u64 file_size;   /* bytes */
    bool writable;
    bool executable; /* never both */
};

/* Ascending, not overlapping; all inside [virt, virt + span). */
struct elf_plan {
    u64 entry;
    u64 virt; /* lowest linked address, LARGE_PAGE_SIZE-aligned, in the top 2 GiB */
    u64 span; /* bytes, a multiple of PAGE_SIZE, at most ELF_SPAN_MAX */
    u32 count;
    struct elf_segment segment[ELF_SEGMENTS_MAX];
};

/* Judges `size` bytes of a file.  E_INVAL: *reason (a static text) says what is wrong. */
err_t elf_plan(const void *image, size_t size, struct elf_plan *out, const char **reason);
/* The file as it is to lie in memory: `plan->span` bytes at `to`. */
void elf_place(const struct elf_plan *plan, const void *image, void *to);
