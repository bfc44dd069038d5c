/* vmx/check*.c: good images in five modes violate nothing; for every rule, a change breaks that
 * rule and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/cr.h"
#include "tools/recorded/bochs_models.h"
#include "vmx/check.h"
#include "vmx/qual.h"
#include "vmx/wishes.h"

#define IX(name) VMCS_IX_##name

enum mode {
    LONG,
    REAL,
    PROTECTED,
    PAE,
    V8086,
    RESTRICTED /* long mode, no unrestricted guest */,
    MODES
};
enum segment { ES, CS, SS, DS, FS, GS, LDTR, TR };

static u64 model_rdmsr(void *ctx, u32 msr)
{
    const struct bochs_model *model = ctx;

    return msr < VMX_MSR_FIRST ? 0 : model->msr[msr - VMX_MSR_FIRST];
}

static void caps_of(struct vmx_caps *caps, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(bochs_models); i++) {
        struct bochs_model model = bochs_models[i];

        if (strcmp(model.name, name) == 0)
            vmx_caps_collect(caps, model_rdmsr, &model);
    }
}

/* A processor that can do nearly everything, so that a control can be set without also being
 * reserved. */
static void generous(struct vmx_caps *caps)
{
    static const u32 words[] = {MSR_VMX_PINBASED_CTLS,  MSR_VMX_TRUE_PINBASED_CTLS,
                                MSR_VMX_PROCBASED_CTLS, MSR_VMX_TRUE_PROCBASED_CTLS,
                                MSR_VMX_EXIT_CTLS,      MSR_VMX_TRUE_EXIT_CTLS,
                                MSR_VMX_ENTRY_CTLS,     MSR_VMX_TRUE_ENTRY_CTLS};

    caps_of(caps, "corei7_skylake_x");
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        caps->msr[words[i] - VMX_MSR_FIRST] |= 0x7fffffffull << 32;
    caps->msr[MSR_VMX_TRUE_PROCBASED_CTLS - VMX_MSR_FIRST] |= (u64)CPU_SECONDARY_CONTROLS << 32;
    caps->msr[MSR_VMX_PROCBASED_CTLS2 - VMX_MSR_FIRST] |= 0xdfffffffull << 32;
    caps->msr[MSR_VMX_PROCBASED_CTLS3 - VMX_MSR_FIRST] = 0xff;
    caps->msr[MSR_VMX_CR4_FIXED1 - VMX_MSR_FIRST] |= CR4_CET;
}

static void set_segment(struct vmcs_image *i, enum segment s, u64 sel, u64 base, u64 limit, u64 ar)
{
    i->field[IX(GUEST_ES_SEL) + s] = sel;
    i->field[IX(GUEST_ES_BASE) + s] = base;
    i->field[IX(GUEST_ES_LIMIT) + s] = limit;
    i->field[IX(GUEST_ES_AR) + s] = ar;
}

static void set_controls(struct vmcs_image *i)
{
    struct vmx_controls c;

    assert_int_equal(vmx_resolve_controls(i->caps, &c), OK);
    i->field[IX(PIN_CONTROLS)] = c.word[WORD_PIN].value;
    i->field[IX(CPU_CONTROLS)] = c.word[WORD_CPU].value;
    i->field[IX(CPU2_CONTROLS)] = c.word[WORD_CPU2].value;
    i->field[IX(EXIT_CONTROLS)] = c.word[WORD_VMEXIT].value;
    i->field[IX(ENTRY_CONTROLS)] = c.word[WORD_VMENTRY].value;
    i->field[IX(VPID)] = 1;
    i->field[IX(EPTP)] = 0x100000 | MEMORY_TYPE_WB | 3 << 3 | BIT(6);
    i->field[IX(IO_BITMAP_A)] = 0x101000;
    i->field[IX(IO_BITMAP_B)] = 0x102000;
    i->field[IX(MSR_BITMAP)] = 0x103000;
    i->field[IX(LINK_POINTER)] = UINT64_MAX;
}

static void set_host(struct vmcs_image *i)
{
    i->field[IX(HOST_CR0)] = CR0_PE | CR0_NE | CR0_WP | CR0_PG;
    i->field[IX(HOST_CR3)] = 0x104000;
    i->field[IX(HOST_CR4)] = CR4_PAE | CR4_VMXE;
    i->field[IX(HOST_EFER)] = EFER_LME | EFER_LMA | EFER_NXE;
    i->field[IX(HOST_PAT)] = 0x0007040600070406;
    i->field[IX(HOST_CS_SEL)] = 8;
    i->field[IX(HOST_SS_SEL)] = i->field[IX(HOST_DS_SEL)] = i->field[IX(HOST_ES_SEL)] = 16;
    i->field[IX(HOST_TR_SEL)] = 24;
    i->field[IX(HOST_GS_BASE)] = 0xffffffff80100000;
    i->field[IX(HOST_RIP)] = 0xffffffff80000000;
}

static struct vmcs_image image(const struct vmx_caps *caps, enum mode mode)
{
    struct vmcs_image i = {.caps = caps, .phys_bits = 40, .linear_bits = 48};
    const bool long_mode = mode == LONG || mode == RESTRICTED;
    const bool real = mode == REAL;

    set_controls(&i);
    set_host(&i);
    i.field[IX(GUEST_CR0)] = CR0_NE | CR0_WP | (real ? 0 : CR0_PE | CR0_PG);
    i.field[IX(GUEST_CR4)] = CR4_VMXE | (long_mode || mode == PAE ? CR4_PAE : 0);
    i.field[IX(GUEST_CR3)] = real ? 0 : 0x1000;
    i.field[IX(GUEST_DR7)] = DR7_INIT;
    i.field[IX(GUEST_PAT)] = 0x0007040600070406;
    i.field[IX(GUEST_RFLAGS)] = RFLAGS_FIXED_1 | RFLAGS_IF | (mode == V8086 ? RFLAGS_VM : 0);
    i.field[IX(GUEST_RIP)] = long_mode ? 0xffffffff81000000 : 0x7c00;
    i.field[IX(GUEST_GDTR_LIMIT)] = i.field[IX(GUEST_IDTR_LIMIT)] = 0xffff;
    if (long_mode) {
        i.field[IX(GUEST_EFER)] = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
        i.field[IX(ENTRY_CONTROLS)] |= VMENTRY_IA32E_MODE_GUEST;
    }
    if (mode == RESTRICTED)
        i.field[IX(CPU2_CONTROLS)] &= ~(u64)CPU2_UNRESTRICTED_GUEST;
    for (u32 s = ES; s <= GS; s++) {
        if (real)
            set_segment(&i, (enum segment)s, 0x100, 0x1000, 0xffff, s == CS ? 0x9b : 0x93);
        else if (mode == V8086)
            set_segment(&i, (enum segment)s, 0x100, 0x1000, 0xffff, 0xf3);
        else
            set_segment(&i, (enum segment)s, s == CS ? 8 : 16, 0, UINT32_MAX,
                        s != CS     ? 0xc093
                        : long_mode ? 0xa09b
                                    : 0xc09b);
    }
    set_segment(&i, LDTR, 0x20, 0, 0xffff, 0x82);
    set_segment(&i, TR, 0x18, 0, 0x67, 0x8b);
    return i;
}

