/* VM-entry rules about the guest's registers other than segments, and its non-register state.
 * SDM Vol. 3C, "Checks on the Guest State Area".  Pure. */
#include "tools/explain/check_rules.h"
#include "vmx/qual.h"

#define REGISTERS "Checks on Guest Control Registers, Debug Registers, and MSRs"
#define FLOW      "Checks on Guest RIP, RFLAGS, and SSP"
#define OTHER     "Checks on Guest Non-Register State"
#define PDPTES    "Checks on Guest Page-Directory-Pointer-Table Entries"

/* ---- control registers, debug registers, MSRs */

static bool cr0_fixed(const struct vmcs_image *i, u32 arg)
{
    u64 fixed0 = vmx_cap(i->caps, MSR_VMX_CR0_FIXED0);

    (void)arg;
    if (check_has(i, WORD_CPU2, CPU2_UNRESTRICTED_GUEST))
        fixed0 &= ~(CR0_PE | CR0_PG);
    return check_fixed(FIELD(i, GUEST_CR0), fixed0, vmx_cap(i->caps, MSR_VMX_CR0_FIXED1));
}

static bool cr0_paging(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !(FIELD(i, GUEST_CR0) & CR0_PG) || (FIELD(i, GUEST_CR0) & CR0_PE);
}

static bool cr4_fixed(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return check_fixed(FIELD(i, GUEST_CR4), vmx_cap(i->caps, MSR_VMX_CR4_FIXED0),
                       vmx_cap(i->caps, MSR_VMX_CR4_FIXED1));
}

static bool cr4_cet(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !(FIELD(i, GUEST_CR4) & CR4_CET) || (FIELD(i, GUEST_CR0) & CR0_WP);
}

static bool ia32e_paging(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !guest_is_ia32e(i) ||
           ((FIELD(i, GUEST_CR0) & CR0_PG) && (FIELD(i, GUEST_CR4) & CR4_PAE));
}

static bool cr4_pcid(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return guest_is_ia32e(i) || !(FIELD(i, GUEST_CR4) & CR4_PCIDE);
}

static bool cr3(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return check_phys(i, FIELD(i, GUEST_CR3));
}

static bool debugctl(const struct vmcs_image *i, u32 arg)
{
    const u64 defined = 0xdfc7; /* bits 5:3, 13 and 63:16 are reserved */

    (void)arg;
    return !check_has(i, WORD_VMENTRY, VMENTRY_LOAD_DEBUG_CONTROLS) ||
           !(FIELD(i, GUEST_DEBUGCTL) & ~defined);
}

static bool dr7(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !check_has(i, WORD_VMENTRY, VMENTRY_LOAD_DEBUG_CONTROLS) || !(FIELD(i, GUEST_DR7) >> 32);
}

static bool canonical(const struct vmcs_image *i, u32 index)
{
    return check_canonical(i, i->field[index]);
}

static bool pat(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !check_has(i, WORD_VMENTRY, VMENTRY_LOAD_PAT) || check_pat(FIELD(i, GUEST_PAT));
}

static bool efer_reserved(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !check_has(i, WORD_VMENTRY, VMENTRY_LOAD_EFER) ||
           !(FIELD(i, GUEST_EFER) & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE));
}

static bool efer_lma(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !check_has(i, WORD_VMENTRY, VMENTRY_LOAD_EFER) ||
           !!(FIELD(i, GUEST_EFER) & EFER_LMA) == guest_is_ia32e(i);
}

static bool efer_lme(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !check_has(i, WORD_VMENTRY, VMENTRY_LOAD_EFER) || !(FIELD(i, GUEST_CR0) & CR0_PG) ||
           !!(FIELD(i, GUEST_EFER) & EFER_LMA) == !!(FIELD(i, GUEST_EFER) & EFER_LME);
}

/* ---- RIP and RFLAGS */

static bool rip(const struct vmcs_image *i, u32 arg)
{
    const bool code64 = guest_is_ia32e(i) && (FIELD(i, GUEST_CS_AR) & BIT(13));
    const u64 upper = FIELD(i, GUEST_RIP) >> i->linear_bits;

    (void)arg;
    if (!code64)
        return !(FIELD(i, GUEST_RIP) >> 32);
    return upper == 0 || upper == UINT64_MAX >> i->linear_bits;
}

