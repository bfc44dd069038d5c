/* See cpuid_read.h.  SDM Vol. 1, "Enumeration of CPU Support for XSAVE Instructions and
 * XSAVE-Supported Features": leaf 0xd speaks of what XCR0 enables. */
#include "boot/cpuid_read.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "boot/cpuid_table.h"
#include "vmx/controls.h"

#define LEAF_XSAVE 0xdu

static struct cpuid_answer read_leaf(void *ctx, u32 leaf, u32 subleaf)
{
    const struct cpuid_regs r = cpuid(leaf, subleaf);

    (void)ctx;
    return (struct cpuid_answer){r.eax, r.ebx, r.ecx, r.edx};
}

static bool has_control(const struct boot_info *info, u64 bit)
{
    return info->vmx.word[WORD_CPU2].value & bit;
}

static void build(struct boot_info *info, u64 xcr0)
{
    cpuid_policy_build(&info->cpuid,
                       &(struct cpuid_source){.read = read_leaf,
                                              .tsc_hz = info->tsc_hz,
                                              .host_xcr0 = xcr0,
                                              .rdtscp = has_control(info, CPU2_RDTSCP),
                                              .invpcid = has_control(info, CPU2_INVPCID),
                                              .xsaves = has_control(info, CPU2_XSAVES)});
}

/* With all states enabled, as guests may have them; the firmware's interrupts wait. */
static void build_with_xsave(struct boot_info *info)
{
    const struct cpuid_regs r = cpuid(LEAF_XSAVE, 0);
    const u64 all = (u64)r.edx << 32 | r.eax;
    const bool open = read_rflags() & RFLAGS_IF;
    const u64 cr4 = read_cr4();
    u64 before;

    cli();
    write_cr4(cr4 | CR4_OSXSAVE);
    before = xgetbv(0);
    xsetbv(0, all);
    build(info, all);
    xsetbv(0, before);
    write_cr4(cr4);
    if (open)
        sti();
}

void cpuid_read(struct boot_info *info)
{
    if (cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE)
        build_with_xsave(info);
    else
        build(info, 0);
}
