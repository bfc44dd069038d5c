/* VMX capabilities: which MSRs exist, and what Lintel cannot do without.  SDM Vol. 3D, Appendix
 * "VMX Capability Reporting Facility".  Pure. */
#include "vmx/caps.h"

#define BASIC_MEMORY_TYPE(basic) (((basic) >> 50) & 0xf)
#define BASIC_SIZE(basic)        (((basic) >> 32) & 0x1fff)
#define BASIC_32BIT_ADDRESSES    BIT(48)
#define BASIC_TRUE_CONTROLS      BIT(55)
#define MEMORY_TYPE_WB           6

static bool allowed1(const struct vmx_caps *caps, enum vmx_msr msr, u32 bits)
{
    return (vmx_cap(caps, msr) >> 32) & bits;
}

/* Which MSRs exist only if something else does. */
static bool msr_exists(const struct vmx_caps *caps, enum vmx_msr msr)
{
    switch (msr) {
    case MSR_VMX_CPU2: return allowed1(caps, MSR_VMX_CPU, CPU_SECONDARY_CONTROLS);
    case MSR_VMX_EPT_VPID: return allowed1(caps, MSR_VMX_CPU2, CPU2_EPT | CPU2_VPID);
    case MSR_VMX_TRUE_PIN:
    case MSR_VMX_TRUE_CPU:
    case MSR_VMX_TRUE_EXIT:
    case MSR_VMX_TRUE_ENTRY: return vmx_cap(caps, MSR_VMX_BASIC) & BASIC_TRUE_CONTROLS;
    case MSR_VMX_VMFUNC: return allowed1(caps, MSR_VMX_CPU2, CPU2_VM_FUNCTIONS);
    case MSR_VMX_CPU3: return allowed1(caps, MSR_VMX_CPU, CPU_TERTIARY_CONTROLS);
    case MSR_VMX_EXIT2: return allowed1(caps, MSR_VMX_EXIT, VMEXIT_SECONDARY_CONTROLS);
    default: return true;
    }
}

void vmx_caps_collect(struct vmx_caps *caps, u64 (*rdmsr)(void *ctx, u32 msr), void *ctx)
{
    *caps = (struct vmx_caps){.feature_control = rdmsr(ctx, MSR_VMX_FEATURE_CONTROL)};
    for (u32 msr = MSR_VMX_BASIC; msr < MSR_VMX_END; msr++)
        if (msr_exists(caps, (enum vmx_msr)msr))
            caps->msr[msr - MSR_VMX_BASIC] = rdmsr(ctx, msr);
}

static struct ctl_cap pair(const struct vmx_caps *caps, enum vmx_msr plain, enum vmx_msr true_msr)
{
    const bool has_true = vmx_cap(caps, MSR_VMX_BASIC) & BASIC_TRUE_CONTROLS;

    return ctl_cap_pair(vmx_cap(caps, plain), vmx_cap(caps, has_true ? true_msr : plain));
}

struct ctl_cap vmx_cap_controls(const struct vmx_caps *caps, enum vmx_word word)
{
    switch (word) {
    case WORD_PIN: return pair(caps, MSR_VMX_PIN, MSR_VMX_TRUE_PIN);
    case WORD_CPU: return pair(caps, MSR_VMX_CPU, MSR_VMX_TRUE_CPU);
    case WORD_CPU2: return pair(caps, MSR_VMX_CPU2, MSR_VMX_CPU2);
    case WORD_CPU3: return ctl_cap_allowed1(vmx_cap(caps, MSR_VMX_CPU3));
    case WORD_VMEXIT: return pair(caps, MSR_VMX_EXIT, MSR_VMX_TRUE_EXIT);
    case WORD_VMENTRY: return pair(caps, MSR_VMX_ENTRY, MSR_VMX_TRUE_ENTRY);
    case VMX_WORDS: break;
    }
    return (struct ctl_cap){0};
}

static bool firmware_allows(const struct vmx_caps *caps)
{
    const u64 allowed = FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX_OUTSIDE_SMX;

    return !(caps->feature_control & FEATURE_CONTROL_LOCKED) ||
           (caps->feature_control & allowed) == allowed;
}

static bool vmcs_is_write_back(const struct vmx_caps *caps)
{
    return BASIC_MEMORY_TYPE(vmx_cap(caps, MSR_VMX_BASIC)) == MEMORY_TYPE_WB;
}

static bool vmcs_fits_page(const struct vmx_caps *caps)
{
    const u64 size = BASIC_SIZE(vmx_cap(caps, MSR_VMX_BASIC));

    return size > 0 && size <= PAGE_SIZE;
}

static bool vmcs_anywhere(const struct vmx_caps *caps)
{
    return !(vmx_cap(caps, MSR_VMX_BASIC) & BASIC_32BIT_ADDRESSES);
}

static bool guest_may_halt(const struct vmx_caps *caps)
{
    return vmx_cap(caps, MSR_VMX_MISC) & VMX_MISC_HLT;
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
    {"EPT with 4 levels",                EPT_CAP_4_LEVELS,                         NULL},
    {"EPT structures in write-back memory", EPT_CAP_WB,                            NULL},
    {"EPT with 2 MiB pages",             EPT_CAP_2M,                               NULL},
    {"INVEPT, single-context",           EPT_CAP_INVEPT | EPT_CAP_INVEPT_SINGLE,   NULL},
    {"INVEPT, all-context",              EPT_CAP_INVEPT | EPT_CAP_INVEPT_ALL,      NULL},
    {"INVVPID, single-context",          VPID_CAP_INVVPID | VPID_CAP_INVVPID_SINGLE, NULL},
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
