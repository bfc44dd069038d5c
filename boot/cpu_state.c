/* The firmware's processor state; see cpu_state.h.  VM exits load or clear some of these (SDM
 * Vol. 3C, "Loading Host State"), and what hv.elf's guests may write stays written. */
#include "boot/cpu_state.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/msr.h"

#define LEAF_PERF   0xau
#define LEAF_XSAVE  0xdu
#define FXSAVE_SIZE 512u

static bool always(void)
{
    return true;
}

static bool has_tsc_aux(void)
{
    return cpuid(CPUID_LEAF_EXTENDED + 1, 0).edx & CPUID_80000001_EDX_RDTSCP;
}

static bool has_spec_ctrl(void)
{
    return cpuid(0, 0).eax >= 7 && (cpuid(7, 0).edx & CPUID_7_EDX_IBRS_IBPB);
}

static bool has_perf_global_ctrl(void)
{
    return cpuid(0, 0).eax >= LEAF_PERF && (cpuid(LEAF_PERF, 0).eax & 0xff) >= 2; /* version */
}

static bool has_xsave(void)
{
    return cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE;
}

static bool has_xss(void)
{
    return has_xsave() && (cpuid(LEAF_XSAVE, 1).eax & CPUID_D_1_EAX_XSAVES);
}

static const struct {
    u32 msr;
    bool (*exists)(void);
} msrs[] = {
    {MSR_SYSENTER_CS, always},
    {MSR_SYSENTER_ESP, always},
    {MSR_SYSENTER_EIP, always},
    {MSR_DEBUGCTL, always},
    {MSR_STAR, always},
    {MSR_LSTAR, always},
    {MSR_CSTAR, always},
    {MSR_FMASK, always},
    {MSR_KERNEL_GS_BASE, always},
    {MSR_TSC_AUX, has_tsc_aux},
    {MSR_SPEC_CTRL, has_spec_ctrl},
    {MSR_PERF_GLOBAL_CTRL, has_perf_global_ctrl},
    {MSR_XSS, has_xss},
};

static struct {
    u64 msr[ARRAY_LEN(msrs)];
    u64 dr0, dr1, dr2, dr3, dr6, dr7;
    u64 xcr0;
    u8 fpu[FXSAVE_SIZE] __attribute__((aligned(16)));
} saved;

/* XCR0 keeps its value while CR4.OSXSAVE is 0, but is out of reach. */
static void with_xcr0(bool restore)
{
    const u64 cr4 = read_cr4();

    if (!has_xsave())
        return;
    write_cr4(cr4 | CR4_OSXSAVE);
    if (restore)
        xsetbv(0, saved.xcr0);
    else
        saved.xcr0 = xgetbv(0);
    write_cr4(cr4);
}

void cpu_state_save(void)
{
    for (u32 i = 0; i < ARRAY_LEN(msrs); i++)
        if (msrs[i].exists())
            saved.msr[i] = rdmsr(msrs[i].msr);
    saved.dr0 = read_dr0();
    saved.dr1 = read_dr1();
    saved.dr2 = read_dr2();
    saved.dr3 = read_dr3();
    saved.dr6 = read_dr6();
    saved.dr7 = read_dr7();
    with_xcr0(false);
    __asm__ volatile("fxsave64 %0" : "=m"(saved.fpu));
}

void cpu_state_restore(void)
{
    for (u32 i = 0; i < ARRAY_LEN(msrs); i++)
        if (msrs[i].exists())
            wrmsr(msrs[i].msr, saved.msr[i]);
    write_dr0(saved.dr0);
    write_dr1(saved.dr1);
    write_dr2(saved.dr2);
    write_dr3(saved.dr3);
    write_dr6(saved.dr6);
    write_dr7(saved.dr7);
    with_xcr0(true);
    __asm__ volatile("fxrstor64 %0" : : "m"(saved.fpu));
}
