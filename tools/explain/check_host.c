/* VM-entry rules about the host-state area.  SDM Vol. 3C, "Checks on Host-State Area".  The
 * processor is in IA-32e mode: a hypervisor that is not could not run this.  Pure. */
#include "tools/explain/check_rules.h"

#define REGISTERS "Checks on Host Control Registers, MSRs, and SSP"
#define SEGMENTS  "Checks on Host Segment and Descriptor-Table Registers"
#define MODE      "Checks Related to Address-Space Size"

static bool cr0(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return check_fixed(FIELD(i, HOST_CR0), vmx_cap(i->caps, MSR_VMX_CR0_FIXED0),
                       vmx_cap(i->caps, MSR_VMX_CR0_FIXED1));
}

static bool cr4(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return check_fixed(FIELD(i, HOST_CR4), vmx_cap(i->caps, MSR_VMX_CR4_FIXED0),
                       vmx_cap(i->caps, MSR_VMX_CR4_FIXED1));
}

static bool cet(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !(FIELD(i, HOST_CR4) & CR4_CET) || (FIELD(i, HOST_CR0) & CR0_WP);
}

static bool cr3(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return check_phys(i, FIELD(i, HOST_CR3));
}

static bool canonical(const struct vmcs_image *i, u32 index)
{
    return check_canonical(i, i->field[index]);
}

static bool pat(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !check_has(i, WORD_VMEXIT, VMEXIT_LOAD_PAT) || check_pat(FIELD(i, HOST_PAT));
}

static bool efer_reserved(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !check_has(i, WORD_VMEXIT, VMEXIT_LOAD_EFER) ||
           !(FIELD(i, HOST_EFER) & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE));
}

static bool efer_mode(const struct vmcs_image *i, u32 arg)
{
    const bool size64 = check_has(i, WORD_VMEXIT, VMEXIT_HOST_ADDRESS_SPACE_SIZE);
    const bool lma = FIELD(i, HOST_EFER) & EFER_LMA;
    const bool lme = FIELD(i, HOST_EFER) & EFER_LME;

    (void)arg;
    return !check_has(i, WORD_VMEXIT, VMEXIT_LOAD_EFER) || (lma == size64 && lme == size64);
}

static bool selector(const struct vmcs_image *i, u32 index)
{
    return !(i->field[index] & 7); /* RPL and TI */
}

static bool not_null(const struct vmcs_image *i, u32 index)
{
    return i->field[index];
}

static bool size64(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return check_has(i, WORD_VMEXIT, VMEXIT_HOST_ADDRESS_SPACE_SIZE);
}

static bool pae(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !size64(i, 0) || (FIELD(i, HOST_CR4) & CR4_PAE);
}

static bool rip(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !size64(i, 0) || check_canonical(i, FIELD(i, HOST_RIP));
}

// clang-format off
static const struct vmcs_rule rules[] = {
    RULE("host CR0 fixed bits", REGISTERS, cr0, 0, IX(HOST_CR0)),
    RULE("host CR4 fixed bits", REGISTERS, cr4, 0, IX(HOST_CR4)),
    RULE("host CR4.CET needs CR0.WP", REGISTERS, cet, 0, IX(HOST_CR0), IX(HOST_CR4)),
    RULE("host CR3 within the physical-address width", REGISTERS, cr3, 0, IX(HOST_CR3)),
    RULE("host IA32_SYSENTER_ESP canonical", REGISTERS, canonical, IX(HOST_SYSENTER_ESP), IX(HOST_SYSENTER_ESP)),
    RULE("host IA32_SYSENTER_EIP canonical", REGISTERS, canonical, IX(HOST_SYSENTER_EIP), IX(HOST_SYSENTER_EIP)),
    RULE("host IA32_PAT memory types", REGISTERS, pat, 0, IX(HOST_PAT)),
    RULE("host IA32_EFER reserved bits", REGISTERS, efer_reserved, 0, IX(HOST_EFER)),
    RULE("host IA32_EFER.LMA and LME", REGISTERS, efer_mode, 0, IX(HOST_EFER), IX(EXIT_CONTROLS)),
    RULE("host ES selector", SEGMENTS, selector, IX(HOST_ES_SEL), IX(HOST_ES_SEL)),
    RULE("host CS selector", SEGMENTS, selector, IX(HOST_CS_SEL), IX(HOST_CS_SEL)),
    RULE("host SS selector", SEGMENTS, selector, IX(HOST_SS_SEL), IX(HOST_SS_SEL)),
    RULE("host DS selector", SEGMENTS, selector, IX(HOST_DS_SEL), IX(HOST_DS_SEL)),
    RULE("host FS selector", SEGMENTS, selector, IX(HOST_FS_SEL), IX(HOST_FS_SEL)),
    RULE("host GS selector", SEGMENTS, selector, IX(HOST_GS_SEL), IX(HOST_GS_SEL)),
    RULE("host TR selector", SEGMENTS, selector, IX(HOST_TR_SEL), IX(HOST_TR_SEL)),
    RULE("host CS selector is not 0", SEGMENTS, not_null, IX(HOST_CS_SEL), IX(HOST_CS_SEL)),
    RULE("host TR selector is not 0", SEGMENTS, not_null, IX(HOST_TR_SEL), IX(HOST_TR_SEL)),
    RULE("host FS base canonical", SEGMENTS, canonical, IX(HOST_FS_BASE), IX(HOST_FS_BASE)),
    RULE("host GS base canonical", SEGMENTS, canonical, IX(HOST_GS_BASE), IX(HOST_GS_BASE)),
    RULE("host TR base canonical", SEGMENTS, canonical, IX(HOST_TR_BASE), IX(HOST_TR_BASE)),
    RULE("host GDTR base canonical", SEGMENTS, canonical, IX(HOST_GDTR_BASE), IX(HOST_GDTR_BASE)),
    RULE("host IDTR base canonical", SEGMENTS, canonical, IX(HOST_IDTR_BASE), IX(HOST_IDTR_BASE)),
    RULE("host address-space size is 64 bits", MODE, size64, 0, IX(EXIT_CONTROLS)),
    RULE("host CR4.PAE", MODE, pae, 0, IX(HOST_CR4)),
    RULE("host RIP canonical", MODE, rip, 0, IX(HOST_RIP)),
};
// clang-format on

const struct vmcs_rules vmx_rules_host = RULES(rules);
