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

/* CPUID.0: the vendor's name is in EBX, EDX, ECX. */
static enum mitigation_vendor vendor_of(const struct cpuid_regs *r)
{
    if (r->ebx == 0x756e6547 && r->edx == 0x49656e69 && r->ecx == 0x6c65746e)
        return MITIGATION_INTEL; /* GenuineIntel */
    if (r->ebx == 0x68747541 && r->edx == 0x69746e65 && r->ecx == 0x444d4163)
        return MITIGATION_AMD; /* AuthenticAMD */
    return MITIGATION_OTHER;
}

/* SDM Vol. 2A, "CPUID--CPU Identification": leaf 1 EAX, "Version Information". */
static void read_signature(struct mitigation_cpu *cpu)
{
    const struct cpuid_regs r = cpuid(1, 0);

    cpu->stepping = (u8)(r.eax & 0xf);
    cpu->model = (u16)(r.eax >> 4 & 0xf);
    cpu->family = (u16)(r.eax >> 8 & 0xf);
    if (cpu->family == 6 || cpu->family == 15)
        cpu->model |= (u16)(r.eax >> 12 & 0xf0);
    if (cpu->family == 15)
        cpu->family += (u16)(r.eax >> 20 & 0xff);
    cpu->hypervisor = r.ecx & CPUID_1_ECX_HYPERVISOR;
}

/* The first level of leaf 0xb, if it is about threads: how many a core has. */
static bool has_threads(u32 max_leaf)
{
    struct cpuid_regs r;

    if (max_leaf < 0xb)
        return cpuid(1, 0).edx & CPUID_1_EDX_HTT;
    r = cpuid(0xb, 0);
    return (r.ecx >> 8 & 0xff) == 1 && (r.ebx & 0xffff) > 1;
}

static void read_cpu(struct mitigation_cpu *cpu)
{
    const struct cpuid_regs vendor = cpuid(0, 0);
    struct cpuid_regs leaf7 = {0};

    *cpu = (struct mitigation_cpu){.vendor = (u8)vendor_of(&vendor)};
    read_signature(cpu);
    cpu->smt = has_threads(vendor.eax);
    if (vendor.eax >= 7) {
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

    log_info("mitigations: CPU %u, family %u, model 0x%x, stepping %u%s%s", this_cpu()->id,
             cpu->family, cpu->model, cpu->stepping,
             plan->known_model ? "" : ", unknown: taken to have everything",
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

void vmx_mitigation_start(bool on)
{
    struct mitigation_plan *plan = &per_cpu[this_cpu()->id].plan;
    struct mitigation_cpu cpu;

    read_cpu(&cpu);
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