struct seen {
    u32 count;
    const struct vmcs_rule *first;
};

static void note(void *ctx, const struct vmcs_rule *rule, const struct vmcs_image *i)
{
    struct seen *seen = ctx;

    (void)i;
    if (seen->count++ == 0)
        seen->first = rule;
    else
        print_message("    also: %s\n", rule->name);
}

static void good_images(void **state)
{
    (void)state;
    for (u32 m = 0; m < ARRAY_LEN(bochs_models) + 1; m++)
        for (u32 mode = 0; mode < MODES; mode++) {
            struct vmx_caps caps;
            struct vmcs_image i;
            struct seen seen = {0};

            if (m < ARRAY_LEN(bochs_models))
                caps_of(&caps, bochs_models[m].name);
            else
                generous(&caps);
            i = image(&caps, (enum mode)mode);
            if (!vmx_cap_ept_vpid(&caps, EPT_VPID_ACCESSED_DIRTY))
                i.field[IX(EPTP)] &= ~BIT(6);
            if (vmx_check_image(&i, note, &seen))
                fail_msg("model %u mode %u: %s", m, mode, seen.first->name);
        }
}

static const char *broken[400]; /* names of the rules that a case broke */
static u32 broken_count;

static void breaks(const struct vmcs_image *i, const char *rule)
{
    struct seen seen = {0};
    const u32 violated = vmx_check_image(i, note, &seen);

    if (violated != 1 || strcmp(seen.first->name, rule) != 0)
        fail_msg("\"%s\": %u violated, first \"%s\"", rule, violated,
                 violated ? seen.first->name : "none");
    assert_int_equal(vmx_check_image(i, NULL, NULL), 1);
    assert_true(broken_count < ARRAY_LEN(broken));
    broken[broken_count++] = rule;
}

struct change {
    u8 field;
    enum { END, SET, OR, CLEAR } how;
    u64 value;
};
#define SET(name, v)                                                                               \
    {                                                                                              \
        IX(name), SET, (v)                                                                         \
    }
#define OR(name, v)                                                                                \
    {                                                                                              \
        IX(name), OR, (v)                                                                          \
    }
#define CLEAR(name, v)                                                                             \
    {                                                                                              \
        IX(name), CLEAR, (v)                                                                       \
    }

#define INTR(type, vector) INTR_INFO_VALID | (u32)(type) << 8 | (vector)
#define GP_WITH_CODE       INTR(INTR_HARDWARE_EXCEPTION, 13) | INTR_INFO_ERROR_CODE

