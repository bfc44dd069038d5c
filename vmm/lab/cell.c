/* The life of a cell: memory, VMCS, and runs.  SDM Vol. 3C, "Virtual Machine Control Structures".
 */
#include "vmm/lab/cell.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/panic.h"
#include "lib/mem.h"
#include "vmm/hostmem.h"
#include "vmm/lab/cell_space.h"
#include "vmx/guest_state_write.h"

#define SEL_CELL_CODE 0x08u
#define SEL_CELL_DATA 0x10u
#define AR_CODE_64    0xa09bu
#define AR_DATA       0xc093u
#define STACK_TOP     (CELL_STACK + PAGE_SIZE)
#define REASON_BASIC  0xffffu
#define REASON_FAILED BIT32(31)
/* TSC ticks until a guest that does not come back is fetched. */
#define WATCHDOG_TICKS BIT32(24)

static const u16 control_field[VMX_WORDS] = {
    [WORD_PIN] = VMCS_PIN_CONTROLS,     [WORD_CPU] = VMCS_CPU_CONTROLS,
    [WORD_CPU2] = VMCS_CPU2_CONTROLS,   [WORD_CPU3] = VMCS_CPU3_CONTROLS,
    [WORD_VMEXIT] = VMCS_EXIT_CONTROLS, [WORD_VMENTRY] = VMCS_ENTRY_CONTROLS,
};

/* Little more than must be: interrupts and NMIs leave the guest, no bitmap, so that every MSR and
 * port exits. */
static const u32 cell_controls[VMX_WORDS] = {
    [WORD_PIN] =
        PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING | PIN_VIRTUAL_NMIS | PIN_PREEMPTION_TIMER,
    [WORD_CPU] = CPU_HLT_EXITING | CPU_UNCONDITIONAL_IO_EXITING | CPU_SECONDARY_CONTROLS,
    [WORD_CPU2] = CPU2_EPT | CPU2_VPID | CPU2_UNRESTRICTED_GUEST,
    [WORD_VMEXIT] = VMEXIT_SAVE_DEBUG_CONTROLS | VMEXIT_HOST_ADDRESS_SPACE_SIZE | VMEXIT_SAVE_PAT |
                    VMEXIT_LOAD_PAT | VMEXIT_SAVE_EFER | VMEXIT_LOAD_EFER,
    [WORD_VMENTRY] = VMENTRY_LOAD_DEBUG_CONTROLS | VMENTRY_LOAD_PAT | VMENTRY_LOAD_EFER |
                     VMENTRY_IA32E_MODE_GUEST,
};

bool lab_cell_can(enum vmx_word word, u64 bits)
{
    return (vmx_facts()->word[word].may1 & bits) == bits;
}

static void set_word(struct lab_cell *c, enum vmx_word word, u64 value)
{
    if (word == WORD_VMENTRY) /* the cache would write over it */
        gs_set(&c->vcpu.guest, GS_ENTRY_CONTROLS, value);
    else
        vmwrite(control_field[word], value);
}

static u64 get_word(struct lab_cell *c, enum vmx_word word)
{
    return word == WORD_VMENTRY ? gs_get(&c->vcpu.guest, GS_ENTRY_CONTROLS)
                                : vmread(control_field[word]);
}

void lab_cell_set(struct lab_cell *c, enum vmx_word word, u64 bits)
{
    set_word(c, word, get_word(c, word) | bits);
}

void lab_cell_clear(struct lab_cell *c, enum vmx_word word, u64 bits)
{
    const u64 must1 = vmx_facts()->word[word].must1;

    set_word(c, word, (get_word(c, word) & ~bits) | must1);
}

static void set_segments(struct guest_state *g)
{
    for (u32 s = 0; s <= GS_GS_SEL - GS_ES_SEL; s++) {
        const bool code = GS_ES_SEL + s == GS_CS_SEL;

        gs_set(g, (enum guest_field)(GS_ES_SEL + s), code ? SEL_CELL_CODE : SEL_CELL_DATA);
        gs_set(g, (enum guest_field)(GS_ES_BASE + s), 0);
        gs_set(g, (enum guest_field)(GS_ES_LIMIT + s), 0xffffffff);
        gs_set(g, (enum guest_field)(GS_ES_AR + s), code ? AR_CODE_64 : AR_DATA);
    }
    gs_set(g, GS_GDTR_BASE, CELL_GDT);
    gs_set(g, GS_GDTR_LIMIT, PAGE_SIZE - 1);
    gs_set(g, GS_IDTR_BASE, CELL_IDT);
    gs_set(g, GS_IDTR_LIMIT, PAGE_SIZE - 1);
}

