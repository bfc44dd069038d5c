/* The plan: for each vulnerability, does this processor have it, and what helps?  Enumeration and
 * mitigations as in Intel's "CPUID Enumeration and Architectural MSRs" and in its guidance on each
 * vulnerability; SDM Vol. 4, "Architectural MSRs" (IA32_ARCH_CAPABILITIES, IA32_SPEC_CTRL,
 * IA32_PRED_CMD, IA32_FLUSH_CMD).  Pure. */
#include "vmx/mitigation.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/msr.h"
#include "lib/fmt.h"

/* What the rows below ask for, out of CPUID and IA32_ARCH_CAPABILITIES. */
enum feature {
    HAS_IBRS = BIT32(0),     /* IA32_SPEC_CTRL.IBRS */
    HAS_IBPB = BIT32(1),     /* IA32_PRED_CMD.IBPB */
    HAS_EIBRS = BIT32(2),    /* IBRS may stay 1 */
    HAS_BHI_CTRL = BIT32(3), /* IA32_SPEC_CTRL.BHI_DIS_S */
    HAS_L1D_FLUSH = BIT32(4),
    HAS_MD_CLEAR = BIT32(5),   /* VERW overwrites buffers */
    HAS_FB_CLEAR = BIT32(6),   /* VERW overwrites fill buffers, MDS or not */
    HAS_RFDS_CLEAR = BIT32(7), /* VERW overwrites register files */
    HAS_GDS_CTRL = BIT32(8),   /* microcode that ends GDS */
    HAS_SRBDS_CTRL = BIT32(9), /* microcode that ends SRBDS */
    HAS_TSX = BIT32(10),       /* transactions, or the MSR that switches them on */
    L1D_IS_FLUSHED = BIT32(11),
    NO_DEVICE_MEMORY = BIT32(12),
};

// clang-format off
/* Which vulnerabilities there are.  Not affected: all bits of `immune` are 1, or the processor lacks
 * `only_with`, or has `not_with`, or its model is not listed and no bit of `tells` is 1. */
static const struct {
    const char *name;
    u64 immune;    /* of IA32_ARCH_CAPABILITIES */
    u64 tells;     /* the same */
    u32 only_with; /* enum feature */
    u32 not_with;
    bool threads;  /* works from the other thread of the core, too */
    const char *without; /* the reason if one of the two is why not */
} vulnerabilities[VULNERABILITIES] = {
    [VULN_L1TF]  = {"L1TF",  ARCH_CAP_RDCL_NO,           0, 0, 0,                      true, NULL},
    [VULN_MDS]   = {"MDS",   ARCH_CAP_MDS_NO,            0, 0, 0,                      true, NULL},
    [VULN_TAA]   = {"TAA",   ARCH_CAP_TAA_NO,            0, HAS_TSX, 0,                true,  "no TSX"},
    [VULN_MMIO]  = {"MMIO",  ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO | ARCH_CAP_PSDP_NO, 0, 0, 0, false, NULL},
    [VULN_RFDS]  = {"RFDS",  ARCH_CAP_RFDS_NO,           ARCH_CAP_RFDS_CLEAR, 0, 0,    false, NULL},
    [VULN_BTI]   = {"BTI",   0,                          0, 0, 0,                      false, NULL},
    [VULN_RSBA]  = {"RSBA",  0,                          ARCH_CAP_RSBA, 0, 0,          false, NULL},
    [VULN_PBRSB] = {"PBRSB", ARCH_CAP_PBRSB_NO,          0, HAS_EIBRS, 0,              false, "no EIBRS"},
    [VULN_BHI]   = {"BHI",   ARCH_CAP_BHI_NO,            0, HAS_EIBRS, 0,              false, "no EIBRS"},
    [VULN_ITS]   = {"ITS",   ARCH_CAP_ITS_NO,            0, HAS_EIBRS, HAS_BHI_CTRL,   false, "other cores only"},
    [VULN_GDS]   = {"GDS",   ARCH_CAP_GDS_NO,            0, 0, 0,                      false, NULL},
    [VULN_SRBDS] = {"SRBDS", 0,                          0, 0, 0,                      false, NULL},
    [VULN_ITLB]  = {"ITLB",  ARCH_CAP_IF_PSCHANGE_MC_NO, 0, 0, 0,                      false, NULL},
};

