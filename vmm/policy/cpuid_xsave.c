/* See cpuid_xsave.h.  SDM Vol. 1,
 * "Enumeration of CPU Support for XSAVE Instructions and XSAVE-Supported Features".  Pure. */
#include "vmm/policy/cpuid_xsave.h"
#include "arch/x86_64/cr.h"

u32 cpuid_xsave_bytes(const struct cpuid_policy *p, u64 states, bool compacted)
{
    u32 end = XSAVE_LEGACY_SIZE;

    for (u64 left = states & ~(XCR0_X87 | XCR0_SSE); left; left &= left - 1) {
        const u32 i = (u32)__builtin_ctzll(left);
        const bool aligned = p->xsave_aligned & BIT(i);

        if (!compacted)
            end = MAX(end, p->xsave_offset[i] + p->xsave_size[i]);
        else
            end = (aligned ? ALIGN_UP(end, 64u) : end) + p->xsave_size[i];
    }
    return end;
}