// clang-format off
static const struct {
    const char *rule; /* NULL: the change is allowed */
    u8 mode;
    struct change change[6];
    u64 ept_vpid_absent; /* bits of IA32_VMX_EPT_VPID_CAP taken away */
} cases[] = {
    /* controls */
    {"reserved pin-based controls", LONG, {CLEAR(PIN_CONTROLS, BIT(1))}, 0},
    {"reserved primary processor-based controls", LONG, {CLEAR(CPU_CONTROLS, BIT(1))}, 0},
    {"reserved secondary processor-based controls", LONG, {OR(CPU2_CONTROLS, BIT(29))}, 0},
    {"reserved tertiary processor-based controls", LONG, {OR(CPU_CONTROLS, CPU_TERTIARY_CONTROLS), SET(CPU3_CONTROLS, BIT(63))}, 0},
    {NULL, LONG, {SET(CPU3_CONTROLS, BIT(63))}, 0},
    {NULL, LONG, {OR(CPU_CONTROLS, CPU_TERTIARY_CONTROLS), SET(CPU3_CONTROLS, 1)}, 0},
    {"CR3-target count is at most 4", LONG, {SET(CR3_TARGET_COUNT, 5)}, 0},
    {NULL, LONG, {SET(CR3_TARGET_COUNT, 4)}, 0},
    {"address of I/O bitmap A", LONG, {SET(IO_BITMAP_A, 0x800)}, 0},
    {"address of I/O bitmap A", LONG, {SET(IO_BITMAP_A, BIT(40))}, 0},
    {NULL, LONG, {SET(IO_BITMAP_A, 0x800), CLEAR(CPU_CONTROLS, CPU_IO_BITMAPS)}, 0},
    {"address of I/O bitmap B", LONG, {SET(IO_BITMAP_B, 0x1001)}, 0},
    {"address of the MSR bitmap", LONG, {SET(MSR_BITMAP, BIT(52))}, 0},
    {"virtual-APIC address", LONG, {OR(CPU_CONTROLS, CPU_TPR_SHADOW), SET(VIRTUAL_APIC_ADDR, 8)}, 0},
    {"APIC-access address", LONG, {OR(CPU2_CONTROLS, CPU2_VIRTUALIZE_APIC_ACCESSES), SET(APIC_ACCESS_ADDR, 8)}, 0},
    {"PML address", LONG, {OR(CPU2_CONTROLS, CPU2_PML), SET(PML_ADDR, 8)}, 0},
    {"sub-page-permission-table address", LONG, {OR(CPU2_CONTROLS, CPU2_SUB_PAGE_WRITE), SET(SPP_TABLE, 8)}, 0},
    {"VMREAD-bitmap address", LONG, {OR(CPU2_CONTROLS, CPU2_VMCS_SHADOWING), SET(VMREAD_BITMAP, 8)}, 0},
    {"VMWRITE-bitmap address", LONG, {OR(CPU2_CONTROLS, CPU2_VMCS_SHADOWING), SET(VMWRITE_BITMAP, 8)}, 0},
    {"virtualization-exception information address", LONG, {OR(CPU2_CONTROLS, CPU2_EPT_VIOLATION_VE), SET(VE_INFORMATION, 8)}, 0},
    {"virtual NMIs need NMI exiting", LONG, {CLEAR(PIN_CONTROLS, PIN_NMI_EXITING)}, 0},
    {"NMI-window exiting needs virtual NMIs", LONG, {CLEAR(PIN_CONTROLS, PIN_VIRTUAL_NMIS), OR(CPU_CONTROLS, CPU_NMI_WINDOW_EXITING)}, 0},
    {"x2APIC mode needs the TPR shadow", LONG, {OR(CPU2_CONTROLS, CPU2_VIRTUALIZE_X2APIC_MODE)}, 0},
    {"APIC-register virtualization needs the TPR shadow", LONG, {OR(CPU2_CONTROLS, CPU2_APIC_REGISTER_VIRTUALIZATION)}, 0},
    {"virtual-interrupt delivery needs the TPR shadow", LONG, {OR(CPU2_CONTROLS, CPU2_VIRTUAL_INTERRUPT_DELIVERY)}, 0},
    {"x2APIC mode excludes APIC accesses", LONG, {OR(CPU_CONTROLS, CPU_TPR_SHADOW), OR(CPU2_CONTROLS, CPU2_VIRTUALIZE_X2APIC_MODE | CPU2_VIRTUALIZE_APIC_ACCESSES)}, 0},
    {"virtual-interrupt delivery needs external-interrupt exiting", LONG, {OR(CPU_CONTROLS, CPU_TPR_SHADOW), OR(CPU2_CONTROLS, CPU2_VIRTUAL_INTERRUPT_DELIVERY), CLEAR(PIN_CONTROLS, PIN_EXTERNAL_INTERRUPT_EXITING)}, 0},
    {"posted interrupts need virtual-interrupt delivery", LONG, {OR(PIN_CONTROLS, PIN_POSTED_INTERRUPTS)}, 0},
    {"posted interrupts need acknowledge on exit", LONG, {OR(CPU_CONTROLS, CPU_TPR_SHADOW), OR(CPU2_CONTROLS, CPU2_VIRTUAL_INTERRUPT_DELIVERY), OR(PIN_CONTROLS, PIN_POSTED_INTERRUPTS), CLEAR(EXIT_CONTROLS, VMEXIT_ACK_INTERRUPT)}, 0},
    {"posted-interrupt vector and descriptor", LONG, {OR(CPU_CONTROLS, CPU_TPR_SHADOW), OR(CPU2_CONTROLS, CPU2_VIRTUAL_INTERRUPT_DELIVERY), OR(PIN_CONTROLS, PIN_POSTED_INTERRUPTS), SET(POSTED_INTERRUPT_VECTOR, 256)}, 0},
    {"posted-interrupt vector and descriptor", LONG, {OR(CPU_CONTROLS, CPU_TPR_SHADOW), OR(CPU2_CONTROLS, CPU2_VIRTUAL_INTERRUPT_DELIVERY), OR(PIN_CONTROLS, PIN_POSTED_INTERRUPTS), SET(POSTED_INTERRUPT_DESC, 32)}, 0},
    {NULL, LONG, {OR(CPU_CONTROLS, CPU_TPR_SHADOW), OR(CPU2_CONTROLS, CPU2_VIRTUAL_INTERRUPT_DELIVERY), OR(PIN_CONTROLS, PIN_POSTED_INTERRUPTS), SET(POSTED_INTERRUPT_DESC, 64)}, 0},
    {"unrestricted guest needs EPT", LONG, {CLEAR(CPU2_CONTROLS, CPU2_EPT)}, 0},
    {"PML needs EPT", RESTRICTED, {CLEAR(CPU2_CONTROLS, CPU2_EPT), OR(CPU2_CONTROLS, CPU2_PML)}, 0},
    {"mode-based execute control needs EPT", RESTRICTED, {CLEAR(CPU2_CONTROLS, CPU2_EPT), OR(CPU2_CONTROLS, CPU2_MODE_BASED_EXECUTE)}, 0},
    {"sub-page write permissions need EPT", RESTRICTED, {CLEAR(CPU2_CONTROLS, CPU2_EPT), OR(CPU2_CONTROLS, CPU2_SUB_PAGE_WRITE)}, 0},
    {NULL, RESTRICTED, {CLEAR(CPU2_CONTROLS, CPU2_EPT), SET(EPTP, 0)}, 0},
    {"TPR threshold is at most 15", LONG, {OR(CPU_CONTROLS, CPU_TPR_SHADOW), SET(TPR_THRESHOLD, 16)}, 0},
    {"VPID is not 0", LONG, {SET(VPID, 0)}, 0},
    {NULL, LONG, {SET(VPID, 0), CLEAR(CPU2_CONTROLS, CPU2_VPID)}, 0},
    {"EPTP memory type", LONG, {OR(EPTP, 1)}, 0},
    {"EPTP memory type", LONG, {CLEAR(EPTP, 7)}, EPT_VPID_UC},
    {"EPTP memory type", LONG, {{0}}, EPT_VPID_WB},
    {NULL, LONG, {CLEAR(EPTP, 7)}, 0},
    {"EPTP page-walk length", LONG, {CLEAR(EPTP, 0x38), OR(EPTP, 2 << 3)}, 0},
    {"EPTP page-walk length", LONG, {OR(EPTP, 4 << 3)}, 0},
    {"EPTP page-walk length", LONG, {{0}}, EPT_VPID_WALK_4},
    {"EPTP accessed and dirty flags", LONG, {{0}}, EPT_VPID_ACCESSED_DIRTY},
    {"EPTP reserved bits", LONG, {OR(EPTP, BIT(7))}, 0},
    {"EPTP reserved bits", LONG, {OR(EPTP, BIT(11))}, 0},
    {"EPTP reserved bits", LONG, {OR(EPTP, BIT(40))}, 0},
    {"VM-function controls", LONG, {OR(CPU2_CONTROLS, CPU2_VM_FUNCTIONS), SET(VM_FUNCTION_CONTROLS, 2)}, 0},
    {"VM-function controls", LONG, {OR(CPU2_CONTROLS, CPU2_VM_FUNCTIONS), SET(VM_FUNCTION_CONTROLS, 1), SET(EPTP_LIST, 1)}, 0},
    {NULL, LONG, {OR(CPU2_CONTROLS, CPU2_VM_FUNCTIONS), SET(VM_FUNCTION_CONTROLS, 1)}, 0},
    {"TSC multiplier is not 0", LONG, {OR(CPU2_CONTROLS, CPU2_TSC_SCALING)}, 0},
    {"reserved VM-exit controls", LONG, {CLEAR(EXIT_CONTROLS, BIT(0))}, 0},
    {"saving the preemption timer needs the timer", LONG, {CLEAR(PIN_CONTROLS, PIN_PREEMPTION_TIMER)}, 0},
    {"VM-exit MSR-store area", LONG, {SET(EXIT_MSR_STORE_COUNT, 1), SET(EXIT_MSR_STORE_ADDR, 8)}, 0},
    {"VM-exit MSR-load area", LONG, {SET(EXIT_MSR_LOAD_COUNT, 2), SET(EXIT_MSR_LOAD_ADDR, BIT(40) - 16)}, 0},
    {NULL, LONG, {SET(EXIT_MSR_LOAD_COUNT, 1), SET(EXIT_MSR_LOAD_ADDR, BIT(40) - 16)}, 0},
    {NULL, LONG, {SET(EXIT_MSR_LOAD_ADDR, 1)}, 0},
    {"reserved VM-entry controls", LONG, {CLEAR(ENTRY_CONTROLS, BIT(0))}, 0},
    {"VM-entry MSR-load area", LONG, {SET(ENTRY_MSR_LOAD_COUNT, UINT32_MAX), SET(ENTRY_MSR_LOAD_ADDR, UINT64_MAX - 15)}, 0},
    {"SMM controls outside of SMM", LONG, {OR(ENTRY_CONTROLS, VMENTRY_ENTRY_TO_SMM)}, 0},
    {"SMM controls outside of SMM", LONG, {OR(ENTRY_CONTROLS, VMENTRY_DEACTIVATE_DUAL_MONITOR)}, 0},
    /* injection */
    {NULL, LONG, {SET(ENTRY_INTR_INFO, INTR(INTR_EXTERNAL, 32))}, 0},
    {NULL, LONG, {SET(ENTRY_INTR_INFO, INTR(INTR_NMI, 2))}, 0},
    {NULL, LONG, {SET(ENTRY_INTR_INFO, GP_WITH_CODE), SET(ENTRY_INTR_ERROR, 0xffff)}, 0},
    {NULL, LONG, {SET(ENTRY_INTR_INFO, INTR(INTR_HARDWARE_EXCEPTION, 6))}, 0},
    {NULL, LONG, {SET(ENTRY_INTR_INFO, INTR(INTR_SOFTWARE_INTERRUPT, 0x80)), SET(ENTRY_INSN_LEN, 2)}, 0},
    {NULL, LONG, {SET(ENTRY_INTR_INFO, INTR(INTR_SOFTWARE_EXCEPTION, 3)), SET(ENTRY_INSN_LEN, 15)}, 0},
    {NULL, REAL, {SET(ENTRY_INTR_INFO, INTR(INTR_HARDWARE_EXCEPTION, 13))}, 0},
    {NULL, LONG, {SET(ENTRY_INTR_INFO, 0x7fffffff)}, 0},
    {NULL, LONG, {SET(ENTRY_INTR_INFO, INTR(INTR_HARDWARE_EXCEPTION, 21))}, 0},
    {"injected event: type", LONG, {SET(ENTRY_INTR_INFO, INTR(1, 32))}, 0},
    {"injected event: vector", LONG, {SET(ENTRY_INTR_INFO, INTR(INTR_NMI, 3))}, 0},
    {"injected event: vector", LONG, {SET(ENTRY_INTR_INFO, INTR(INTR_HARDWARE_EXCEPTION, 32))}, 0},
    {"injected event: vector", LONG, {SET(ENTRY_INTR_INFO, INTR(INTR_OTHER_EVENT, 1))}, 0},
    {"injected event: error code or none", LONG, {SET(ENTRY_INTR_INFO, INTR(INTR_HARDWARE_EXCEPTION, 13))}, 0},
    {"injected event: error code or none", LONG, {SET(ENTRY_INTR_INFO, INTR(INTR_HARDWARE_EXCEPTION, 6) | INTR_INFO_ERROR_CODE)}, 0},
    {"injected event: error code or none", LONG, {SET(ENTRY_INTR_INFO, INTR(INTR_EXTERNAL, 13) | INTR_INFO_ERROR_CODE)}, 0},
    {"injected event: error code or none", REAL, {SET(ENTRY_INTR_INFO, GP_WITH_CODE)}, 0},
    {"injected event: reserved bits", LONG, {SET(ENTRY_INTR_INFO, INTR(INTR_EXTERNAL, 32) | BIT(12))}, 0},
    {"injected event: reserved bits", LONG, {SET(ENTRY_INTR_INFO, INTR(INTR_EXTERNAL, 32) | BIT(30))}, 0},
    {"injected event: error code", LONG, {SET(ENTRY_INTR_INFO, GP_WITH_CODE), SET(ENTRY_INTR_ERROR, 0x10000)}, 0},
    {"injected event: instruction length", LONG, {SET(ENTRY_INTR_INFO, INTR(INTR_SOFTWARE_INTERRUPT, 0x80)), SET(ENTRY_INSN_LEN, 16)}, 0},
    /* host */
    {"host CR0 fixed bits", LONG, {CLEAR(HOST_CR0, CR0_NE)}, 0},
    {"host CR0 fixed bits", LONG, {OR(HOST_CR0, BIT(32))}, 0},
    {"host CR4 fixed bits", LONG, {CLEAR(HOST_CR4, CR4_VMXE)}, 0},
    {"host CR4 fixed bits", LONG, {OR(HOST_CR4, BIT(31))}, 0},
    {"host CR4.CET needs CR0.WP", LONG, {OR(HOST_CR4, CR4_CET), CLEAR(HOST_CR0, CR0_WP)}, 0},
    {NULL, LONG, {OR(HOST_CR4, CR4_CET)}, 0},
    {"host CR3 within the physical-address width", LONG, {OR(HOST_CR3, BIT(40))}, 0},
    {"host IA32_SYSENTER_ESP canonical", LONG, {SET(HOST_SYSENTER_ESP, BIT(47))}, 0},
    {"host IA32_SYSENTER_EIP canonical", LONG, {SET(HOST_SYSENTER_EIP, BIT(63))}, 0},
    {"host IA32_PAT memory types", LONG, {SET(HOST_PAT, 2)}, 0},
    {"host IA32_PAT memory types", LONG, {OR(HOST_PAT, BIT(63))}, 0},
    {NULL, LONG, {SET(HOST_PAT, 2), CLEAR(EXIT_CONTROLS, VMEXIT_LOAD_PAT)}, 0},
    {"host IA32_EFER reserved bits", LONG, {OR(HOST_EFER, BIT(1))}, 0},
    {"host IA32_EFER.LMA and LME", LONG, {CLEAR(HOST_EFER, EFER_LMA)}, 0},
    {"host IA32_EFER.LMA and LME", LONG, {CLEAR(HOST_EFER, EFER_LME)}, 0},
    {"host ES selector", LONG, {OR(HOST_ES_SEL, 1)}, 0},
    {"host CS selector", LONG, {OR(HOST_CS_SEL, 2)}, 0},
    {"host SS selector", LONG, {OR(HOST_SS_SEL, 4)}, 0},
    {"host DS selector", LONG, {OR(HOST_DS_SEL, 3)}, 0},
    {"host FS selector", LONG, {OR(HOST_FS_SEL, 4)}, 0},
    {"host GS selector", LONG, {OR(HOST_GS_SEL, 4)}, 0},
    {"host TR selector", LONG, {OR(HOST_TR_SEL, 4)}, 0},
    {"host CS selector is not 0", LONG, {SET(HOST_CS_SEL, 0)}, 0},
    {"host TR selector is not 0", LONG, {SET(HOST_TR_SEL, 0)}, 0},
    {NULL, LONG, {SET(HOST_SS_SEL, 0)}, 0},
    {"host FS base canonical", LONG, {SET(HOST_FS_BASE, BIT(47))}, 0},
    {"host GS base canonical", LONG, {SET(HOST_GS_BASE, BIT(47))}, 0},
    {"host TR base canonical", LONG, {SET(HOST_TR_BASE, BIT(47))}, 0},
    {"host GDTR base canonical", LONG, {SET(HOST_GDTR_BASE, BIT(47))}, 0},
    {"host IDTR base canonical", LONG, {SET(HOST_IDTR_BASE, BIT(47))}, 0},
    {"host address-space size is 64 bits", LONG, {CLEAR(EXIT_CONTROLS, VMEXIT_HOST_ADDRESS_SPACE_SIZE), CLEAR(HOST_EFER, EFER_LMA | EFER_LME)}, 0},
    {"host CR4.PAE", LONG, {CLEAR(HOST_CR4, CR4_PAE)}, 0},
    {"host RIP canonical", LONG, {SET(HOST_RIP, BIT(47))}, 0},
    /* guest registers */
    {"guest CR0 fixed bits", LONG, {CLEAR(GUEST_CR0, CR0_NE)}, 0},
    {"guest CR0 fixed bits", LONG, {OR(GUEST_CR0, BIT(32))}, 0},
    {"guest CR0.PG needs CR0.PE", PROTECTED, {CLEAR(GUEST_CR0, CR0_PE)}, 0},
    {"guest CR4 fixed bits", LONG, {CLEAR(GUEST_CR4, CR4_VMXE)}, 0},
    {"guest CR4.CET needs CR0.WP", LONG, {OR(GUEST_CR4, CR4_CET), CLEAR(GUEST_CR0, CR0_WP)}, 0},
    {"IA-32e mode guest needs CR0.PG and CR4.PAE", LONG, {CLEAR(GUEST_CR4, CR4_PAE)}, 0},
    {"IA-32e mode guest needs CR0.PG and CR4.PAE", LONG, {CLEAR(GUEST_CR0, CR0_PG)}, 0},
    {"guest CR4.PCIDE needs IA-32e mode", PAE, {OR(GUEST_CR4, CR4_PCIDE)}, 0},
    {NULL, LONG, {OR(GUEST_CR4, CR4_PCIDE)}, 0},
    {"guest CR3 within the physical-address width", LONG, {OR(GUEST_CR3, BIT(40))}, 0},
    {"guest IA32_DEBUGCTL reserved bits", LONG, {SET(GUEST_DEBUGCTL, BIT(3))}, 0},
    {"guest IA32_DEBUGCTL reserved bits", LONG, {SET(GUEST_DEBUGCTL, BIT(16))}, 0},
    {"guest DR7 below 4 GiB", LONG, {OR(GUEST_DR7, BIT(32))}, 0},
    {NULL, LONG, {OR(GUEST_DR7, BIT(32)), CLEAR(ENTRY_CONTROLS, VMENTRY_LOAD_DEBUG_CONTROLS)}, 0},
    {"guest IA32_SYSENTER_ESP canonical", LONG, {SET(GUEST_SYSENTER_ESP, BIT(47))}, 0},
    {"guest IA32_SYSENTER_EIP canonical", LONG, {SET(GUEST_SYSENTER_EIP, BIT(47))}, 0},
    {"guest IA32_PAT memory types", LONG, {SET(GUEST_PAT, 0x300)}, 0},
    {"guest IA32_EFER reserved bits", LONG, {OR(GUEST_EFER, BIT(9))}, 0},
    {"guest IA32_EFER.LMA is IA-32e mode guest", LONG, {CLEAR(GUEST_EFER, EFER_LMA | EFER_LME)}, 0},
    {"guest IA32_EFER.LMA is IA-32e mode guest", PAE, {OR(GUEST_EFER, EFER_LMA | EFER_LME)}, 0},
    {"guest IA32_EFER.LME is LMA under paging", LONG, {CLEAR(GUEST_EFER, EFER_LME)}, 0},
    {"guest IA32_EFER.LME is LMA under paging", PAE, {OR(GUEST_EFER, EFER_LME)}, 0},
    {NULL, REAL, {OR(GUEST_EFER, EFER_LME)}, 0},
    /* RIP, RFLAGS */
    {"guest RIP", LONG, {SET(GUEST_RIP, BIT(48))}, 0},
    {NULL, LONG, {SET(GUEST_RIP, BIT(47))}, 0},
    {"guest RIP", PROTECTED, {SET(GUEST_RIP, BIT(32))}, 0},
    {"guest RIP", LONG, {SET(GUEST_RIP, BIT(32)), CLEAR(GUEST_CS_AR, BIT(13))}, 0},
    {"guest RFLAGS reserved bits", LONG, {CLEAR(GUEST_RFLAGS, BIT(1))}, 0},
    {"guest RFLAGS reserved bits", LONG, {OR(GUEST_RFLAGS, BIT(3))}, 0},
    {"guest RFLAGS reserved bits", LONG, {OR(GUEST_RFLAGS, BIT(15))}, 0},
    {"guest RFLAGS reserved bits", LONG, {OR(GUEST_RFLAGS, BIT(22))}, 0},
    {NULL, LONG, {SET(GUEST_RFLAGS, 0x3d7ed7), SET(GUEST_PENDING_DEBUG, 0)}, 0},
    {"guest RFLAGS.VM", V8086, {CLEAR(GUEST_CR0, CR0_PE | CR0_PG)}, 0},
    {"an external interrupt needs RFLAGS.IF", LONG, {SET(ENTRY_INTR_INFO, INTR(INTR_EXTERNAL, 32)), CLEAR(GUEST_RFLAGS, RFLAGS_IF)}, 0},
    /* non-register state */
    {"activity state is supported", LONG, {SET(GUEST_ACTIVITY, 4)}, 0},
    {NULL, LONG, {SET(GUEST_ACTIVITY, 1)}, 0},
    {NULL, LONG, {SET(GUEST_ACTIVITY, 3)}, 0},
    {"HLT state needs SS.DPL 0", LONG, {SET(GUEST_ACTIVITY, 1), OR(GUEST_SS_AR, 0x60), OR(GUEST_CS_AR, 0x60)}, 0},
    {"blocking by STI or MOV SS needs the active state", LONG, {SET(GUEST_ACTIVITY, 1), SET(GUEST_INTERRUPTIBILITY, 1)}, 0},
    {"event against the activity state", LONG, {SET(GUEST_ACTIVITY, 2), SET(ENTRY_INTR_INFO, INTR(INTR_EXTERNAL, 32))}, 0},
    {"event against the activity state", LONG, {SET(GUEST_ACTIVITY, 3), SET(ENTRY_INTR_INFO, INTR(INTR_NMI, 2))}, 0},
    {"event against the activity state", LONG, {SET(GUEST_ACTIVITY, 1), SET(ENTRY_INTR_INFO, INTR(INTR_HARDWARE_EXCEPTION, 6))}, 0},
    {NULL, LONG, {SET(GUEST_ACTIVITY, 1), SET(ENTRY_INTR_INFO, INTR(INTR_EXTERNAL, 32))}, 0},
    {NULL, LONG, {SET(GUEST_ACTIVITY, 1), SET(ENTRY_INTR_INFO, INTR(INTR_HARDWARE_EXCEPTION, 1))}, 0},
    {NULL, LONG, {SET(GUEST_ACTIVITY, 2), SET(ENTRY_INTR_INFO, INTR(INTR_HARDWARE_EXCEPTION, 18))}, 0},
    {NULL, LONG, {SET(GUEST_ACTIVITY, 2), SET(ENTRY_INTR_INFO, INTR(INTR_NMI, 2))}, 0},
    {"interruptibility reserved bits", LONG, {SET(GUEST_INTERRUPTIBILITY, BIT(5))}, 0},
    {"interruptibility reserved bits", LONG, {SET(GUEST_INTERRUPTIBILITY, BIT(4))}, 0},
    {"blocking by both STI and MOV SS", LONG, {SET(GUEST_INTERRUPTIBILITY, 3)}, 0},
    {"blocking by STI needs RFLAGS.IF", LONG, {SET(GUEST_INTERRUPTIBILITY, 1), CLEAR(GUEST_RFLAGS, RFLAGS_IF)}, 0},
    {"blocking against an external interrupt", LONG, {SET(GUEST_INTERRUPTIBILITY, 1), SET(ENTRY_INTR_INFO, INTR(INTR_EXTERNAL, 32))}, 0},
    {"blocking against an external interrupt", LONG, {SET(GUEST_INTERRUPTIBILITY, 2), SET(ENTRY_INTR_INFO, INTR(INTR_EXTERNAL, 32))}, 0},
    {"blocking by STI or MOV SS against an NMI", LONG, {SET(GUEST_INTERRUPTIBILITY, 2), SET(ENTRY_INTR_INFO, INTR(INTR_NMI, 2))}, 0},
    {"blocking by STI or MOV SS against an NMI", LONG, {SET(GUEST_INTERRUPTIBILITY, 1), SET(ENTRY_INTR_INFO, INTR(INTR_NMI, 2))}, 0},
    {"blocking by SMI outside of SMM", LONG, {SET(GUEST_INTERRUPTIBILITY, 4)}, 0},
    {"blocking by NMI against an NMI", LONG, {SET(GUEST_INTERRUPTIBILITY, 8), SET(ENTRY_INTR_INFO, INTR(INTR_NMI, 2))}, 0},
    {NULL, LONG, {SET(GUEST_INTERRUPTIBILITY, 8)}, 0},
    {"pending debug exceptions: reserved bits", LONG, {SET(GUEST_PENDING_DEBUG, BIT(4))}, 0},
    {"pending debug exceptions: reserved bits", LONG, {SET(GUEST_PENDING_DEBUG, BIT(17))}, 0},
    {"pending debug exceptions: BS", LONG, {SET(GUEST_INTERRUPTIBILITY, 1), OR(GUEST_RFLAGS, RFLAGS_TF)}, 0},
    {"pending debug exceptions: BS", LONG, {SET(GUEST_INTERRUPTIBILITY, 2), SET(GUEST_PENDING_DEBUG, DR6_BS)}, 0},
    {"pending debug exceptions: BS", LONG, {SET(GUEST_ACTIVITY, 1), OR(GUEST_RFLAGS, RFLAGS_TF)}, 0},
    {"pending debug exceptions: BS", LONG, {SET(GUEST_ACTIVITY, 1), OR(GUEST_RFLAGS, RFLAGS_TF), SET(GUEST_DEBUGCTL, DEBUGCTL_BTF), SET(GUEST_PENDING_DEBUG, DR6_BS)}, 0},
    {NULL, LONG, {SET(GUEST_INTERRUPTIBILITY, 1), OR(GUEST_RFLAGS, RFLAGS_TF), SET(GUEST_PENDING_DEBUG, DR6_BS)}, 0},
    {NULL, LONG, {OR(GUEST_RFLAGS, RFLAGS_TF)}, 0},
    {"pending debug exceptions: RTM", LONG, {SET(GUEST_PENDING_DEBUG, DR6_RTM)}, 0},
    {"pending debug exceptions: RTM", LONG, {SET(GUEST_PENDING_DEBUG, DR6_RTM | BIT(12) | 1)}, 0},
    {"pending debug exceptions: RTM", LONG, {SET(GUEST_PENDING_DEBUG, DR6_RTM | BIT(12)), SET(GUEST_INTERRUPTIBILITY, 2)}, 0},
    {"VMCS link pointer", LONG, {SET(LINK_POINTER, 0x1001)}, 0},
    {NULL, LONG, {SET(LINK_POINTER, 0x1000)}, 0},
    {"guest PDPTE0", PAE, {SET(GUEST_PDPTE0, 3)}, 0},
    {"guest PDPTE1", PAE, {SET(GUEST_PDPTE1, 0x21)}, 0},
    {"guest PDPTE2", PAE, {SET(GUEST_PDPTE2, BIT(40) | 1)}, 0},
    {"guest PDPTE3", PAE, {SET(GUEST_PDPTE3, BIT(63) | 1)}, 0},
    {NULL, PAE, {SET(GUEST_PDPTE0, 0x1e6), SET(GUEST_PDPTE1, 0x1019)}, 0},
    {NULL, LONG, {SET(GUEST_PDPTE0, 3)}, 0},
    {NULL, PROTECTED, {SET(GUEST_PDPTE0, 3)}, 0},
    /* segments: what is particular to one of them */
    {"guest CS type", LONG, {CLEAR(GUEST_CS_AR, 3)}, 0},
    {"guest CS type", RESTRICTED, {CLEAR(GUEST_CS_AR, 8)}, 0},
    {NULL, LONG, {CLEAR(GUEST_CS_AR, 8)}, 0},
    {"guest CS DPL", LONG, {OR(GUEST_CS_AR, 0x60)}, 0},
    {"guest CS DPL", LONG, {OR(GUEST_CS_AR, 0x64)}, 0},
    {"guest CS DPL", LONG, {CLEAR(GUEST_CS_AR, 8), OR(GUEST_CS_AR, 0x60)}, 0},
    {NULL, LONG, {OR(GUEST_CS_AR, 4), OR(GUEST_SS_AR, 0x60)}, 0},
    {"guest CS L and D/B", LONG, {OR(GUEST_CS_AR, BIT(14))}, 0},
    {NULL, LONG, {OR(GUEST_CS_AR, BIT(14)), CLEAR(GUEST_CS_AR, BIT(13)), SET(GUEST_RIP, 0)}, 0},
    {"guest SS type", LONG, {CLEAR(GUEST_SS_AR, 2)}, 0},
    {NULL, LONG, {OR(GUEST_SS_AR, 4)}, 0},
    {NULL, LONG, {SET(GUEST_SS_AR, BIT(16))}, 0},
    {"guest SS RPL is that of CS", RESTRICTED, {OR(GUEST_SS_SEL, 3), OR(GUEST_SS_AR, 0x60), OR(GUEST_CS_AR, 4)}, 0},
    {NULL, LONG, {OR(GUEST_SS_SEL, 3)}, 0},
    {"guest SS DPL is its RPL", RESTRICTED, {OR(GUEST_SS_AR, 0x60), OR(GUEST_CS_AR, 4)}, 0},
    {"guest SS DPL is 0", REAL, {OR(GUEST_SS_AR, 0x60), OR(GUEST_CS_AR, 4)}, 0},
    {"guest SS DPL is 0", LONG, {OR(GUEST_SS_AR, 0x60), CLEAR(GUEST_CS_AR, 8)}, 0},
    {"guest LDTR type", LONG, {OR(GUEST_LDTR_AR, 1)}, 0},
    {NULL, LONG, {SET(GUEST_LDTR_AR, BIT(16)), SET(GUEST_LDTR_BASE, BIT(47)), SET(GUEST_LDTR_SEL, 4)}, 0},
    {"guest TR type", LONG, {CLEAR(GUEST_TR_AR, 8)}, 0},
    {NULL, PROTECTED, {CLEAR(GUEST_TR_AR, 8)}, 0},
    {"guest TR type", PROTECTED, {CLEAR(GUEST_TR_AR, 2)}, 0},
    {"guest TR is usable", LONG, {OR(GUEST_TR_AR, BIT(16))}, 0},
    {"guest GDTR base canonical", LONG, {SET(GUEST_GDTR_BASE, BIT(47))}, 0},
    {"guest IDTR base canonical", LONG, {SET(GUEST_IDTR_BASE, BIT(47))}, 0},
    {"guest GDTR limit", LONG, {SET(GUEST_GDTR_LIMIT, 0x10000)}, 0},
    {"guest IDTR limit", LONG, {SET(GUEST_IDTR_LIMIT, 0x10000)}, 0},
};
// clang-format on

