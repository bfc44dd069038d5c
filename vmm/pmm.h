/* Physical frames: one owner each, from the loader's memory map.  Frames below 1 MiB can
 * have an owner but are never free and never handed out.  Pure.
 * Owner: the hypervisor; lock: pmm (the caller's, when more than one CPU runs). */
#pragma once
#include "lib/types.h"

enum frame_owner {
    FRAME_NONE, /* not RAM, or not ours (firmware, MMIO) */
    FRAME_FREE,
    FRAME_LINTEL, /* hv.elf, its tables and data */
    FRAME_MODULE, /* files from the boot volume */
    FRAME_VM = 16 /* FRAME_VM + n: guest n's memory and nothing else's */
};

struct pmm {
    u16 *owner; /* one per frame from address 0 */
    u64 frames; /* length of owner[] */
    u64 next;   /* where the next search for 4 KiB starts */
    u64 free_frames;
};

/* `table` has pmm_table_bytes(top) bytes, lies in RAM that the caller sets aside with
 * pmm_set_owner. */
u64 pmm_table_bytes(u64 top_of_ram);
void pmm_init(struct pmm *p, u16 *table, u64 top_of_ram);
/* Declares a range's owner (bytes, rounded outwards for non-free owners, inwards for FREE). */
void pmm_set_owner(struct pmm *p, hpa_t base, u64 len, u16 owner);
/* Contiguous, `align` bytes aligned (power of two, 4 KiB to 1 GiB), len bytes (multiple of 4096,
 * not 0).  Single frames: next fit; else first fit.  The memory is not zeroed.
 * E_NOMEM; E_INVAL: also for owner NONE or FREE. */
err_t pmm_alloc(struct pmm *p, u64 len, u64 align, u16 owner, hpa_t *out);
/* E_PERM (and nothing done) unless every frame of the range has this owner, which is neither
 * NONE nor FREE.  E_INVAL: base or len is not a multiple of 4096, or len is 0. */
err_t pmm_free(struct pmm *p, hpa_t base, u64 len, u16 owner);
u16 pmm_owner(const struct pmm *p, hpa_t frame); /* FRAME_NONE beyond the table */
u64 pmm_count(const struct pmm *p, u16 owner);   /* frames */
