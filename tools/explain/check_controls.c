/* VM-entry rules about the control fields.  SDM Vol. 3C, "Checks on VMX Controls".  Pure. */
#include "tools/explain/check_rules.h"
#include "vmx/qual.h"

#define EXECUTION "VM-Execution Control Fields"
#define EXITS     "VM-Exit Control Fields"
#define ENTRIES   "VM-Entry Control Fields"

static bool reserved_bits(const struct vmcs_image *i, u32 word)
{
    const struct ctl_cap cap = vmx_cap_controls(i->caps, (enum vmx_word)word);

    return check_fixed(check_word(i, (enum vmx_word)word), cap.must1, cap.may1);
}

static bool cr3_targets(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return FIELD(i, CR3_TARGET_COUNT) <= 4;
}

/* Page addresses that a control makes the processor use. */
static const struct {
    u8 word;
    u8 index; /* enum vmcs_index */
    u32 control;
} pages[] = {
    {WORD_CPU, IX(IO_BITMAP_A), CPU_IO_BITMAPS},
    {WORD_CPU, IX(IO_BITMAP_B), CPU_IO_BITMAPS},
    {WORD_CPU, IX(MSR_BITMAP), CPU_MSR_BITMAPS},
    {WORD_CPU, IX(VIRTUAL_APIC_ADDR), CPU_TPR_SHADOW},
    {WORD_CPU2, IX(APIC_ACCESS_ADDR), CPU2_VIRTUALIZE_APIC_ACCESSES},
    {WORD_CPU2, IX(PML_ADDR), CPU2_PML},
    {WORD_CPU2, IX(SPP_TABLE), CPU2_SUB_PAGE_WRITE},
    {WORD_CPU2, IX(VMREAD_BITMAP), CPU2_VMCS_SHADOWING},
    {WORD_CPU2, IX(VMWRITE_BITMAP), CPU2_VMCS_SHADOWING},
    {WORD_CPU2, IX(VE_INFORMATION), CPU2_EPT_VIOLATION_VE},
};

static bool page_address(const struct vmcs_image *i, u32 n)
{
    return !check_has(i, (enum vmx_word)pages[n].word, pages[n].control) ||
           check_page(i, i->field[pages[n].index]);
}

/* "If control A is 1 (or 0), control B must be 1 (or 0)." */
static const struct {
    u8 word_a, word_b;
    bool a_is, b_must;
    u32 a, b;
} implications[] = {
    {WORD_PIN, WORD_PIN, false, false, PIN_NMI_EXITING, PIN_VIRTUAL_NMIS},
    {WORD_PIN, WORD_CPU, false, false, PIN_VIRTUAL_NMIS, CPU_NMI_WINDOW_EXITING},
    {WORD_CPU, WORD_CPU2, false, false, CPU_TPR_SHADOW, CPU2_VIRTUALIZE_X2APIC_MODE},
    {WORD_CPU, WORD_CPU2, false, false, CPU_TPR_SHADOW, CPU2_APIC_REGISTER_VIRTUALIZATION},
    {WORD_CPU, WORD_CPU2, false, false, CPU_TPR_SHADOW, CPU2_VIRTUAL_INTERRUPT_DELIVERY},
    {WORD_CPU2, WORD_CPU2, true, false, CPU2_VIRTUALIZE_X2APIC_MODE, CPU2_VIRTUALIZE_APIC_ACCESSES},
    {WORD_CPU2, WORD_PIN, true, true, CPU2_VIRTUAL_INTERRUPT_DELIVERY,
     PIN_EXTERNAL_INTERRUPT_EXITING},
    {WORD_PIN, WORD_CPU2, true, true, PIN_POSTED_INTERRUPTS, CPU2_VIRTUAL_INTERRUPT_DELIVERY},
    {WORD_PIN, WORD_VMEXIT, true, true, PIN_POSTED_INTERRUPTS, VMEXIT_ACK_INTERRUPT},
    {WORD_CPU2, WORD_CPU2, true, true, CPU2_UNRESTRICTED_GUEST, CPU2_EPT},
    {WORD_CPU2, WORD_CPU2, true, true, CPU2_PML, CPU2_EPT},
    {WORD_CPU2, WORD_CPU2, true, true, CPU2_MODE_BASED_EXECUTE, CPU2_EPT},
    {WORD_CPU2, WORD_CPU2, true, true, CPU2_SUB_PAGE_WRITE, CPU2_EPT},
    {WORD_PIN, WORD_VMEXIT, false, false, PIN_PREEMPTION_TIMER, VMEXIT_SAVE_PREEMPTION_TIMER},
};