static void apply(struct vmcs_image *i, const struct change *c)
{
    switch (c->how) {
    case END: break;
    case SET: i->field[c->field] = c->value; break;
    case OR: i->field[c->field] |= c->value; break;
    case CLEAR: i->field[c->field] &= ~c->value; break;
    }
}

static void one_case_per_rule(void **state)
{
    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        struct vmx_caps caps;
        struct vmcs_image i;
        struct seen seen = {0};

        generous(&caps);
        caps.msr[MSR_VMX_EPT_VPID_CAP - VMX_MSR_FIRST] &= ~cases[n].ept_vpid_absent;
        i = image(&caps, (enum mode)cases[n].mode);
        for (size_t c = 0; c < ARRAY_LEN(cases[n].change); c++)
            apply(&i, &cases[n].change[c]);
        if (cases[n].rule)
            breaks(&i, cases[n].rule);
        else if (vmx_check_image(&i, note, &seen))
            fail_msg("case %zu is allowed, but breaks \"%s\"", n, seen.first->name);
    }
}

static const char *const segment_names[] = {"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"};

/* breaks(), with the name put together; the names are the table's own. */
static void segment_breaks(const struct vmcs_image *i, u32 s, const char *what)
{
    const struct vmcs_rule *r;

    for (u32 n = 0; (r = vmx_check_rule(n)); n++) {
        const size_t len = strlen(segment_names[s]);

        if (strncmp(r->name, "guest ", 6) == 0 &&
            strncmp(r->name + 6, segment_names[s], len) == 0 && r->name[6 + len] == ' ' &&
            strcmp(r->name + 7 + len, what) == 0) {
            breaks(i, r->name);
            return;
        }
    }
    fail_msg("no rule \"guest %s %s\"", segment_names[s], what);
}

