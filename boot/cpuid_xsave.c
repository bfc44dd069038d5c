/* See cpuid_xsave.h.  SDM Vol. 1,
 * "Enumeration of CPU Support for XSAVE Instructions and XSAVE-Supported Features".  Pure. */
#include "boot/cpuid_xsave.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/cr.h"
#include "vmm/policy/cpuid_xsave.h"

/* A processor whose own size of the compacted format is not what its components add up to cannot
 * be trusted with it (Bochs with AVX-512: XRSTORS faults on what XSAVES wrote). */
static void check_compacted_format(struct cpuid_policy *p, const struct cpuid_source *s)
{
    const u32 compacted = CPUID_D_1_EAX_XSAVEC | CPUID_D_1_EAX_XSAVES;
    const u32 said = s->read(s->ctx, 0, 0).eax >= 0xd ? s->read(s->ctx, 0xd, 1).ebx : 0;

    if (said && said != cpuid_xsave_bytes(p, s->host_xcr0, true))
        p->entry[p->basic[0xd].first + 1].eax &= ~compacted;
}

/* A component that has no size cannot be saved: it is not there, nor is what needs it (Bochs
 * reports PKRU so).  The sizes of what is left are added up anew. */
static void drop_empty_components(struct cpuid_policy *p)
{
    struct cpuid_answer *sizes = &p->entry[p->basic[0xd].first];

    for (u64 left = p->xcr0_mask & ~(XCR0_X87 | XCR0_SSE); left; left &= left - 1) {
        const u32 i = (u32)__builtin_ctzll(left);

        if (p->xsave_size[i])
            continue;
        p->xcr0_mask &= ~BIT(i);
        p->entry[p->basic[0xd].first + i] = (struct cpuid_answer){0};
    }
    if (!(p->xcr0_mask & XCR0_PKRU)) {
        p->entry[p->basic[7].first].ecx &= ~(u32)CPUID_7_ECX_PKU;
        p->cr4_mask &= ~(u64)CR4_PKE;
    }
    if (!p->xcr0_mask) { /* no XSAVE */
        *sizes = (struct cpuid_answer){0};
        return;
    }
    sizes->eax = (u32)p->xcr0_mask;
    sizes->edx = (u32)(p->xcr0_mask >> 32);
    sizes->ecx = cpuid_xsave_bytes(p, p->xcr0_mask, false);
}

void cpuid_check_xsave(struct cpuid_policy *p, const struct cpuid_source *s)
{
    check_compacted_format(p, s);
    drop_empty_components(p);
}