static bool implied(const struct vmcs_image *i, u32 n)
{
    const bool a = check_has(i, (enum vmx_word)implications[n].word_a, implications[n].a);
    const bool b = check_has(i, (enum vmx_word)implications[n].word_b, implications[n].b);

    return a != implications[n].a_is || b == implications[n].b_must;
}

static bool tpr_threshold(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !check_has(i, WORD_CPU, CPU_TPR_SHADOW) ||
           check_has(i, WORD_CPU2, CPU2_VIRTUAL_INTERRUPT_DELIVERY) ||
           FIELD(i, TPR_THRESHOLD) <= 15;
}

static bool posted_interrupts(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !check_has(i, WORD_PIN, PIN_POSTED_INTERRUPTS) ||
           (FIELD(i, POSTED_INTERRUPT_VECTOR) <= 0xff &&
            IS_ALIGNED(FIELD(i, POSTED_INTERRUPT_DESC), 64) &&
            check_phys(i, FIELD(i, POSTED_INTERRUPT_DESC)));
}

static bool vpid(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !check_has(i, WORD_CPU2, CPU2_VPID) || FIELD(i, VPID);
}

static bool eptp_memory_type(const struct vmcs_image *i, u32 arg)
{
    const u64 type = FIELD(i, EPTP) & 7;

    (void)arg;
    return !check_has(i, WORD_CPU2, CPU2_EPT) ||
           (type == MEMORY_TYPE_WB && vmx_cap_ept_vpid(i->caps, EPT_VPID_WB)) ||
           (type == MEMORY_TYPE_UC && vmx_cap_ept_vpid(i->caps, EPT_VPID_UC));
}

static bool eptp_walk_length(const struct vmcs_image *i, u32 arg)
{
    const u64 levels = (FIELD(i, EPTP) >> 3 & 7) + 1;

    (void)arg;
    return !check_has(i, WORD_CPU2, CPU2_EPT) ||
           (levels == 4 && vmx_cap_ept_vpid(i->caps, EPT_VPID_WALK_4)) ||
           (levels == 5 && vmx_cap_ept_vpid(i->caps, EPT_VPID_WALK_5));
}

static bool eptp_accessed_dirty(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !check_has(i, WORD_CPU2, CPU2_EPT) || !(FIELD(i, EPTP) & BIT(6)) ||
           vmx_cap_ept_vpid(i->caps, EPT_VPID_ACCESSED_DIRTY);
}

static bool eptp_reserved(const struct vmcs_image *i, u32 arg)
{
    const bool shadow_stack = vmx_cap_ept_vpid(i->caps, EPT_VPID_SHADOW_STACK);
    const u64 reserved = shadow_stack ? 0xf00 : 0xf80;

    (void)arg;
    return !check_has(i, WORD_CPU2, CPU2_EPT) ||
           (!(FIELD(i, EPTP) & reserved) && check_phys(i, FIELD(i, EPTP)));
}

static bool vm_functions(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    if (!check_has(i, WORD_CPU2, CPU2_VM_FUNCTIONS))
        return true;
    if (FIELD(i, VM_FUNCTION_CONTROLS) & ~vmx_cap(i->caps, MSR_VMX_VMFUNC))
        return false;
    return !(FIELD(i, VM_FUNCTION_CONTROLS) & 1) || /* EPTP switching */
           (check_has(i, WORD_CPU2, CPU2_EPT) && check_page(i, FIELD(i, EPTP_LIST)));
}