/* What helps.  For each vulnerability the first row whose `need` the processor has counts; the last
 * needs nothing. */
static const struct remedy {
    u8 vulnerability;
    bool open;  /* nothing, or not all, is done */
    u32 need;   /* enum feature */
    u32 flags;  /* enum mitigation */
    const char *why;
} remedies[] = {
    {VULN_L1TF,  false, L1D_IS_FLUSHED,      0,                  "the hypervisor below flushes"},
    {VULN_L1TF,  false, HAS_L1D_FLUSH,       MITIGATE_L1D_FLUSH, "L1D flush at entry"},
    {VULN_L1TF,  true,  0,                   0,                  "needs microcode with L1D_FLUSH"},
    {VULN_MDS,   false, HAS_MD_CLEAR,        MITIGATE_VERW,      "VERW at entry"},
    {VULN_MDS,   true,  0,                   0,                  "needs microcode with MD_CLEAR"},
    {VULN_TAA,   false, HAS_MD_CLEAR,        MITIGATE_VERW,      "VERW at entry"},
    {VULN_TAA,   true,  0,                   0,                  "needs microcode with MD_CLEAR"},
    {VULN_MMIO,  false, NO_DEVICE_MEMORY,    0,                  "no guest has device memory"},
    {VULN_MMIO,  false, HAS_FB_CLEAR,        MITIGATE_VERW,      "VERW at entry"},
    {VULN_MMIO,  true,  0,                   0,                  "needs microcode with FB_CLEAR"},
    {VULN_RFDS,  false, HAS_RFDS_CLEAR,      MITIGATE_VERW,      "VERW at entry"},
    {VULN_RFDS,  true,  0,                   0,                  "needs microcode with RFDS_CLEAR"},
    {VULN_BTI,   false, HAS_EIBRS | HAS_IBPB, MITIGATE_EIBRS | MITIGATE_IBPB,
                                             "enhanced IBRS, IBPB between guests"},
    {VULN_BTI,   false, HAS_IBRS | HAS_IBPB, MITIGATE_IBRS | MITIGATE_RSB | MITIGATE_IBPB,
                                             "IBRS and RSB at exit, IBPB between guests"},
    {VULN_BTI,   true,  HAS_IBPB,            MITIGATE_RSB | MITIGATE_IBPB,
                                             "only RSB at exit, IBPB between guests: no IBRS"},
    {VULN_BTI,   true,  0,                   MITIGATE_RSB,
                                             "only RSB at exit: needs microcode with IBRS"},
    {VULN_RSBA,  false, HAS_EIBRS,           MITIGATE_EIBRS,     "enhanced IBRS"},
    {VULN_RSBA,  false, HAS_IBRS,            MITIGATE_IBRS,      "IBRS at exit"},
    {VULN_RSBA,  true,  0,                   0,                  "needs microcode with IBRS"},
    {VULN_PBRSB, false, 0,                   MITIGATE_RSB,       "a CALL before the RET at exit"},
    {VULN_BHI,   false, HAS_BHI_CTRL,        MITIGATE_BHI_DIS_S, "BHI_DIS_S"},
    {VULN_BHI,   false, 0,                   MITIGATE_BHB_LOOP,  "history overwritten at exit"},
    {VULN_ITS,   true,  0,                   0,                  "branches are not placed for it"},
    {VULN_GDS,   false, HAS_GDS_CTRL,        0,                  "microcode"},
    {VULN_GDS,   true,  0,                   0,                  "needs microcode with GDS_CTRL"},
    {VULN_SRBDS, false, HAS_SRBDS_CTRL,      0,                  "microcode"},
    {VULN_SRBDS, true,  0,                   0,                  "needs microcode with SRBDS_CTRL"},
    {VULN_ITLB,  false, 0,                   MITIGATE_EPT_4K,    "executable EPT pages of 4 KiB"},
};
// clang-format on

