/* A VMCS from nothing: controls, host state, and the guest state of a processor after reset.
 * SDM Vol. 3C, "Virtual Machine Control Structures"; Vol. 3A, "Processor State After Reset". */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/panic.h"
#include "arch/x86_64/percpu.h"
#include "arch/x86_64/seg.h"
#include "lib/atomic.h"
#include "vmx/enter.h"
#include "vmx/eptp.h"
#include "vmx/speculation.h"
#include "vmx/vmcs.h"
#include "vmx/vmx.h"

#define PAT_AFTER_RESET 0x0007040600070406ull

/* TSC ticks: between two PAUSEs of one loop at most, and from the first of them to the exit.
 * Shorter than most critical sections that are entered in vain, longer than those that another CPU
 * just leaves. */
#define PAUSE_GAP    128u
#define PAUSE_WINDOW 4096u

/* Each CPU writes its own, and its NMI handler reads it. */
static struct {
    u64 vmcs; /* physical address of the current VMCS; 0: none */
} __attribute__((aligned(64))) current[CPUS_MAX];

static u32 negotiated(enum vmx_word word)
{
    return (u32)vmx_facts()->word[word].value;
}

static void vmclear(hpa_t vmcs)
{
    bool ok;

    __asm__ volatile("vmclear %1" : "=@cca"(ok) : "m"(vmcs.v) : "memory");
    if (!ok)
        panic("VMCLEAR of 0x%llx failed", (unsigned long long)vmcs.v);
}

static void make_current(const struct vmx_vcpu *v)
{
    bool ok;

    __asm__ volatile("vmptrld %1" : "=@cca"(ok) : "m"(v->vmcs.v) : "memory");
    if (!ok)
        panic("VMPTRLD of 0x%llx failed", (unsigned long long)v->vmcs.v);
    WRITE_ONCE(current[this_cpu()->id].vmcs, v->vmcs.v);
}

void vmx_vcpu_release(struct vmx_vcpu *v)
{
    if (current[this_cpu()->id].vmcs == v->vmcs.v) {
        WRITE_ONCE(current[this_cpu()->id].vmcs, 0);
        barrier(); /* an NMI from here on finds none */
    }
    vmclear(v->vmcs);
    v->launched = false;
}

void vmx_expire_timer(void)
{
    if (READ_ONCE(current[this_cpu()->id].vmcs) != 0)
        vmwrite_proven(VMCS_PREEMPTION_TIMER, 0);
}

/* The guest's local APIC: nothing is in service, and no EOI exits. */
static void write_apic(struct vmx_vcpu *v, const struct vmx_vcpu_config *config)
{
    static const u64 no_eoi[4];

    v->cpu = (u32)vmx_delivery_controls(WORD_CPU, v->cpu, VMX_APIC_IN_MEMORY);
    vmcs_w32(VMCS_CPU_CONTROLS, v->cpu);
    vmx_set_apic_mode(v, VMX_APIC_IN_MEMORY);
    vmcs_w64(VMCS_VIRTUAL_APIC_ADDR, config->apic_page.v);
    vmcs_w64(VMCS_APIC_ACCESS_ADDR, config->apic_access.v);
    vmcs_w32(VMCS_TPR_THRESHOLD, 0);
    vmx_set_interrupt_status(v, 0);
    vmx_set_eoi_exits(v, no_eoi);
}