static void every_segment(void **state)
{
    static const struct {
        const char *what;
        enum mode mode;
        u32 segments; /* bit per segment */
        u32 array;    /* the ES field of four arrays */
        struct change change;
    } rows[] = {
        {"base in virtual-8086 mode", V8086, 0x3f, IX(GUEST_ES_BASE), {0, SET, 0x1010}},
        {"limit in virtual-8086 mode", V8086, 0x3f, IX(GUEST_ES_LIMIT), {0, SET, 0x1ffff}},
        {"access rights in virtual-8086 mode", V8086, 0x3f, IX(GUEST_ES_AR), {0, SET, 0x93}},
        {"access rights in virtual-8086 mode", V8086, 0x3f, IX(GUEST_ES_AR), {0, OR, BIT(16)}},
        {"S flag", LONG, 0x3f, IX(GUEST_ES_AR), {0, CLEAR, BIT(4)}},
        {"S flag", LONG, 0xc0, IX(GUEST_ES_AR), {0, OR, BIT(4)}},
        {"is present", LONG, 0xff, IX(GUEST_ES_AR), {0, CLEAR, BIT(7)}},
        {"reserved access rights", LONG, 0xff, IX(GUEST_ES_AR), {0, OR, BIT(8)}},
        {"reserved access rights", LONG, 0xff, IX(GUEST_ES_AR), {0, OR, BIT(11)}},
        {"reserved access rights", LONG, 0xff, IX(GUEST_ES_AR), {0, OR, BIT(31)}},
        {"granularity and limit", LONG, 0x3f, IX(GUEST_ES_AR), {0, CLEAR, BIT(15)}},
        {"granularity and limit", LONG, 0x3f, IX(GUEST_ES_LIMIT), {0, SET, 0xfffff7ff}},
        {"granularity and limit", LONG, 0xc0, IX(GUEST_ES_LIMIT), {0, SET, 0x100000}},
        {"granularity and limit", REAL, 0xc0, IX(GUEST_ES_LIMIT), {0, SET, 0x80000000}},
        {"selector is in the GDT", LONG, 0xc0, IX(GUEST_ES_SEL), {0, OR, 4}},
        {"base canonical", LONG, 0xf0, IX(GUEST_ES_BASE), {0, SET, BIT(47)}},
        {"base below 4 GiB", LONG, 0x0f, IX(GUEST_ES_BASE), {0, SET, BIT(32)}},
        {"type", LONG, 0x39, IX(GUEST_ES_AR), {0, CLEAR, 1}},    /* not accessed */
        {"type", LONG, 0x39, IX(GUEST_ES_AR), {0, SET, 0xc099}}, /* code that cannot be read */
        {"DPL", RESTRICTED, 0x39, IX(GUEST_ES_SEL), {0, OR, 1}},
    };

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(rows); n++)
        for (u32 s = 0; s < 8; s++) {
            struct vmx_caps caps;
            struct vmcs_image i;
            struct change c = rows[n].change;

            if (!(rows[n].segments & BIT(s)))
                continue;
            generous(&caps);
            i = image(&caps, rows[n].mode);
            c.field = (u8)(rows[n].array + s);
            apply(&i, &c);
            segment_breaks(&i, s, rows[n].what);
        }
}

