/* Rules of CR0, CR4, EFER and XCR0 as decisions on plain values.  Pure.
 * SDM Vol. 3A, "Control Registers"; Vol. 1, "Enabling the XSAVE Feature Set". */
#pragma once
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "lib/types.h"

/* CR0 bits that belong to the hypervisor: what VMX needs fixed and what caching must not do.
 * A guest's write that changes one of them exits; it reads back what it wrote. */
#define CR0_OWNED (CR0_NE | CR0_NW | CR0_CD)

struct cr_view {
    u64 cr0, cr3, cr4, efer; /* as the guest sees them */
    bool cs_l;               /* 64-bit code segment */
    u64 cr4_allowed;         /* CR4 bits that this guest may set */
};

/* What a write does: the values that the processor gets and that the guest reads back. */
struct cr_effect {
    u64 real;         /* into GUEST_CRx */
    u64 shadow;       /* into the read shadow */
    u64 efer;         /* CR0.PG with EFER.LME turns EFER.LMA on and off */
    bool load_pdptes; /* PAE paging begins or may have changed */
};

/* E_INVAL: #GP(0). */
err_t cr0_write(const struct cr_view *view, u64 value, struct cr_effect *out);
err_t cr4_write(const struct cr_view *view, u64 value, struct cr_effect *out);
err_t efer_write(const struct cr_view *view, u64 value, u64 *efer);
err_t xcr0_check(u64 value, u64 allowed);
err_t pdpte_check(u64 pdpte, u32 phys_bits);

/* Hypervisor-owned CR4 bits: everything that the guest may not set. */
static inline u64 cr4_owned(u64 allowed)
{
    return ~allowed;
}

/* Bits that are 1 for the processor whatever the guest says. */
#define CR4_FORCED (CR4_VMXE | CR4_MCE)
