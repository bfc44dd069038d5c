/* Control-register rules.  Pure.  See cr.h for the manual's sections. */
#include "vmm/policy/cr.h"

#define CR0_DEFINED                                                                                \
    (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD |     \
     CR0_PG)
#define EFER_ALLOWED       (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
#define XCR0_AVX512        (XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)
#define CR4_PAE_PDPTE_BITS (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)

/* The change of paging that a new CR0 asks for, under IA-32e rules. */
static err_t check_paging(const struct cr_view *view, u64 value)
{
    const bool pg = value & CR0_PG, was_pg = view->cr0 & CR0_PG;

    if (pg && !(value & CR0_PE))
        return E_INVAL;
    if (pg && !was_pg && (view->efer & EFER_LME)) {
        if (!(view->cr4 & CR4_PAE) || view->cs_l)
            return E_INVAL;
    }
    if (!pg && was_pg) {
        if (view->cs_l && (view->efer & EFER_LMA))
            return E_INVAL;
        if (view->cr4 & CR4_PCIDE)
            return E_INVAL;
    }
    return OK;
}

err_t cr0_write(const struct cr_view *view, u64 value, struct cr_effect *out)
{
    if (value >> 32)
        return E_INVAL;
    if ((value & CR0_NW) && !(value & CR0_CD))
        return E_INVAL;
    TRY(check_paging(view, value));

    value = (value & CR0_DEFINED) | CR0_ET; /* other low bits are ignored */
    const bool pg = value & CR0_PG, was_pg = view->cr0 & CR0_PG;

    *out = (struct cr_effect){
        .real = (value & ~CR0_OWNED) | CR0_NE, .shadow = value, .efer = view->efer};
    if (pg != was_pg && (view->efer & EFER_LME))
        out->efer = pg ? view->efer | EFER_LMA : view->efer & ~EFER_LMA;
    const u64 changed = value ^ view->cr0;

    out->load_pdptes = pg && (view->cr4 & CR4_PAE) && !(out->efer & EFER_LMA) &&
                       (changed & (CR0_PG | CR0_CD | CR0_NW));
    return OK;
}

err_t cr4_write(const struct cr_view *view, u64 value, struct cr_effect *out)
{
    const u64 changed = value ^ view->cr4;

    if (value & ~view->cr4_allowed)
        return E_INVAL;
    if ((view->efer & EFER_LMA) && !(value & CR4_PAE))
        return E_INVAL;
    if ((value & CR4_PCIDE) && !(view->cr4 & CR4_PCIDE) &&
        (!(view->efer & EFER_LMA) || (view->cr3 & CR3_PCID)))
        return E_INVAL;
    *out = (struct cr_effect){.real = value | CR4_FORCED, .shadow = value, .efer = view->efer};
    out->load_pdptes = (view->cr0 & CR0_PG) && (value & CR4_PAE) && !(view->efer & EFER_LMA) &&
                       (changed & CR4_PAE_PDPTE_BITS);
    return OK;
}

err_t efer_write(const struct cr_view *view, u64 value, u64 *efer)
{
    if (value & ~(u64)EFER_ALLOWED)
        return E_INVAL;
    if (((value ^ view->efer) & EFER_LME) && (view->cr0 & CR0_PG))
        return E_INVAL;
    *efer = (value & ~(u64)EFER_LMA) | (view->efer & EFER_LMA); /* LMA is read-only */
    return OK;
}

err_t xcr0_check(u64 value, u64 allowed)
{
    if (!(value & XCR0_X87) || (value & ~allowed))
        return E_INVAL;
    if ((value & XCR0_AVX) && !(value & XCR0_SSE))
        return E_INVAL;
    if ((value & XCR0_AVX512) && ((value & XCR0_AVX512) != XCR0_AVX512 || !(value & XCR0_AVX)))
        return E_INVAL;
    return OK;
}

err_t pdpte_check(u64 pdpte, u32 phys_bits)
{
    const u64 reserved = BIT(1) | BIT(2) | 0x1e0 | ~(BIT(phys_bits) - 1);

    return (pdpte & 1) && (pdpte & reserved) ? E_INVAL : OK;
}