static bool rflags_reserved(const struct vmcs_image *i, u32 arg)
{
    const u64 zero = ~0x3f7fd7ull; /* 63:22, 15, 5, 3 */

    (void)arg;
    return !(FIELD(i, GUEST_RFLAGS) & zero) && (FIELD(i, GUEST_RFLAGS) & RFLAGS_FIXED_1);
}

static bool rflags_vm(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !guest_is_v8086(i) || (!guest_is_ia32e(i) && (FIELD(i, GUEST_CR0) & CR0_PE));
}

static bool injects(const struct vmcs_image *i, enum intr_type type)
{
    const u32 info = (u32)FIELD(i, ENTRY_INTR_INFO);

    return (info & INTR_INFO_VALID) && intr_info_type(info) == type;
}

static bool rflags_if(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !injects(i, INTR_EXTERNAL) || (FIELD(i, GUEST_RFLAGS) & RFLAGS_IF);
}

/* ---- non-register state */

enum { ACTIVE, HLT, SHUTDOWN, WAIT_FOR_SIPI, ACTIVITY_STATES };

#define BLOCKING_STI    BIT(0)
#define BLOCKING_MOV_SS BIT(1)
#define BLOCKING_SMI    BIT(2)
#define BLOCKING_NMI    BIT(3)

static bool activity(const struct vmcs_image *i, u32 arg)
{
    const u64 misc = vmx_cap(i->caps, MSR_VMX_MISC);
    const u64 state = FIELD(i, GUEST_ACTIVITY);

    (void)arg;
    return state == ACTIVE ||
           (state < ACTIVITY_STATES && (misc & VMX_MISC_ACTIVITY_HLT << (state - 1)));
}
_Static_assert(VMX_MISC_ACTIVITY_HLT << 2 == VMX_MISC_ACTIVITY_WAIT_SIPI, "in the states' order");

static bool activity_cpl(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return FIELD(i, GUEST_ACTIVITY) != HLT || !(FIELD(i, GUEST_SS_AR) >> 5 & 3);
}

static bool activity_blocking(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return FIELD(i, GUEST_ACTIVITY) == ACTIVE ||
           !(FIELD(i, GUEST_INTERRUPTIBILITY) & (BLOCKING_STI | BLOCKING_MOV_SS));
}

/* Which events may end an inactive state. */
static bool activity_event(const struct vmcs_image *i, u32 arg)
{
    const u32 info = (u32)FIELD(i, ENTRY_INTR_INFO);
    const u32 type = intr_info_type(info);
    const u32 vector = info & INTR_INFO_VECTOR;
    const bool mc = type == INTR_HARDWARE_EXCEPTION && vector == VEC_MC;

    (void)arg;
    if (!(info & INTR_INFO_VALID))
        return true;
    switch (FIELD(i, GUEST_ACTIVITY)) {
    case ACTIVE: return true;
    case HLT:
        return type == INTR_EXTERNAL || type == INTR_NMI || mc ||
               (type == INTR_HARDWARE_EXCEPTION && vector == VEC_DB) ||
               (type == INTR_OTHER_EVENT && vector == 0);
    case SHUTDOWN: return type == INTR_NMI || mc;
    case WAIT_FOR_SIPI: return false;
    default: return true; /* the state is wrong already */
    }
}

/* Bit 4, enclave interruption, counts as reserved: no guest runs enclaves. */
static bool blocking_reserved(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !(FIELD(i, GUEST_INTERRUPTIBILITY) >> 4);
}

static bool blocking_both(const struct vmcs_image *i, u32 arg)
{
    const u64 both = BLOCKING_STI | BLOCKING_MOV_SS;

    (void)arg;
    return (FIELD(i, GUEST_INTERRUPTIBILITY) & both) != both;
}

static bool blocking_sti_if(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !(FIELD(i, GUEST_INTERRUPTIBILITY) & BLOCKING_STI) ||
           (FIELD(i, GUEST_RFLAGS) & RFLAGS_IF);
}

static bool blocking_external(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !injects(i, INTR_EXTERNAL) ||
           !(FIELD(i, GUEST_INTERRUPTIBILITY) & (BLOCKING_STI | BLOCKING_MOV_SS));
}

/* That blocking by STI forbids an NMI is up to the processor model: not to be relied on. */
static bool blocking_nmi(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !injects(i, INTR_NMI) ||
           !(FIELD(i, GUEST_INTERRUPTIBILITY) & (BLOCKING_STI | BLOCKING_MOV_SS));
}