/* Values of mitigation_plan.reason behind the rows of remedies[]. */
enum { REASON_SWITCHED_OFF = 250, REASON_ENUMERATED, REASON_LACKS, REASON_MODEL };
_Static_assert(ARRAY_LEN(remedies) < REASON_SWITCHED_OFF, "a row's number fits");

static u32 features(const struct mitigation_cpu *cpu)
{
    const u32 edx = cpu->leaf7_edx;
    const u64 caps = cpu->arch_caps;
    u32 has = 0;

    if (edx & CPUID_7_EDX_IBRS_IBPB)
        has |= HAS_IBRS | HAS_IBPB;
    if (cpu->leaf_80000008_ebx & CPUID_80000008_EBX_IBPB)
        has |= HAS_IBPB;
    if ((has & HAS_IBRS) && (caps & ARCH_CAP_IBRS_ALL))
        has |= HAS_EIBRS;
    if ((has & HAS_IBRS) && (cpu->leaf7_2_edx & CPUID_7_2_EDX_BHI_CTRL))
        has |= HAS_BHI_CTRL;
    if (edx & CPUID_7_EDX_L1D_FLUSH)
        has |= HAS_L1D_FLUSH;
    if (edx & CPUID_7_EDX_MD_CLEAR)
        has |= HAS_MD_CLEAR;
    /* With MDS, MD_CLEAR is about the fill buffers in any case. */
    if ((caps & ARCH_CAP_FB_CLEAR) ||
        (!(caps & ARCH_CAP_MDS_NO) && (has & HAS_L1D_FLUSH) && (has & HAS_MD_CLEAR)))
        has |= HAS_FB_CLEAR;
    if (caps & ARCH_CAP_RFDS_CLEAR)
        has |= HAS_RFDS_CLEAR;
    if (caps & ARCH_CAP_GDS_CTRL)
        has |= HAS_GDS_CTRL;
    if (edx & CPUID_7_EDX_SRBDS_CTRL)
        has |= HAS_SRBDS_CTRL;
    if ((cpu->leaf7_ebx & CPUID_7_EBX_RTM) || (caps & ARCH_CAP_TSX_CTRL))
        has |= HAS_TSX;
    if (caps & ARCH_CAP_SKIP_L1DFL_VMENTRY)
        has |= L1D_IS_FLUSHED;
    if (!cpu->device_memory)
        has |= NO_DEVICE_MEMORY;
    return has;
}

/* 0: affected; else the reason why not. */
static u8 not_affected(const struct mitigation_cpu *cpu, u32 has, u32 v)
{
    const u64 immune = vulnerabilities[v].immune;

    if (immune && (cpu->arch_caps & immune) == immune)
        return REASON_ENUMERATED;
    if ((has & vulnerabilities[v].only_with) != vulnerabilities[v].only_with ||
        (has & vulnerabilities[v].not_with))
        return REASON_LACKS;
    if (!(cpu->model & BIT32(v)) && !(cpu->arch_caps & vulnerabilities[v].tells))
        return REASON_MODEL;
    return 0;
}

static void treat(struct mitigation_plan *plan, u32 has, u32 v, bool on)
{
    u8 row = 0;

    while (remedies[row].vulnerability != v || (remedies[row].need & has) != remedies[row].need)
        row++;
    plan->affected |= (u16)BIT32(v);
    plan->reason[v] = row;
    if (!on && remedies[row].flags) {
        plan->open |= (u16)BIT32(v);
        plan->reason[v] = REASON_SWITCHED_OFF;
        return;
    }
    plan->flags |= remedies[row].flags;
    if (remedies[row].open)
        plan->open |= (u16)BIT32(v);
}

