/* See fpu.h. */
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "lib/mem.h"

/* fpu.asm */
extern const u8 fpu_initial[];
void fpu_xsave(void *area, u64 mask);
void fpu_xrstor(const void *area, u64 mask);
void fpu_fxsave(void *area);
void fpu_fxrstor(const void *area);

static u64 supported; /* the same on all CPUs */

static bool has_xsave(void)
{
    return cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE;
}

void fpu_init(void)
{
    u64 cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;

    if (has_xsave())
        cr4 |= CR4_OSXSAVE;
    write_cr4(cr4);
    write_cr0((read_cr0() & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
    if (has_xsave()) {
        const struct cpuid_regs r = cpuid(0xd, 0);

        supported = (u64)r.edx << 32 | r.eax;
    }
}

u64 fpu_supported_xcr0(void)
{
    return supported;
}

#define LEGACY_BYTES 512u
#define HEADER_BYTES 64u
#define COMPONENTS   63u

/* What XSAVE writes in the standard format.  CPUID's own total is compared with its parts, since
 * processors exist that contradict themselves. */
size_t fpu_area_bytes(void)
{
    const u64 all = fpu_supported_xcr0();
    u32 bytes = LEGACY_BYTES + HEADER_BYTES;

    if (all == 0)
        return bytes;
    bytes = MAX(bytes, cpuid(0xd, 0).ecx); /* for everything that is supported */
    for (u32 i = 2; i < COMPONENTS; i++) {
        const struct cpuid_regs r = cpuid(0xd, i);

        if (all >> i & 1)
            bytes = MAX(bytes, r.eax + r.ebx);
    }
    return bytes;
}

void fpu_area_init(void *area)
{
    memcpy(area, fpu_initial, LEGACY_BYTES + HEADER_BYTES);
}

u64 fpu_save(void *area)
{
    const u64 all = supported;
    u64 xcr0;

    if (all == 0) {
        fpu_fxsave(area);
        return 0;
    }
    xcr0 = xgetbv(0);
    if (xcr0 != all)
        xsetbv(0, all);
    fpu_xsave(area, all);
    return xcr0;
}

void fpu_restore(const void *area, u64 xcr0)
{
    const u64 all = supported;

    if (all == 0) {
        fpu_fxrstor(area);
        return;
    }
    xsetbv(0, all);
    fpu_xrstor(area, all);
    if (xcr0 != all)
        xsetbv(0, xcr0);
}