static void unusable_segments_are_not_judged(void **state)
{
    (void)state;
    for (u32 s = 0; s <= LDTR; s++) {
        struct vmx_caps caps;
        struct vmcs_image i;

        if (s == CS)
            continue;
        generous(&caps);
        i = image(&caps, LONG);
        set_segment(&i, (enum segment)s, 0, s >= FS && s != LDTR ? 0 : BIT(40), 0x12345678,
                    BIT(16) | 0xf00);
        assert_int_equal(vmx_check_image(&i, NULL, NULL), 0);
    }
}

/* Runs last: each rule was broken by some case, and names are unique. */
static void no_rule_without_a_case(void **state)
{
    const struct vmcs_rule *r, *other;

    (void)state;
    for (u32 n = 0; (r = vmx_check_rule(n)); n++) {
        bool found = false;

        for (u32 b = 0; b < broken_count; b++)
            found = found || strcmp(broken[b], r->name) == 0;
        if (!found)
            fail_msg("no case breaks \"%s\"", r->name);
        assert_true(r->field_count >= 1 && r->field_count <= ARRAY_LEN(r->field));
        for (u32 f = 0; f < r->field_count; f++)
            assert_true(r->field[f] < VMCS_FIELDS);
        for (u32 m = 0; m < n && (other = vmx_check_rule(m)); m++)
            assert_string_not_equal(r->name, other->name);
    }
}

