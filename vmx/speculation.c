/* Speculation mitigations of this CPU.  An MSR is written only if CPUID enumerates it. */
#include "vmx/speculation.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/percpu.h"
#include "lib/mem.h"

static struct {
    struct mitigation_plan plan;
    u64 spec_ctrl_before;
} per_cpu[CPUS_MAX]; /* each CPU has its own, and no other's */

/* The first level of leaf 0xb, if it is about threads: how many a core has. */
static bool has_threads(u32 max_leaf)
{
    struct cpuid_regs r;

    if (max_leaf < 0xb)
        return cpuid(1, 0).edx & CPUID_1_EDX_HTT;
    r = cpuid(0xb, 0);
    return (r.ecx >> 8 & 0xff) == 1 && (r.ebx & 0xffff) > 1;
}

/* Another model than the boot processor's is one that nobody knows. */
static void read_cpu(struct mitigation_cpu *cpu, const struct processor_model *boot)
{
    const bool same = cpuid(1, 0).eax == boot->signature;
    const u32 max_leaf = cpuid(0, 0).eax;
    struct cpuid_regs leaf7 = {0};

    *cpu = (struct mitigation_cpu){.model = same ? boot->affected : MITIGATION_ALL_MODELS,
                                   .known_model = same && boot->known,
                                   .smt = has_threads(max_leaf)};
    if (max_leaf >= 7) {
        leaf7 = cpuid(7, 0);
        cpu->leaf7_ebx = leaf7.ebx;
        cpu->leaf7_edx = leaf7.edx;
        if (leaf7.eax >= 2)
            cpu->leaf7_2_edx = cpuid(7, 2).edx;
    }
    if (cpuid(0x80000000, 0).eax >= 0x80000008)
        cpu->leaf_80000008_ebx = cpuid(0x80000008, 0).ebx;
    if (leaf7.edx & CPUID_7_EDX_ARCH_CAPABILITIES)
        cpu->arch_caps = rdmsr(MSR_ARCH_CAPABILITIES);
}

static void report(const struct mitigation_plan *plan, const struct mitigation_cpu *cpu)
{
    char text[MITIGATION_TEXT_MAX];

    log_info("mitigations: CPU %u, signature 0x%x%s%s", this_cpu()->id, cpuid(1, 0).eax,
             cpu->known_model ? "" : ", unknown: taken to have everything",
             plan->off ? "; switched off" : "");
    for (u32 state = 0; state < MITIGATION_STATES; state++) {
        mitigation_text(plan, (enum mitigation_state)state, text);
        log_info("mitigations: %s", text);
    }
    if (plan->flags & MITIGATE_SMT_WARN)
        log_warning("mitigations: cores have two threads; nothing that a guest must not see may "
                    "run on the other one");
}

/* False on the boot CPU itself: there it is news. */
static bool same_as_boot_cpu(const struct mitigation_plan *plan)
{
    const struct mitigation_plan *const boot = &per_cpu[0].plan;

    return plan != boot && plan->flags == boot->flags && plan->spec_ctrl == boot->spec_ctrl &&
           plan->affected == boot->affected && plan->open == boot->open &&
           memcmp(plan->reason, boot->reason, sizeof(plan->reason)) == 0;
}

void vmx_mitigation_start(const struct processor_model *boot, bool on)
{
    struct mitigation_plan *plan = &per_cpu[this_cpu()->id].plan;
    struct mitigation_cpu cpu;

    read_cpu(&cpu, boot);
    mitigation_plan_make(plan, &cpu, on);
    if (plan->spec_ctrl) {
        per_cpu[this_cpu()->id].spec_ctrl_before = rdmsr(MSR_SPEC_CTRL);
        wrmsr(MSR_SPEC_CTRL, plan->spec_ctrl);
    }
    if (!same_as_boot_cpu(plan))
        report(plan, &cpu);
}

void vmx_mitigation_stop(void)
{
    if (vmx_mitigation_plan()->spec_ctrl)
        wrmsr(MSR_SPEC_CTRL, per_cpu[this_cpu()->id].spec_ctrl_before);
}

const struct mitigation_plan *vmx_mitigation_plan(void)
{
    return &per_cpu[this_cpu()->id].plan;
}

bool vmx_mitigation_guest_change(void)
{
    if (!(vmx_mitigation_plan()->flags & MITIGATE_IBPB))
        return false;
    wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
    return true;
}
