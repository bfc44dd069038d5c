/* Features of the secondary controls that are neither paging, nor APIC, nor exits of one
 * instruction. */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"
#include "lib/mem.h"
#include "vmm/lab/selftest.h"
#include "vmx/eptp.h"
#include "vmx/qual.h"

#define PROBE         CELL_PROBE
#define PROBE_2       (CELL_PROBE + GiB)
#define PML_LAST      511u
#define SHADOW_VMCS   BIT32(31)
#define SEL_REAL_CODE 0u
#define CACHE_LINE    64u
#define PDPT_INDEX    (CELL_PROBE / GiB)
#define PATTERN       0x7665727369666965ull

/* ------------------------------------------------------------ instructions that need their control
 */

struct enabling {
    u32 control;
    const u8 *code;
    u64 rbx;
};

static void at(struct lab_cell *c, const struct enabling *e)
{
    lab_cell_at(c, e->code);
    c->frame.regs.r[RBX] = e->rbx;
    c->frame.regs.r[RCX] = 0;
}

/* #UD without it. */
static enum lab_outcome enables(struct lab_cell *c, struct lab_detail *d, const struct enabling *e)
{
    at(c, e);
    LAB_EXPECT(c, EXIT_EXCEPTION_OR_NMI);
    LAB_WANT((vmcs_r32(VMCS_EXIT_INTR_INFO) & INTR_INFO_VECTOR) == VEC_UD,
             "without the control: vector %u", vmcs_r32(VMCS_EXIT_INTR_INFO) & INTR_INFO_VECTOR);
    lab_cell_set(c, WORD_CPU2, e->control);
    at(c, e);
    LAB_EXPECT(c, EXIT_VMCALL);
    return LAB_PASS;
}

#define ENABLING(name, bit, from, argument)                                                        \
    static enum lab_outcome name(struct lab_cell *c, struct lab_detail *d)                         \
    {                                                                                              \
        static const struct enabling e = {(bit), (from), (argument)};                              \
                                                                                                   \
        return enables(c, d, &e);                                                                  \
    }

ENABLING(rdtscp, CPU2_RDTSCP, lab_code_rdtscp, 0)
ENABLING(invpcid, CPU2_INVPCID, lab_code_invpcid, CELL_PAGE(0))
ENABLING(user_wait, CPU2_USER_WAIT_AND_PAUSE, lab_code_tpause, 0)

static enum lab_outcome xsaves(struct lab_cell *c, struct lab_detail *d)
{
    static const struct enabling e = {CPU2_XSAVES, lab_code_xsaves, CELL_PAGE(0)};

    vmcs_w64(VMCS_XSS_EXITING_BITMAP, 0);
    return enables(c, d, &e);
}

/* ------------------------------------------------------------ modes */

static enum lab_outcome real_mode(struct lab_cell *c, struct lab_detail *d)
{
    struct guest_state *g = &c->vcpu.guest;

    vmx_guest_reset(g);
    gs_set(g, GS_ENTRY_CONTROLS, gs_get(g, GS_ENTRY_CONTROLS) & ~(u64)VMENTRY_IA32E_MODE_GUEST);
    gs_set(g, GS_CS_SEL, SEL_REAL_CODE);
    gs_set(g, GS_CS_BASE, 0);
    gs_set(g, GS_RIP, lab_guest_offset(lab_code_real_mode));
    c->frame.regs.r[RBX] = 0x1200;
    c->frame.regs.r[RCX] = 0x0034;
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT((u16)c->frame.regs.r[RAX] == 0x1234, "AX is 0x%x", (u16)c->frame.regs.r[RAX]);
    LAB_WANT(!(gs_get(g, GS_CR0) & (CR0_PE | CR0_PG)), "CR0 is 0x%llx",
             (unsigned long long)gs_get(g, GS_CR0));
    return LAB_PASS;
}

/* ------------------------------------------------------------ page-modification logging */

static bool logged(const struct lab_cell *c, u64 gpa)
{
    const u64 *log = lab_cell_word(c, CELL_PAGE(1));

    /* Some processors leave the offset in the page. */
    for (u32 i = vmcs_r16(VMCS_PML_INDEX) + 1u; i <= PML_LAST; i++)
        if (ALIGN_DOWN(log[i], PAGE_SIZE) == gpa)
            return true;
    return false;
}

static enum lab_outcome page_modification_log(struct lab_cell *c, struct lab_detail *d)
{
    const u64 address = lab_cell_window(
        c, 0, lab_cell_leaf(c, PROBE, 0, lab_cell_hpa(c, CELL_PAGE(0)), EPT_RWX | EPT_WB));