static u32 possible(u32 has)
{
    u32 flags =
        MITIGATE_VERW | MITIGATE_RSB | MITIGATE_BHB_LOOP | MITIGATE_EPT_4K | MITIGATE_SMT_WARN;

    if (has & HAS_L1D_FLUSH)
        flags |= MITIGATE_L1D_FLUSH;
    if (has & HAS_IBRS)
        flags |= MITIGATE_IBRS;
    if (has & HAS_EIBRS)
        flags |= MITIGATE_EIBRS;
    if (has & HAS_BHI_CTRL)
        flags |= MITIGATE_BHI_DIS_S;
    if (has & HAS_IBPB)
        flags |= MITIGATE_IBPB;
    return flags;
}

void mitigation_plan_make(struct mitigation_plan *plan, const struct mitigation_cpu *cpu, bool on)
{
    const u32 has = features(cpu);

    *plan = (struct mitigation_plan){.possible = possible(has), .off = !on};
    for (u32 v = 0; v < VULNERABILITIES; v++) {
        plan->reason[v] = not_affected(cpu, has, v);
        if (plan->reason[v] == 0)
            treat(plan, has, v, on);
        if ((plan->affected & BIT32(v)) && vulnerabilities[v].threads && cpu->smt && on)
            plan->flags |= MITIGATE_SMT_WARN;
    }
    if (plan->flags & (MITIGATE_IBRS | MITIGATE_EIBRS))
        plan->spec_ctrl |= SPEC_CTRL_IBRS;
    if (plan->flags & MITIGATE_BHI_DIS_S)
        plan->spec_ctrl |= SPEC_CTRL_BHI_DIS_S;
}

const char *vulnerability_name(enum vulnerability v)
{
    return vulnerabilities[v].name;
}

const char *mitigation_reason(const struct mitigation_plan *plan, enum vulnerability v)
{
    switch (plan->reason[v]) {
    case REASON_SWITCHED_OFF: return "switched off";
    case REASON_ENUMERATED: return "enumerated";
    case REASON_LACKS: return vulnerabilities[v].without;
    case REASON_MODEL: return "model";
    default: return remedies[plan->reason[v]].why;
    }
}

const char *mitigation_name(u32 flag)
{
    static const char *const names[] = {
        "L1D_FLUSH", "VERW",      "IBRS", "RSB",    "BHB_LOOP",
        "EIBRS",     "BHI_DIS_S", "IBPB", "EPT_4K", "SMT_WARN",
    };

    for (u32 i = 0; i < ARRAY_LEN(names); i++)
        if (flag == BIT32(i))
            return names[i];
    return "?";
}

static enum mitigation_state state_of(const struct mitigation_plan *plan, u32 v)
{
    if (plan->open & BIT32(v))
        return MITIGATION_OPEN;
    return plan->affected & BIT32(v) ? MITIGATION_ON : MITIGATION_NOT_AFFECTED;
}

void mitigation_text(const struct mitigation_plan *plan, enum mitigation_state state,
                     char text[MITIGATION_TEXT_MAX])
{
    static const char *const heads[] = {"on", "open", "not affected"};
    const char *mark = ": ";
    size_t used = fmt_buf(text, MITIGATION_TEXT_MAX, "%s", heads[state]);

    for (u32 v = 0; v < VULNERABILITIES; v++) {
        if (state_of(plan, v) != state || used >= MITIGATION_TEXT_MAX)
            continue;
        used += fmt_buf(text + used, MITIGATION_TEXT_MAX - used, "%s%s (%s)", mark,
                        vulnerability_name(v), mitigation_reason(plan, v));
        mark = ", ";
    }
    if (*mark == ':' && used < MITIGATION_TEXT_MAX)
        fmt_buf(text + used, MITIGATION_TEXT_MAX - used, ": nothing");
}