static bool tsc_multiplier(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !check_has(i, WORD_CPU2, CPU2_TSC_SCALING) || FIELD(i, TSC_MULTIPLIER);
}

/* MSR-load and MSR-store areas: 16-byte entries. */
static const struct {
    u8 address, count; /* enum vmcs_index */
} msr_areas[] = {
    {IX(EXIT_MSR_STORE_ADDR), IX(EXIT_MSR_STORE_COUNT)},
    {IX(EXIT_MSR_LOAD_ADDR), IX(EXIT_MSR_LOAD_COUNT)},
    {IX(ENTRY_MSR_LOAD_ADDR), IX(ENTRY_MSR_LOAD_COUNT)},
};

static bool msr_area(const struct vmcs_image *i, u32 n)
{
    const u64 address = i->field[msr_areas[n].address];
    const u64 count = i->field[msr_areas[n].count] & UINT32_MAX;
    u64 last;

    if (count == 0)
        return true;
    return IS_ALIGNED(address, 16) && !__builtin_add_overflow(address, count * 16 - 1, &last) &&
           check_phys(i, last);
}

static bool not_in_smm(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !check_has(i, WORD_VMENTRY, VMENTRY_ENTRY_TO_SMM | VMENTRY_DEACTIVATE_DUAL_MONITOR);
}

/* ---- event injection */

static bool injecting(const struct vmcs_image *i)
{
    return FIELD(i, ENTRY_INTR_INFO) & INTR_INFO_VALID;
}

static bool inject_type(const struct vmcs_image *i, u32 arg)
{
    const struct ctl_cap cpu = vmx_cap_controls(i->caps, WORD_CPU);
    const u32 type = intr_info_type((u32)FIELD(i, ENTRY_INTR_INFO));

    (void)arg;
    return !injecting(i) ||
           (type != 1 && (type != INTR_OTHER_EVENT || (cpu.may1 & CPU_MONITOR_TRAP_FLAG)));
}

static bool inject_vector(const struct vmcs_image *i, u32 arg)
{
    const u32 info = (u32)FIELD(i, ENTRY_INTR_INFO);
    const u32 vector = info & INTR_INFO_VECTOR;

    (void)arg;
    if (!injecting(i))
        return true;
    switch (intr_info_type(info)) {
    case INTR_NMI: return vector == VEC_NMI;
    case INTR_HARDWARE_EXCEPTION: return vector <= 31;
    case INTR_OTHER_EVENT: return vector == 0;
    default: return true;
    }
}

static bool inject_error_code(const struct vmcs_image *i, u32 arg)
{
    const u64 with = BIT(VEC_DF) | BIT(VEC_TS) | BIT(VEC_NP) | BIT(VEC_SS) | BIT(VEC_GP) |
                     BIT(VEC_PF) | BIT(VEC_AC);
    const u64 either = BIT(VEC_CP); /* by whether the processor has CET */
    const u32 info = (u32)FIELD(i, ENTRY_INTR_INFO);
    const bool error_code = info & INTR_INFO_ERROR_CODE;
    const u64 vector = BIT(info & 31);

    (void)arg;
    if (!injecting(i))
        return true;
    if (intr_info_type(info) != INTR_HARDWARE_EXCEPTION || !(FIELD(i, GUEST_CR0) & CR0_PE))
        return !error_code;
    if ((vmx_cap(i->caps, MSR_VMX_BASIC) & VMX_BASIC_NO_ERROR_CODE_RULE) || (vector & either))
        return true;
    return error_code == !!(vector & with);
}

static bool inject_reserved(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !injecting(i) || !(FIELD(i, ENTRY_INTR_INFO) & 0x7ffff000);
}