static void five_levels_and_shadow_stacks(void **state)
{
    struct vmx_caps caps;
    struct vmcs_image i;

    (void)state;
    generous(&caps);
    caps.msr[MSR_VMX_EPT_VPID_CAP - VMX_MSR_FIRST] |= EPT_VPID_WALK_5 | EPT_VPID_SHADOW_STACK;
    i = image(&caps, LONG);
    i.field[IX(EPTP)] |= BIT(7);
    i.field[IX(EPTP)] = (i.field[IX(EPTP)] & ~0x38ull) | 4 << 3;
    assert_int_equal(vmx_check_image(&i, NULL, NULL), 0);
    i.linear_bits = 57;
    i.field[IX(GUEST_RIP)] = BIT(56) - 1;
    i.field[IX(GUEST_GDTR_BASE)] = BIT(47);
    assert_int_equal(vmx_check_image(&i, NULL, NULL), 0);
}

static void what_the_processor_lacks(void **state)
{
    struct vmx_caps caps;
    struct vmcs_image i;

    (void)state;
    caps_of(&caps, "corei7_skylake_x"); /* has no monitor trap flag, so no pending MTF to inject */
    i = image(&caps, LONG);
    i.field[IX(ENTRY_INTR_INFO)] = INTR(INTR_OTHER_EVENT, 0);
    breaks(&i, "injected event: type");

    generous(&caps);
    caps.msr[MSR_VMX_MISC - VMX_MSR_FIRST] &= ~(u64)VMX_MISC_ACTIVITY_SHUTDOWN;
    i = image(&caps, LONG);
    i.field[IX(GUEST_ACTIVITY)] = 2;
    breaks(&i, "activity state is supported");

    i = image(&caps, LONG);
    i.field[IX(ENTRY_INTR_INFO)] = INTR(INTR_SOFTWARE_INTERRUPT, 0x80);
    assert_int_equal(vmx_check_image(&i, NULL, NULL), 0); /* length 0, allowed by IA32_VMX_MISC */
    caps.msr[MSR_VMX_MISC - VMX_MSR_FIRST] &= ~VMX_MISC_INJECT_LENGTH_0;
    breaks(&i, "injected event: instruction length");

    caps.msr[0] |= VMX_BASIC_NO_ERROR_CODE_RULE;
    i.field[IX(ENTRY_INTR_INFO)] = INTR(INTR_HARDWARE_EXCEPTION, 13);
    assert_int_equal(vmx_check_image(&i, NULL, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_images),
        cmocka_unit_test(one_case_per_rule),
        cmocka_unit_test(every_segment),
        cmocka_unit_test(unusable_segments_are_not_judged),
        cmocka_unit_test(five_levels_and_shadow_stacks),
        cmocka_unit_test(what_the_processor_lacks),
        cmocka_unit_test(no_rule_without_a_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
