/* See fpu.h. */
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "lib/mem.h"

/* fpu.asm */
void fpu_xsave(void *area, u64 mask);
void fpu_xsaveopt(void *area, u64 mask);
void fpu_xrstor(const void *area, u64 mask);
void fpu_fxsave(void *area);
void fpu_fxrstor(const void *area);

#define LEGACY_BYTES  512u /* of FXSAVE */
#define HEADER_BYTES  64u  /* XSTATE_BV and others, behind that */
#define FCW_AT        0u
#define MXCSR_AT      24u
#define FCW_INITIAL   0x037fu /* as FNINIT */
#define MXCSR_INITIAL 0x1f80u

/* The same on every CPU; asked once, since CPUID is slow, and an exit where Lintel is a guest. */
static u64 all_states; /* 0: no XSAVE */
static bool has_xsaveopt;

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
    all_states = fpu_supported_xcr0();
    if (all_states != 0)
        xsetbv(0, all_states);
    has_xsaveopt = all_states != 0 && (cpuid(0xd, 1).eax & CPUID_D_1_EAX_XSAVEOPT);
}

u64 fpu_supported_xcr0(void)
{
    if (!has_xsave())
        return 0;

    const struct cpuid_regs r = cpuid(0xd, 0);

    return (u64)r.edx << 32 | r.eax;
}

/* SDM Vol. 1, "Enumeration of CPU Support for XSAVE Instructions and XSAVE-Supported Features": ECX
 * of leaf 0xd is what all components need, and each has its place in a subleaf.  An emulator whose
 * figures contradict each other writes to the larger end. */
size_t fpu_area_bytes(void)
{
    if (all_states == 0)
        return LEGACY_BYTES;

    const size_t said = cpuid(0xd, 0).ecx;
    size_t bytes = MAX(said, LEGACY_BYTES + HEADER_BYTES);

    for (u32 i = 2; i < 63; i++) {
        if (!(all_states & BIT(i)))
            continue;
        const struct cpuid_regs r = cpuid(0xd, i);
        const size_t end = (size_t)r.ebx + r.eax;
        bytes = MAX(bytes, end);
    }
    return bytes;
}

void fpu_area_init(void *area)
{
    const u16 fcw = FCW_INITIAL;
    const u32 mxcsr = MXCSR_INITIAL; /* XRSTOR loads it even where XSTATE_BV says initial */

    memset(area, 0, fpu_area_bytes());
    memcpy((u8 *)area + FCW_AT, &fcw, sizeof(fcw));
    memcpy((u8 *)area + MXCSR_AT, &mxcsr, sizeof(mxcsr));
}

void fpu_save(void *area)
{
    if (all_states == 0) {
        fpu_fxsave(area);
        return;
    }
    xsetbv(0, all_states);
    if (has_xsaveopt)
        fpu_xsaveopt(area, all_states);
    else
        fpu_xsave(area, all_states);
}

void fpu_restore(const void *area)
{
    if (all_states == 0) {
        fpu_fxrstor(area);
        return;
    }
    fpu_xrstor(area, all_states);
}