static bool blocking_smi(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !(FIELD(i, GUEST_INTERRUPTIBILITY) & BLOCKING_SMI); /* the processor is not in SMM */
}

static bool blocking_virtual_nmi(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !injects(i, INTR_NMI) || !check_has(i, WORD_PIN, PIN_VIRTUAL_NMIS) ||
           !(FIELD(i, GUEST_INTERRUPTIBILITY) & BLOCKING_NMI);
}

static bool pending_reserved(const struct vmcs_image *i, u32 arg)
{
    const u64 defined = 0xf | BIT(12) | DR6_BS | DR6_RTM;

    (void)arg;
    return !(FIELD(i, GUEST_PENDING_DEBUG) & ~defined);
}

static bool pending_single_step(const struct vmcs_image *i, u32 arg)
{
    const bool held = (FIELD(i, GUEST_INTERRUPTIBILITY) & (BLOCKING_STI | BLOCKING_MOV_SS)) ||
                      FIELD(i, GUEST_ACTIVITY) == HLT;
    const bool step =
        (FIELD(i, GUEST_RFLAGS) & RFLAGS_TF) && !(FIELD(i, GUEST_DEBUGCTL) & DEBUGCTL_BTF);

    (void)arg;
    return !held || !!(FIELD(i, GUEST_PENDING_DEBUG) & DR6_BS) == step;
}

static bool pending_rtm(const struct vmcs_image *i, u32 arg)
{
    const u64 p = FIELD(i, GUEST_PENDING_DEBUG);

    (void)arg;
    return !(p & DR6_RTM) ||
           (!(p & 0xfff) && (p & BIT(12)) && !(FIELD(i, GUEST_INTERRUPTIBILITY) & BLOCKING_MOV_SS));
}

static bool link_pointer(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return FIELD(i, LINK_POINTER) == UINT64_MAX || check_page(i, FIELD(i, LINK_POINTER));
}

static bool pdpte(const struct vmcs_image *i, u32 index)
{
    const bool pae = (FIELD(i, GUEST_CR0) & CR0_PG) && (FIELD(i, GUEST_CR4) & CR4_PAE);
    const u64 e = i->field[index];

    if (!pae || guest_is_ia32e(i) || !check_has(i, WORD_CPU2, CPU2_EPT) || !(e & 1))
        return true;
    return !(e & 0x1e6) && check_phys(i, e);
}