static void set_guest_state(struct guest_state *g)
{
    const bool xsave = cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE;

    set_segments(g);
    gs_set(g, GS_CR0, CR0_PE | CR0_PG | CR0_NE | CR0_ET | CR0_WP);
    gs_set(g, GS_CR4,
           CR4_PAE | (xsave ? CR4_OSXSAVE : 0) | vmx_cap(&vmx_facts()->caps, MSR_VMX_CR4_FIXED0));
    gs_set(g, GS_CR3, CELL_TABLES);
    gs_set(g, GS_EFER, EFER_LME | EFER_LMA | EFER_NXE);
}

static void set_up_vmcs(struct lab_cell *c)
{
    static const hpa_t none;

    if (c->set_up)
        vmx_vcpu_release(&c->vcpu);
    vmx_vcpu_setup(&c->vcpu, &(struct vmx_vcpu_config){
                                 .vmcs_page = c->vcpu.vmcs,
                                 .ept_root = virt_to_phys(c->ept.root),
                                 .vpid = CELL_VPID,
                                 .msr_bitmap = none,
                                 .io_bitmap_a = none,
                                 .io_bitmap_b = none,
                                 .exception_bitmap = UINT32_MAX,
                                 .mitigations = c->mitigations,
                             });
    c->set_up = true;
    c->launched = false;
    for (u32 w = 0; w < VMX_WORDS; w++) {
        const u64 must1 = vmx_facts()->word[w].must1, may1 = vmx_facts()->word[w].may1;

        if (w != WORD_CPU3)
            set_word(c, (enum vmx_word)w, must1 | (cell_controls[w] & may1));
    }
    vmcs_w32(VMCS_PREEMPTION_TIMER, WATCHDOG_TICKS >> c->vcpu.timer_shift);
    set_guest_state(&c->vcpu.guest);
}

void lab_cell_reset(struct lab_cell *c)
{
    lab_cell_space_reset(c);
    memset(&c->frame, 0, sizeof(c->frame));
    set_up_vmcs(c);
    vmx_invept_all();
    vmx_invvpid_single(CELL_VPID);
}

bool lab_cell_create(struct lab_cell *c)
{
    void *vmcs;

    memset(c, 0, sizeof(*c));
    vmcs = hostmem_page();
    if (!vmcs)
        return false;
    c->vcpu.vmcs = virt_to_phys(vmcs);
    if (!lab_cell_space_create(c)) {
        hostmem_page_free(vmcs);
        return false;
    }
    lab_cell_reset(c);
    return true;
}

void lab_cell_destroy(struct lab_cell *c)
{
    vmx_vcpu_release(&c->vcpu);
    vmx_invept_all();
    vmx_invvpid_single(CELL_VPID);
    lab_cell_space_destroy(c);
    hostmem_page_free(phys_to_virt(c->vcpu.vmcs));
}

/* ------------------------------------------------------------ running */

void lab_cell_at(struct lab_cell *c, const u8 *label)
{
    struct guest_state *g = &c->vcpu.guest;

    gs_set(g, GS_RIP, lab_guest_offset(label));
    gs_set(g, GS_RSP, STACK_TOP);
    gs_set(g, GS_RFLAGS, RFLAGS_FIXED_1);
    gs_set(g, GS_INTERRUPTIBILITY, 0);
    gs_set(g, GS_ACTIVITY, 0);
}

u32 lab_cell_run_stub(struct lab_cell *c, void (*stub)(void))
{
    u32 reason;

    vmcs_wn(VMCS_HOST_RIP, (u64)stub);
    vmcs_wn(VMCS_HOST_RSP, (u64)&c->frame);
    guest_state_write(&c->vcpu.guest);
    if (lab_enter(&c->frame, c->launched) != 0)
        return CELL_VMFAIL;
    c->vcpu.guest.valid = 0;
    reason = vmcs_r32(VMCS_EXIT_REASON);
    if (reason & REASON_FAILED)
        return CELL_ENTRY_FAILED;
    c->launched = true;
    return reason & REASON_BASIC;
}

u32 lab_cell_run(struct lab_cell *c)
{
    return lab_cell_run_stub(c, lab_exit);
}

void lab_cell_skip(struct lab_cell *c)
{
    struct guest_state *g = &c->vcpu.guest;

    gs_set(g, GS_RIP, gs_get(g, GS_RIP) + vmcs_r32(VMCS_EXIT_INSN_LEN));
}
