/* VMX capabilities: which MSRs exist, and what Lintel cannot do without.  SDM Vol. 3D, Appendix
 * "VMX Capability Reporting Facility".  Pure. */
#include "boot/caps.h"

static bool allowed1(const struct vmx_caps *caps, u32 msr, u32 bits)
{
    return (vmx_cap(caps, msr) >> 32) & bits;
}

/* Which MSRs exist only if something else does. */
static bool msr_exists(const struct vmx_caps *caps, u32 msr)
{
    switch (msr) {
    case MSR_VMX_PROCBASED_CTLS2:
        return allowed1(caps, MSR_VMX_PROCBASED_CTLS, CPU_SECONDARY_CONTROLS);
    case MSR_VMX_EPT_VPID_CAP: return allowed1(caps, MSR_VMX_PROCBASED_CTLS2, CPU2_EPT | CPU2_VPID);
    case MSR_VMX_TRUE_PINBASED_CTLS:
    case MSR_VMX_TRUE_PROCBASED_CTLS:
    case MSR_VMX_TRUE_EXIT_CTLS:
    case MSR_VMX_TRUE_ENTRY_CTLS: return vmx_cap(caps, MSR_VMX_BASIC) & VMX_BASIC_TRUE_CTLS;
    case MSR_VMX_VMFUNC: return allowed1(caps, MSR_VMX_PROCBASED_CTLS2, CPU2_VM_FUNCTIONS);
    case MSR_VMX_PROCBASED_CTLS3:
        return allowed1(caps, MSR_VMX_PROCBASED_CTLS, CPU_TERTIARY_CONTROLS);
    case MSR_VMX_EXIT_CTLS2: return allowed1(caps, MSR_VMX_EXIT_CTLS, VMEXIT_SECONDARY_CONTROLS);
    default: return true;
    }
}

void vmx_caps_collect(struct vmx_caps *caps, u64 (*rdmsr)(void *ctx, u32 msr), void *ctx)
{
    *caps = (struct vmx_caps){.feature_control = rdmsr(ctx, MSR_FEATURE_CONTROL)};
    for (u32 msr = VMX_MSR_FIRST; msr <= VMX_MSR_LAST; msr++)
        if (msr_exists(caps, msr))
            caps->msr[msr - VMX_MSR_FIRST] = rdmsr(ctx, msr);
}

static struct ctl_cap pair(const struct vmx_caps *caps, u32 plain, u32 true_msr)
{
    const bool has_true = vmx_cap(caps, MSR_VMX_BASIC) & VMX_BASIC_TRUE_CTLS;

    return ctl_cap_pair(vmx_cap(caps, plain), vmx_cap(caps, has_true ? true_msr : plain));
}

struct ctl_cap vmx_cap_controls(const struct vmx_caps *caps, enum vmx_word word)
{
    switch (word) {
    case WORD_PIN: return pair(caps, MSR_VMX_PINBASED_CTLS, MSR_VMX_TRUE_PINBASED_CTLS);
    case WORD_CPU: return pair(caps, MSR_VMX_PROCBASED_CTLS, MSR_VMX_TRUE_PROCBASED_CTLS);
    case WORD_CPU2: return pair(caps, MSR_VMX_PROCBASED_CTLS2, MSR_VMX_PROCBASED_CTLS2);
    case WORD_CPU3: return ctl_cap_allowed1(vmx_cap(caps, MSR_VMX_PROCBASED_CTLS3));
    case WORD_VMEXIT: return pair(caps, MSR_VMX_EXIT_CTLS, MSR_VMX_TRUE_EXIT_CTLS);
    case WORD_VMENTRY: return pair(caps, MSR_VMX_ENTRY_CTLS, MSR_VMX_TRUE_ENTRY_CTLS);
    case VMX_WORDS: break;
    }
    return (struct ctl_cap){0};
}

static bool firmware_allows(const struct vmx_caps *caps)
{
    const u64 allowed = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_OUTSIDE_SMX;

    return !(caps->feature_control & FEATURE_CONTROL_LOCK) ||
           (caps->feature_control & allowed) == allowed;
}

static bool vmcs_is_write_back(const struct vmx_caps *caps)
{
    const u64 type = vmx_cap(caps, MSR_VMX_BASIC) >> VMX_BASIC_MEMORY_TYPE_SHIFT;

    return (type & VMX_BASIC_MEMORY_TYPE_MASK) == MEMORY_TYPE_WB;
}

static bool vmcs_fits_page(const struct vmx_caps *caps)
{
    const u64 size =
        vmx_cap(caps, MSR_VMX_BASIC) >> VMX_BASIC_REGION_SIZE_SHIFT & VMX_BASIC_REGION_SIZE_MASK;

    return size > 0 && size <= PAGE_SIZE;
}

static bool vmcs_anywhere(const struct vmx_caps *caps)
{
    return !(vmx_cap(caps, MSR_VMX_BASIC) & VMX_BASIC_PHYS_32BIT);
}

static bool guest_may_halt(const struct vmx_caps *caps)
{
    return vmx_cap(caps, MSR_VMX_MISC) & VMX_MISC_ACTIVITY_HLT;
}

/* One of the two columns says what is needed. */
// clang-format off
static const struct requirement {
    const char *what;
    u64 ept_vpid;                            /* bits of IA32_VMX_EPT_VPID_CAP */
    bool (*holds)(const struct vmx_caps *);
} requirements[] = {
    {"VMX enabled by the firmware (IA32_FEATURE_CONTROL is locked without it)", 0, firmware_allows},
    {"a VMCS in write-back memory",      0,                                 vmcs_is_write_back},
    {"a VMCS of at most one page",       0,                                 vmcs_fits_page},
    {"a VMCS above 4 GiB",               0,                                 vmcs_anywhere},
    {"the HLT activity state",           0,                                 guest_may_halt},
    {"EPT with 4 levels",                EPT_VPID_WALK_4,                                   NULL},
    {"EPT structures in write-back memory", EPT_VPID_WB,                                       NULL},
    {"EPT with 2 MiB pages",             EPT_VPID_2M,                                       NULL},
    {"INVEPT, single-context",           EPT_VPID_INVEPT | EPT_VPID_INVEPT_SINGLE,          NULL},
    {"INVEPT, all-context",              EPT_VPID_INVEPT | EPT_VPID_INVEPT_ALL,             NULL},
    {"INVVPID, single-context",          EPT_VPID_INVVPID | EPT_VPID_INVVPID_SINGLE,       NULL},
};
// clang-format on

const char *vmx_caps_missing(const struct vmx_caps *caps, u32 *cursor)
{
    while (*cursor < ARRAY_LEN(requirements)) {
        const struct requirement *r = &requirements[(*cursor)++];

        if (r->holds ? !r->holds(caps) : !vmx_cap_ept_vpid(caps, r->ept_vpid))
            return r->what;
    }
    return NULL;
}