// clang-format off
static const struct vmcs_rule rules[] = {
    RULE("guest CR0 fixed bits", REGISTERS, cr0_fixed, 0, IX(GUEST_CR0)),
    RULE("guest CR0.PG needs CR0.PE", REGISTERS, cr0_paging, 0, IX(GUEST_CR0)),
    RULE("guest CR4 fixed bits", REGISTERS, cr4_fixed, 0, IX(GUEST_CR4)),
    RULE("guest CR4.CET needs CR0.WP", REGISTERS, cr4_cet, 0, IX(GUEST_CR0), IX(GUEST_CR4)),
    RULE("IA-32e mode guest needs CR0.PG and CR4.PAE", REGISTERS, ia32e_paging, 0, IX(ENTRY_CONTROLS), IX(GUEST_CR0), IX(GUEST_CR4)),
    RULE("guest CR4.PCIDE needs IA-32e mode", REGISTERS, cr4_pcid, 0, IX(ENTRY_CONTROLS), IX(GUEST_CR4)),
    RULE("guest CR3 within the physical-address width", REGISTERS, cr3, 0, IX(GUEST_CR3)),
    RULE("guest IA32_DEBUGCTL reserved bits", REGISTERS, debugctl, 0, IX(GUEST_DEBUGCTL)),
    RULE("guest DR7 below 4 GiB", REGISTERS, dr7, 0, IX(GUEST_DR7)),
    RULE("guest IA32_SYSENTER_ESP canonical", REGISTERS, canonical, IX(GUEST_SYSENTER_ESP), IX(GUEST_SYSENTER_ESP)),
    RULE("guest IA32_SYSENTER_EIP canonical", REGISTERS, canonical, IX(GUEST_SYSENTER_EIP), IX(GUEST_SYSENTER_EIP)),
    RULE("guest IA32_PAT memory types", REGISTERS, pat, 0, IX(GUEST_PAT)),
    RULE("guest IA32_EFER reserved bits", REGISTERS, efer_reserved, 0, IX(GUEST_EFER)),
    RULE("guest IA32_EFER.LMA is IA-32e mode guest", REGISTERS, efer_lma, 0, IX(GUEST_EFER), IX(ENTRY_CONTROLS)),
    RULE("guest IA32_EFER.LME is LMA under paging", REGISTERS, efer_lme, 0, IX(GUEST_EFER), IX(GUEST_CR0)),
    RULE("guest RIP", FLOW, rip, 0, IX(GUEST_RIP), IX(GUEST_CS_AR), IX(ENTRY_CONTROLS)),
    RULE("guest RFLAGS reserved bits", FLOW, rflags_reserved, 0, IX(GUEST_RFLAGS)),
    RULE("guest RFLAGS.VM", FLOW, rflags_vm, 0, IX(GUEST_RFLAGS), IX(GUEST_CR0), IX(ENTRY_CONTROLS)),
    RULE("an external interrupt needs RFLAGS.IF", FLOW, rflags_if, 0, IX(GUEST_RFLAGS), IX(ENTRY_INTR_INFO)),
    RULE("activity state is supported", OTHER, activity, 0, IX(GUEST_ACTIVITY)),
    RULE("HLT state needs SS.DPL 0", OTHER, activity_cpl, 0, IX(GUEST_ACTIVITY), IX(GUEST_SS_AR)),
    RULE("blocking by STI or MOV SS needs the active state", OTHER, activity_blocking, 0, IX(GUEST_ACTIVITY), IX(GUEST_INTERRUPTIBILITY)),
    RULE("event against the activity state", OTHER, activity_event, 0, IX(GUEST_ACTIVITY), IX(ENTRY_INTR_INFO)),
    RULE("interruptibility reserved bits", OTHER, blocking_reserved, 0, IX(GUEST_INTERRUPTIBILITY)),
    RULE("blocking by both STI and MOV SS", OTHER, blocking_both, 0, IX(GUEST_INTERRUPTIBILITY)),
    RULE("blocking by STI needs RFLAGS.IF", OTHER, blocking_sti_if, 0, IX(GUEST_INTERRUPTIBILITY), IX(GUEST_RFLAGS)),
    RULE("blocking against an external interrupt", OTHER, blocking_external, 0, IX(GUEST_INTERRUPTIBILITY), IX(ENTRY_INTR_INFO)),
    RULE("blocking by STI or MOV SS against an NMI", OTHER, blocking_nmi, 0, IX(GUEST_INTERRUPTIBILITY), IX(ENTRY_INTR_INFO)),
    RULE("blocking by SMI outside of SMM", OTHER, blocking_smi, 0, IX(GUEST_INTERRUPTIBILITY)),
    RULE("blocking by NMI against an NMI", OTHER, blocking_virtual_nmi, 0, IX(GUEST_INTERRUPTIBILITY), IX(ENTRY_INTR_INFO)),
    RULE("pending debug exceptions: reserved bits", OTHER, pending_reserved, 0, IX(GUEST_PENDING_DEBUG)),
    RULE("pending debug exceptions: BS", OTHER, pending_single_step, 0, IX(GUEST_PENDING_DEBUG), IX(GUEST_RFLAGS), IX(GUEST_DEBUGCTL), IX(GUEST_INTERRUPTIBILITY)),
    RULE("pending debug exceptions: RTM", OTHER, pending_rtm, 0, IX(GUEST_PENDING_DEBUG), IX(GUEST_INTERRUPTIBILITY)),
    RULE("VMCS link pointer", OTHER, link_pointer, 0, IX(LINK_POINTER)),
    RULE("guest PDPTE0", PDPTES, pdpte, IX(GUEST_PDPTE0), IX(GUEST_PDPTE0)),
    RULE("guest PDPTE1", PDPTES, pdpte, IX(GUEST_PDPTE1), IX(GUEST_PDPTE1)),
    RULE("guest PDPTE2", PDPTES, pdpte, IX(GUEST_PDPTE2), IX(GUEST_PDPTE2)),
    RULE("guest PDPTE3", PDPTES, pdpte, IX(GUEST_PDPTE3), IX(GUEST_PDPTE3)),
};
// clang-format on

const struct vmcs_rules vmx_rules_guest = RULES(rules);