static bool inject_error_value(const struct vmcs_image *i, u32 arg)
{
    (void)arg;
    return !injecting(i) || !(FIELD(i, ENTRY_INTR_INFO) & INTR_INFO_ERROR_CODE) ||
           FIELD(i, ENTRY_INTR_ERROR) <= 0xffff;
}

static bool inject_length(const struct vmcs_image *i, u32 arg)
{
    const u32 type = intr_info_type((u32)FIELD(i, ENTRY_INTR_INFO));
    const u64 min = vmx_cap(i->caps, MSR_VMX_MISC) & VMX_MISC_INJECT_LENGTH_0 ? 0 : 1;

    (void)arg;
    return !injecting(i) || type < INTR_SOFTWARE_INTERRUPT || type > INTR_SOFTWARE_EXCEPTION ||
           (FIELD(i, ENTRY_INSN_LEN) >= min && FIELD(i, ENTRY_INSN_LEN) <= 15);
}

// clang-format off
static const struct vmcs_rule rules[] = {
    RULE("reserved pin-based controls", EXECUTION, reserved_bits, WORD_PIN, IX(PIN_CONTROLS)),
    RULE("reserved primary processor-based controls", EXECUTION, reserved_bits, WORD_CPU, IX(CPU_CONTROLS)),
    RULE("reserved secondary processor-based controls", EXECUTION, reserved_bits, WORD_CPU2, IX(CPU2_CONTROLS)),
    RULE("reserved tertiary processor-based controls", EXECUTION, reserved_bits, WORD_CPU3, IX(CPU3_CONTROLS)),
    RULE("CR3-target count is at most 4", EXECUTION, cr3_targets, 0, IX(CR3_TARGET_COUNT)),
    RULE("address of I/O bitmap A", EXECUTION, page_address, 0, IX(IO_BITMAP_A)),
    RULE("address of I/O bitmap B", EXECUTION, page_address, 1, IX(IO_BITMAP_B)),
    RULE("address of the MSR bitmap", EXECUTION, page_address, 2, IX(MSR_BITMAP)),
    RULE("virtual-APIC address", EXECUTION, page_address, 3, IX(VIRTUAL_APIC_ADDR)),
    RULE("APIC-access address", EXECUTION, page_address, 4, IX(APIC_ACCESS_ADDR)),
    RULE("PML address", EXECUTION, page_address, 5, IX(PML_ADDR)),
    RULE("sub-page-permission-table address", EXECUTION, page_address, 6, IX(SPP_TABLE)),
    RULE("VMREAD-bitmap address", EXECUTION, page_address, 7, IX(VMREAD_BITMAP)),
    RULE("VMWRITE-bitmap address", EXECUTION, page_address, 8, IX(VMWRITE_BITMAP)),
    RULE("virtualization-exception information address", EXECUTION, page_address, 9, IX(VE_INFORMATION)),
    RULE("virtual NMIs need NMI exiting", EXECUTION, implied, 0, IX(PIN_CONTROLS)),
    RULE("NMI-window exiting needs virtual NMIs", EXECUTION, implied, 1, IX(PIN_CONTROLS), IX(CPU_CONTROLS)),
    RULE("x2APIC mode needs the TPR shadow", EXECUTION, implied, 2, IX(CPU_CONTROLS), IX(CPU2_CONTROLS)),
    RULE("APIC-register virtualization needs the TPR shadow", EXECUTION, implied, 3, IX(CPU_CONTROLS), IX(CPU2_CONTROLS)),
    RULE("virtual-interrupt delivery needs the TPR shadow", EXECUTION, implied, 4, IX(CPU_CONTROLS), IX(CPU2_CONTROLS)),
    RULE("x2APIC mode excludes APIC accesses", EXECUTION, implied, 5, IX(CPU2_CONTROLS)),
    RULE("virtual-interrupt delivery needs external-interrupt exiting", EXECUTION, implied, 6, IX(PIN_CONTROLS), IX(CPU2_CONTROLS)),
    RULE("posted interrupts need virtual-interrupt delivery", EXECUTION, implied, 7, IX(PIN_CONTROLS), IX(CPU2_CONTROLS)),
    RULE("posted interrupts need acknowledge on exit", EXECUTION, implied, 8, IX(PIN_CONTROLS), IX(EXIT_CONTROLS)),
    RULE("unrestricted guest needs EPT", EXECUTION, implied, 9, IX(CPU2_CONTROLS)),
    RULE("PML needs EPT", EXECUTION, implied, 10, IX(CPU2_CONTROLS)),
    RULE("mode-based execute control needs EPT", EXECUTION, implied, 11, IX(CPU2_CONTROLS)),
    RULE("sub-page write permissions need EPT", EXECUTION, implied, 12, IX(CPU2_CONTROLS)),
    RULE("TPR threshold is at most 15", EXECUTION, tpr_threshold, 0, IX(TPR_THRESHOLD)),
    RULE("posted-interrupt vector and descriptor", EXECUTION, posted_interrupts, 0, IX(POSTED_INTERRUPT_VECTOR), IX(POSTED_INTERRUPT_DESC)),
    RULE("VPID is not 0", EXECUTION, vpid, 0, IX(VPID)),
    RULE("EPTP memory type", EXECUTION, eptp_memory_type, 0, IX(EPTP)),
    RULE("EPTP page-walk length", EXECUTION, eptp_walk_length, 0, IX(EPTP)),
    RULE("EPTP accessed and dirty flags", EXECUTION, eptp_accessed_dirty, 0, IX(EPTP)),
    RULE("EPTP reserved bits", EXECUTION, eptp_reserved, 0, IX(EPTP)),
    RULE("VM-function controls", EXECUTION, vm_functions, 0, IX(VM_FUNCTION_CONTROLS), IX(EPTP_LIST)),
    RULE("TSC multiplier is not 0", EXECUTION, tsc_multiplier, 0, IX(TSC_MULTIPLIER)),
    RULE("reserved VM-exit controls", EXITS, reserved_bits, WORD_VMEXIT, IX(EXIT_CONTROLS)),
    RULE("saving the preemption timer needs the timer", EXITS, implied, 13, IX(PIN_CONTROLS), IX(EXIT_CONTROLS)),
    RULE("VM-exit MSR-store area", EXITS, msr_area, 0, IX(EXIT_MSR_STORE_ADDR), IX(EXIT_MSR_STORE_COUNT)),
    RULE("VM-exit MSR-load area", EXITS, msr_area, 1, IX(EXIT_MSR_LOAD_ADDR), IX(EXIT_MSR_LOAD_COUNT)),
    RULE("reserved VM-entry controls", ENTRIES, reserved_bits, WORD_VMENTRY, IX(ENTRY_CONTROLS)),
    RULE("VM-entry MSR-load area", ENTRIES, msr_area, 2, IX(ENTRY_MSR_LOAD_ADDR), IX(ENTRY_MSR_LOAD_COUNT)),
    RULE("SMM controls outside of SMM", ENTRIES, not_in_smm, 0, IX(ENTRY_CONTROLS)),
    RULE("injected event: type", ENTRIES, inject_type, 0, IX(ENTRY_INTR_INFO)),
    RULE("injected event: vector", ENTRIES, inject_vector, 0, IX(ENTRY_INTR_INFO)),
    RULE("injected event: error code or none", ENTRIES, inject_error_code, 0, IX(ENTRY_INTR_INFO), IX(GUEST_CR0)),
    RULE("injected event: reserved bits", ENTRIES, inject_reserved, 0, IX(ENTRY_INTR_INFO)),
    RULE("injected event: error code", ENTRIES, inject_error_value, 0, IX(ENTRY_INTR_INFO), IX(ENTRY_INTR_ERROR)),
    RULE("injected event: instruction length", ENTRIES, inject_length, 0, IX(ENTRY_INTR_INFO), IX(ENTRY_INSN_LEN)),
};
// clang-format on

const struct vmcs_rules vmx_rules_controls = RULES(rules);