    vmcs_w64(VMCS_PML_ADDR, lab_cell_hpa(c, CELL_PAGE(1)).v);
    vmcs_w16(VMCS_PML_INDEX, PML_LAST);
    lab_cell_set(c, WORD_CPU2, CPU2_PML);
    lab_cell_at(c, lab_code_store);
    c->frame.regs.r[RBX] = address;
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT(logged(c, PROBE), "the write is not in the log; the index is %u",
             vmcs_r16(VMCS_PML_INDEX));
    *lab_cell_ept_entry(c, PROBE, 0) &= ~BIT(9); /* clean again */
    lab_cell_flush_ept(c);
    vmcs_w16(VMCS_PML_INDEX, UINT16_MAX);
    lab_cell_at(c, lab_code_store);
    c->frame.regs.r[RBX] = address;
    LAB_EXPECT(c, EXIT_PML_FULL);
    return LAB_PASS;
}

/* ------------------------------------------------------------ VM functions */

/* A second EPT, that of the cell but for one thing: PROBE shows what the first has at PROBE_2. */
static u64 second_view(struct lab_cell *c)
{
    u64 *const root = lab_cell_word(c, CELL_PAGE(4)), *const pdpt = lab_cell_word(c, CELL_PAGE(5));
    u64 *const first = lab_cell_ept_entry(c, 0, 2); /* of the PDPT */

    memcpy(root, c->ept.root, PAGE_SIZE);
    memcpy(pdpt, first, PAGE_SIZE);
    root[0] = lab_cell_hpa(c, CELL_PAGE(5)).v | EPT_RWX;
    pdpt[PDPT_INDEX] = pdpt[PDPT_INDEX + 1];
    return vmx_eptp(lab_cell_hpa(c, CELL_PAGE(4)));
}

static enum lab_outcome eptp_switching(struct lab_cell *c, struct lab_detail *d)
{
    u64 *const list = lab_cell_word(c, CELL_PAGE(2));

    if (!(vmx_cap(&vmx_facts()->caps, MSR_VMX_VMFUNC) & BIT(0)))
        return LAB_ABSENT;
    lab_cell_leaf(c, PROBE, 0, lab_cell_hpa(c, CELL_PAGE(0)), EPT_RWX | EPT_WB);
    lab_cell_leaf(c, PROBE_2, 0, lab_cell_hpa(c, CELL_PAGE(1)), EPT_RWX | EPT_WB);
    *lab_cell_word(c, CELL_PAGE(1)) = PATTERN;
    list[0] = vmcs_r64(VMCS_EPTP);
    list[1] = second_view(c);
    lab_cell_set(c, WORD_CPU2, CPU2_VM_FUNCTIONS);
    vmcs_w64(VMCS_VM_FUNCTION_CONTROLS, BIT(0));
    vmcs_w64(VMCS_EPTP_LIST, lab_cell_hpa(c, CELL_PAGE(2)).v);
    lab_cell_at(c, lab_code_vmfunc);
    c->frame.regs.r[RBX] = lab_cell_window(c, 0, PROBE);
    c->frame.regs.r[RCX] = 1;
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT(c->frame.regs.r[RAX] == PATTERN, "read 0x%llx in the second view",
             (unsigned long long)c->frame.regs.r[RAX]);
    lab_cell_at(c, lab_code_vmfunc);
    c->frame.regs.r[RCX] = 2; /* no valid EPTP */
    LAB_EXPECT(c, EXIT_VMFUNC);
    return LAB_PASS;
}

static enum lab_outcome virtualization_exception(struct lab_cell *c, struct lab_detail *d)
{
    const u32 *info = (const u32 *)lab_cell_word(c, CELL_PAGE(0));

    vmcs_w64(VMCS_VE_INFORMATION, lab_cell_hpa(c, CELL_PAGE(0)).v);
    lab_cell_set(c, WORD_CPU2, CPU2_EPT_VIOLATION_VE);
    vmcs_w32(VMCS_EXCEPTION_BITMAP, ~BIT32(VEC_VE));
    lab_cell_gate(c, VEC_VE, lab_code_isr);
    lab_cell_at(c, lab_code_load);
    c->frame.regs.r[RBX] = lab_cell_window(c, 0, PROBE);
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT(gs_get(&c->vcpu.guest, GS_RIP) == lab_guest_offset(lab_code_isr),
             "the handler did not run");
    LAB_WANT(info[0] == EXIT_EPT_VIOLATION && info[1] == UINT32_MAX,
             "the information is reason %u, busy 0x%x", info[0], info[1]);
    return LAB_PASS;
}

/* ------------------------------------------------------------ VMCS shadowing */

static bool vmclear(hpa_t vmcs)
{
    bool ok;

    __asm__ volatile("vmclear %1" : "=@cca"(ok) : "m"(vmcs.v) : "memory");
    return ok;
}