static void write_controls(const struct vmx_vcpu *v, const struct vmx_vcpu_config *config)
{
    vmcs_w32(VMCS_PIN_CONTROLS, v->pin);
    vmcs_w32(VMCS_CPU_CONTROLS, v->cpu);
    vmcs_w32(VMCS_CPU2_CONTROLS, v->cpu2);
    vmcs_w32(VMCS_EXIT_CONTROLS, negotiated(WORD_VMEXIT));
    vmcs_w32(VMCS_EXCEPTION_BITMAP, config->exception_bitmap);
    vmcs_w32(VMCS_PAGE_FAULT_MASK, 0); /* the bitmap's bit 14 alone decides about #PF */
    vmcs_w32(VMCS_PAGE_FAULT_MATCH, 0);
    vmcs_w32(VMCS_CR3_TARGET_COUNT, 0);
    vmcs_w32(VMCS_EXIT_MSR_STORE_COUNT, 0);
    vmcs_w32(VMCS_EXIT_MSR_LOAD_COUNT, 0);
    vmcs_w32(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
    vmcs_w32(VMCS_ENTRY_INTR_INFO, 0);
    vmcs_w64(VMCS_IO_BITMAP_A, config->io_bitmap_a.v);
    vmcs_w64(VMCS_IO_BITMAP_B, config->io_bitmap_b.v);
    vmcs_w64(VMCS_MSR_BITMAP, config->msr_bitmap.v);
    vmcs_w64(VMCS_TSC_OFFSET, config->tsc_offset);
    vmcs_w64(VMCS_EPTP, vmx_eptp(config->ept_root));
    vmcs_w16(VMCS_VPID, config->vpid);
    vmcs_wn(VMCS_CR0_MASK, config->cr0_mask);
    vmcs_wn(VMCS_CR4_MASK, config->cr4_mask);
    vmcs_w64(VMCS_LINK_POINTER, UINT64_MAX);
    vmcs_w32(VMCS_PREEMPTION_TIMER, UINT32_MAX);
    /* Fields that exist only with their control; everything that can exit, exits. */
    if (config->pause_loops) {
        vmcs_w32(VMCS_PLE_GAP, PAUSE_GAP);
        vmcs_w32(VMCS_PLE_WINDOW, PAUSE_WINDOW);
    }
    if (vmx_has_control(WORD_CPU2, CPU2_XSAVES))
        vmcs_w64(VMCS_XSS_EXITING_BITMAP, UINT64_MAX);
    if (vmx_has_control(WORD_CPU2, CPU2_ENCLS_EXITING))
        vmcs_w64(VMCS_ENCLS_EXITING_BITMAP, UINT64_MAX);
    if (vmx_has_control(WORD_CPU2, CPU2_ENCLV_EXITING))
        vmcs_w64(VMCS_ENCLV_EXITING_BITMAP, UINT64_MAX);
}

/* What a VM exit loads: this CPU as it is now. */
static NOINLINE void write_host_state(struct vmx_vcpu *v)
{
    const struct cpu *c = this_cpu();

    vmcs_wn(VMCS_HOST_CR0, read_cr0());
    vmcs_wn(VMCS_HOST_CR3, read_cr3());
    vmcs_wn(VMCS_HOST_CR4, read_cr4());
    vmcs_w64(VMCS_HOST_EFER, rdmsr(MSR_EFER));
    vmcs_w64(VMCS_HOST_PAT, rdmsr(MSR_PAT));
    vmcs_w16(VMCS_HOST_CS_SEL, SEL_CODE);
    vmcs_w16(VMCS_HOST_SS_SEL, SEL_DATA);
    vmcs_w16(VMCS_HOST_DS_SEL, SEL_DATA);
    vmcs_w16(VMCS_HOST_ES_SEL, SEL_DATA);
    vmcs_w16(VMCS_HOST_FS_SEL, SEL_NULL);
    vmcs_w16(VMCS_HOST_GS_SEL, SEL_NULL);
    vmcs_w16(VMCS_HOST_TR_SEL, SEL_TSS);
    vmcs_wn(VMCS_HOST_FS_BASE, 0);
    vmcs_wn(VMCS_HOST_GS_BASE, (u64)c);
    vmcs_wn(VMCS_HOST_TR_BASE, c->tables.tss_base);
    vmcs_wn(VMCS_HOST_GDTR_BASE, c->tables.gdt_base);
    vmcs_wn(VMCS_HOST_IDTR_BASE, c->tables.idt_base);
    vmcs_w32(VMCS_HOST_SYSENTER_CS, 0); /* the hypervisor has no ring 3 */
    vmcs_wn(VMCS_HOST_SYSENTER_ESP, 0);
    vmcs_wn(VMCS_HOST_SYSENTER_EIP, 0);
    vmcs_wn(VMCS_HOST_RSP, (u64)&v->guest.regs);
    v->host_cpu = c->id;
}

void vmx_vcpu_load(struct vmx_vcpu *v)
{
    make_current(v);
    if (unlikely(v->host_cpu != this_cpu()->id))
        write_host_state(v);
}

/* Of entry.asm. */
extern void (*const vmx_resume_variants[MITIGATE_ENTRY + 1])(void);
extern void (*const vmx_launch_variants[MITIGATE_ENTRY + 1])(void);
extern void (*const vmx_exit_variants[MITIGATE_EXIT / MITIGATE_IBRS + 1])(void);
_Static_assert((MITIGATE_ENTRY & (MITIGATE_ENTRY + 1)) == 0, "bits 0 and up");
_Static_assert((MITIGATE_EXIT & (MITIGATE_EXIT + MITIGATE_IBRS)) == 0, "bits from IBRS up");

static void choose_way(struct vmx_vcpu *v, u32 mitigations)
{
    const u32 impossible = mitigations & ~vmx_mitigation_plan()->possible;

    if (impossible)
        panic("mitigations 0x%x: this processor does not have them", impossible);
    v->resume = vmx_resume_variants[mitigations & MITIGATE_ENTRY];
    v->launch = vmx_launch_variants[mitigations & MITIGATE_ENTRY];
    vmcs_wn(VMCS_HOST_RIP, (u64)vmx_exit_variants[(mitigations & MITIGATE_EXIT) / MITIGATE_IBRS]);
}

_Static_assert(offsetof(struct vmx_vcpu, guest) == 0 && offsetof(struct guest_state, regs) == 0,
               "vmx_enter() gets what HOST_RSP holds");

void vmx_vcpu_setup(struct vmx_vcpu *v, const struct vmx_vcpu_config *config)
{
    const u32 shift = (u32)(vmx_cap(&vmx_facts()->caps, MSR_VMX_MISC) & VMX_MISC_TIMER_SHIFT);

    *v = (struct vmx_vcpu){
        .vmcs = config->vmcs_page,
        .pin = negotiated(WORD_PIN),
        .cpu = negotiated(WORD_CPU) | (config->bare ? (u32)CPU_MOV_DR_EXITING : 0u),
        .cpu2 = negotiated(WORD_CPU2) | (config->pause_loops ? (u32)CPU2_PAUSE_LOOP_EXITING : 0u),
        .msr_bitmap = config->msr_bitmap,
        .x2apic_msr_bitmap = config->x2apic_msr_bitmap,
        .timer_shift = shift,
        .timer_round = BIT(shift) - 1,
        .timer_most = (u64)UINT32_MAX << shift,
    };
    *(u32 *)phys_to_virt(v->vmcs) = vmx_cap_revision(&vmx_facts()->caps);
    if (config->bare)
        v->cpu2 &= ~(u32)CPU2_RDTSCP;
    vmclear(v->vmcs);
    make_current(v);
    write_controls(v, config);
    if (config->apic_page.v)
        write_apic(v, config);
    write_host_state(v);
    choose_way(v, config->mitigations);
    vmx_guest_reset(&v->guest);
}

static const struct {
    u8 field; /* enum guest_field */
    u64 value;
} after_reset[] = {
    {GS_RIP, 0xfff0},
    {GS_RSP, 0},
    {GS_RFLAGS, RFLAGS_FIXED_1},
    {GS_INTERRUPTIBILITY, 0},
    {GS_ACTIVITY, 0},
    {GS_PENDING_DEBUG, 0},
    {GS_CR3, 0},
    {GS_CR0_SHADOW, CR0_CD | CR0_NW | CR0_ET},
    {GS_CR4_SHADOW, 0},
    {GS_DR7, DR7_INIT},
    {GS_EFER, 0},
    {GS_PAT, PAT_AFTER_RESET},
    {GS_DEBUGCTL, 0},
    {GS_GDTR_BASE, 0},
    {GS_IDTR_BASE, 0},
    {GS_GDTR_LIMIT, 0xffff},
    {GS_IDTR_LIMIT, 0xffff},
    {GS_SYSENTER_CS, 0},
    {GS_SYSENTER_ESP, 0},
    {GS_SYSENTER_EIP, 0},
    {GS_PDPTE0, 0},
    {GS_PDPTE1, 0},
    {GS_PDPTE2, 0},
    {GS_PDPTE3, 0},
};

/* ES, CS, SS, DS, FS, GS, LDTR, TR: in this order in guest_state.def. */
static const struct {
    u16 sel;
    u32 base, limit, ar;
} segments_after_reset[] = {
    {0, 0, 0xffff, 0x93}, {0xf000, 0xffff0000, 0xffff, 0x9b},
    {0, 0, 0xffff, 0x93}, {0, 0, 0xffff, 0x93},
    {0, 0, 0xffff, 0x93}, {0, 0, 0xffff, 0x93},
    {0, 0, 0xffff, 0x82}, {0, 0, 0xffff, 0x8b},
};
_Static_assert(GS_TR_SEL - GS_ES_SEL == 7 && GS_TR_BASE - GS_ES_BASE == 7 &&
                   GS_TR_LIMIT - GS_ES_LIMIT == 7 && GS_TR_AR - GS_ES_AR == 7,
               "the order that the table relies on");

void vmx_guest_reset(struct guest_state *g)
{
    const struct vmx_caps *caps = &vmx_facts()->caps;

    for (u32 r = 0; r < ARRAY_LEN(g->regs.r); r++)
        g->regs.r[r] = 0;
    g->regs.r[RDX] = 0x600; /* "family 6": all that is defined of it */
    for (size_t i = 0; i < ARRAY_LEN(after_reset); i++)
        gs_set(g, (enum guest_field)after_reset[i].field, after_reset[i].value);
    for (u32 s = 0; s < ARRAY_LEN(segments_after_reset); s++) {
        gs_set(g, (enum guest_field)(GS_ES_SEL + s), segments_after_reset[s].sel);
        gs_set(g, (enum guest_field)(GS_ES_BASE + s), segments_after_reset[s].base);
        gs_set(g, (enum guest_field)(GS_ES_LIMIT + s), segments_after_reset[s].limit);
        gs_set(g, (enum guest_field)(GS_ES_AR + s), segments_after_reset[s].ar);
    }
    /* The real registers must hold what VMX fixes (unrestricted guest: all but PE and PG). CD and
     * NW stay out of CR0: they would slow the machine down, and the guest sees them in the read
     * shadow. */
    gs_set(g, GS_CR0, CR0_ET | (vmx_cap(caps, MSR_VMX_CR0_FIXED0) & ~(CR0_PE | CR0_PG)));
    gs_set(g, GS_CR4, vmx_cap(caps, MSR_VMX_CR4_FIXED0));
    gs_set(g, GS_ENTRY_CONTROLS, negotiated(WORD_VMENTRY));
}
