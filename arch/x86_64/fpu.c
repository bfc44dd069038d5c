/* A clean FPU for a new guest. */
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/panic.h"

/* fpu.asm: all components in `mask` to their initial configuration. */
void fpu_xrstor_initial(u64 mask);
void fpu_fxrstor_initial(void);

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
}

u64 fpu_supported_xcr0(void)
{
    if (!has_xsave())
        return 0;

    const struct cpuid_regs r = cpuid(0xd, 0);

    return (u64)r.edx << 32 | r.eax;
}

void fpu_init_guest(u64 xcr0)
{
    const u64 all = fpu_supported_xcr0();

    assert((xcr0 & ~all) == 0);
    if (all == 0) {
        fpu_fxrstor_initial();
        return;
    }
    /* All that exists, also what this guest will not see: nothing of another guest stays. */
    xsetbv(0, all);
    fpu_xrstor_initial(all);
    xsetbv(0, xcr0);
}
