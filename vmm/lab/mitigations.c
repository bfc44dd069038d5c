/* Lintel's own way in and out (vmx_run()) with one mitigation at a time, whether the plan has it or
 * not, around an entry that exits at once; and the instructions of which mitigations are made. */
#include "vmm/lab/mitigations.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/msr.h"
#include "vmx/enter.h"
#include "vmx/mitigation.h"
#include "vmx/speculation.h"

static inline void fence(void)
{
    __asm__ volatile("lfence" : : : "memory");
}

/* Without a frame pointer (Makefile), as the run loop. */
static __attribute__((noinline)) bool series(struct lab *lab)
{
    struct vmx_vcpu *v = &lab->cell.vcpu;
    struct exit x = {0};

    for (u32 i = 0; i < LAB_SERIES; i++) {
        const u64 start = rdtsc();

        fence();
        if (vmx_run(&v, &x) != EXIT_PREEMPTION_TIMER)
            return false;
        fence();
        lab->sample[i] = rdtsc() - start;
    }
    return true;
}

static void measure_way(struct lab *lab, u32 mitigation, const char *name)
{
    const struct lab_row row = {
        name, "mitigation",
        mitigation ? "the way of mitigation/none with this mitigation on it"
                   : "vmx_run() without any mitigation, the timer at 0; no guest instruction"};
    struct lab_cell *c = &lab->cell;

    c->mitigations = mitigation;
    lab_cell_reset(c);
    c->mitigations = 0;
    lab_cell_at(c, lab_code_call);
    vmcs_w32(VMCS_PREEMPTION_TIMER, 0);
    if (series(lab))
        lab_report_series(lab, &row);
    else
        log_warning("lab: %s: the guest exited otherwise", name);
}

static void measure_instructions(struct lab *lab)
{
    const u32 has = cpuid(0, 0).eax >= 7 ? cpuid(7, 0).edx : 0;
    u64 *const s = lab->sample;

    if (has & CPUID_7_EDX_MD_CLEAR) {
        lab_bare_verw(s, LAB_SERIES);
        lab_report_series(lab, LAB_ROW("insn-verw", "mitigation", "VERW, which clears buffers"));
    }
    if (has & CPUID_7_EDX_L1D_FLUSH) {
        lab_bare_wrmsr(s, LAB_SERIES, MSR_FLUSH_CMD, FLUSH_CMD_L1D);
        lab_report_series(lab,
                          LAB_ROW("insn-l1d-flush", "mitigation", "3 MOV, WRMSR of FLUSH_CMD"));
    }
    if (has & CPUID_7_EDX_IBRS_IBPB) {
        lab_bare_wrmsr(s, LAB_SERIES, MSR_PRED_CMD, PRED_CMD_IBPB);
        lab_report_series(lab, LAB_ROW("insn-ibpb", "mitigation", "3 MOV, WRMSR of PRED_CMD"));
        lab_bare_wrmsr(s, LAB_SERIES, MSR_SPEC_CTRL, rdmsr(MSR_SPEC_CTRL));
        lab_report_series(
            lab, LAB_ROW("insn-spec-ctrl", "mitigation", "3 MOV, WRMSR of SPEC_CTRL, unchanged"));
    }
}

void lab_mitigations(struct lab *lab)
{
    const u32 possible = vmx_mitigation_plan()->possible & (MITIGATE_ENTRY | MITIGATE_EXIT);

    measure_way(lab, 0, "none");
    for (u32 rest = possible; rest; rest &= rest - 1)
        measure_way(lab, rest & (0 - rest), mitigation_name(rest & (0 - rest)));
    measure_instructions(lab);
}