static enum lab_outcome shadow_accesses(struct lab_cell *c, struct lab_detail *d)
{
    lab_cell_at(c, lab_code_vmwrite);
    c->frame.regs.r[RBX] = PATTERN;
    c->frame.regs.r[RCX] = VMCS_GUEST_RSP;
    LAB_EXPECT(c, EXIT_VMCALL);
    lab_cell_at(c, lab_code_vmread);
    c->frame.regs.r[RBX] = VMCS_GUEST_RSP;
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT(c->frame.regs.r[RAX] == PATTERN, "read 0x%llx",
             (unsigned long long)c->frame.regs.r[RAX]);
    memset(c->mem + CELL_PAGE(1), 0xff, PAGE_SIZE);
    lab_cell_at(c, lab_code_vmread);
    c->frame.regs.r[RBX] = VMCS_GUEST_RSP;
    LAB_EXPECT(c, EXIT_VMREAD);
    return LAB_PASS;
}

static enum lab_outcome vmcs_shadowing(struct lab_cell *c, struct lab_detail *d)
{
    const hpa_t shadow = lab_cell_hpa(c, CELL_PAGE(0));
    enum lab_outcome outcome;

    *(u32 *)lab_cell_word(c, CELL_PAGE(0)) = vmx_cap_revision(&vmx_facts()->caps) | SHADOW_VMCS;
    LAB_WANT(vmclear(shadow), "VMCLEAR of the shadow VMCS failed");
    lab_cell_set(c, WORD_CPU2, CPU2_VMCS_SHADOWING);
    vmcs_w64(VMCS_LINK_POINTER, shadow.v);
    vmcs_w64(VMCS_VMREAD_BITMAP, lab_cell_hpa(c, CELL_PAGE(1)).v);
    vmcs_w64(VMCS_VMWRITE_BITMAP, lab_cell_hpa(c, CELL_PAGE(2)).v);
    outcome = shadow_accesses(c, d);
    vmcs_w64(VMCS_LINK_POINTER, UINT64_MAX);
    LAB_WANT(vmclear(shadow), "VMCLEAR of the shadow VMCS failed at the end");
    return outcome;
}

static enum lab_outcome bus_lock(struct lab_cell *c, struct lab_detail *d)
{
    lab_cell_set(c, WORD_CPU2, CPU2_BUS_LOCK_DETECTION);
    lab_cell_at(c, lab_code_split_lock);
    c->frame.regs.r[RBX] = CELL_PAGE(0) + CACHE_LINE - 2;
    LAB_EXPECT(c, EXIT_BUS_LOCK);
    return LAB_PASS;
}

static const struct lab_test tests[] = {
    {"unrestricted guest", WORD_CPU2, CPU2_UNRESTRICTED_GUEST, 0, real_mode},
    {"RDTSCP", WORD_CPU2, CPU2_RDTSCP, 0, rdtscp},
    {"INVPCID", WORD_CPU2, CPU2_INVPCID, 0, invpcid},
    {"XSAVES/XRSTORS", WORD_CPU2, CPU2_XSAVES, 0, xsaves},
    {"user wait and pause", WORD_CPU2, CPU2_USER_WAIT_AND_PAUSE, 0, user_wait},
    {"page-modification logging", WORD_CPU2, CPU2_PML, 0, page_modification_log},
    {"VMFUNC, EPTP switching", WORD_CPU2, CPU2_VM_FUNCTIONS, 0, eptp_switching},
    {"EPT-violation #VE", WORD_CPU2, CPU2_EPT_VIOLATION_VE, 0, virtualization_exception},
    {"VMCS shadowing", WORD_CPU2, CPU2_VMCS_SHADOWING, 0, vmcs_shadowing},
    {"VMM bus-lock detection", WORD_CPU2, CPU2_BUS_LOCK_DETECTION, 0, bus_lock},
    {"instruction timeout (notify)", WORD_CPU2, CPU2_INSTRUCTION_TIMEOUT, 0, NULL},
    {"conceal VMX from PT", WORD_CPU2, CPU2_CONCEAL_FROM_PT, 0, NULL},
    {"PT uses guest-physical addresses", WORD_CPU2, CPU2_PT_USES_GPA, 0, NULL},
    {"PASID translation", WORD_CPU2, CPU2_PASID_TRANSLATION, 0, NULL},
    {"PCONFIG", WORD_CPU2, CPU2_PCONFIG, 0, NULL},
    {"LOADIWKEY exiting", WORD_CPU3, CPU3_LOADIWKEY_EXITING, 0, NULL},
    {"HLAT", WORD_CPU3, CPU3_HLAT, 0, NULL},
    {"EPT paging-write control", WORD_CPU3, CPU3_EPT_PAGING_WRITE, 0, NULL},
    {"guest-paging verification", WORD_CPU3, CPU3_GUEST_PAGING_VERIFICATION, 0, NULL},
    {"MSR-list instructions", WORD_CPU3, CPU3_MSR_LIST, 0, NULL},
    {"virtualize IA32_SPEC_CTRL", WORD_CPU3, CPU3_VIRTUALIZE_SPEC_CTRL, 0, NULL},
    {"load CET state", WORD_VMENTRY, VMENTRY_LOAD_CET_STATE, 0, NULL},
    {"load PKRS", WORD_VMENTRY, VMENTRY_LOAD_PKRS, 0, NULL},
};
LAB_TESTS(lab_feature_tests, tests);
