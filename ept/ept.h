/* One guest-physical address space: the extended page tables.  Pure: pages come
 * from, and go back to, whoever built it; nothing here touches a VMCS or executes
 * INVEPT -- `stale` tells the caller that it must.
 *
 * A table page that was linked is freed by ept_destroy() only, so that no processor can
 * still walk a page that has got a new use.  Each function that fails leaves the space as
 * it was; each that succeeds takes every page from its old translation to its new one in
 * one step.  Ranges are in bytes and multiples of 4 KiB, or E_INVAL; E_RANGE: beyond
 * 48 bits or phys_bits.  A range of length 0 is no work and no error.
 *
 * Owner: struct vm; lock: the vm's.  SDM Vol. 3C, "The Extended Page Table Mechanism (EPT)". */
#pragma once
#include "lib/types.h"

struct ept {
    u64 *(*page_alloc)(void *ctx);           /* zeroed 4 KiB page or NULL */
    void (*page_free)(void *ctx, u64 *page); /* only after the flush that `stale` asked for */
    u64 (*to_phys)(void *ctx, const u64 *page);
    u64 *(*to_virt)(void *ctx, u64 phys);
    void *ctx;
    u64 *root;
    u64 tables_left; /* that may yet be made, beside the root; beyond: E_NOMEM */
    u8 max_leaf;     /* 0: 4 KiB, 1: 2 MiB, 2: 1 GiB (IA32_VMX_EPT_VPID_CAP) */
    u8 phys_bits;    /* MAXPHYADDR, 32 to 52: an address bit above it is a misconfiguration */
    bool exec_only;  /* X without R is possible (IA32_VMX_EPT_VPID_CAP bit 0) */
    bool stale;      /* a translation was removed or changed: INVEPT is due; the caller clears it */
};

enum { EPT_R = 1, EPT_W = 2, EPT_X = 4, EPT_RWX = 7 };
enum { EPT_UC = 0 << 3, EPT_WC = 1 << 3, EPT_WT = 4 << 3, EPT_WP = 5 << 3, EPT_WB = 6 << 3 };

struct ept_leaf {
    hpa_t hpa;
    u32 attr; /* EPT_R|W|X and memory type */
    u8 level; /* 0: 4 KiB, 1: 2 MiB, 2: 1 GiB */
};

err_t ept_init(struct ept *e); /* all but root and stale set by the caller; allocates the root */
/* All or nothing: E_EXIST if any byte is mapped.  Uses the largest leaves that the alignment of
 * both addresses allows.  attr: R, RW, RX, RWX, or X with exec_only, and one memory type; any
 * other would be an EPT misconfiguration: E_INVAL. */
err_t ept_map(struct ept *e, gpa_t gpa, hpa_t hpa, u64 len, u32 attr);
/* Both split large leaves at the ends of the range (E_NOMEM), and pass over what is not mapped. */
err_t ept_unmap(struct ept *e, gpa_t gpa, u64 len);
err_t ept_protect(struct ept *e, gpa_t gpa, u64 len, u32 attr); /* attr as for ept_map */
/* out->hpa is that of the byte at gpa, not of the leaf's beginning.  E_NOENT: not mapped. */
err_t ept_lookup(const struct ept *e, gpa_t gpa, struct ept_leaf *out);
void ept_destroy(struct ept *e); /* frees every table; the caller has flushed */

/* Calls `visit` for every leaf in ascending gpa; stops at the first false. */
bool ept_for_each(const struct ept *e,
                  bool (*visit)(void *arg, gpa_t gpa, const struct ept_leaf *leaf), void *arg);
/* Calls `visit` for every table page, the root last: the auditor's view. */
bool ept_for_each_table(const struct ept *e, bool (*visit)(void *arg, const u64 *table), void *arg);
