/* APIC virtualization.  SDM Vol. 3C, "APIC Virtualization and Virtual Interrupts". */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "vmm/lab/selftest.h"

#define VIRTUAL_APIC CELL_PAGE(0)
#define ACCESS_PAGE  CELL_PAGE(1)
#define MSR_BITMAP   CELL_PAGE(2) /* zeros: nothing exits */
#define REG_ID       0x20u
#define REG_TPR      0x80u
#define REG_LDR      0xd0u
#define REG_ISR      0x100u
#define REG_IRR      0x200u
#define VECTOR       0x41u
#define PATTERN      0x5a000000u

static volatile u32 *reg(struct lab_cell *c, u32 offset)
{
    return (volatile u32 *)(c->mem + VIRTUAL_APIC + offset);
}

/* Of 256 bits, 32 to each 16 bytes. */
static volatile u32 *vector_word(struct lab_cell *c, u32 base)
{
    return reg(c, base + VECTOR / 32 * 16);
}

static void shadow_tpr(struct lab_cell *c)
{
    vmcs_w64(VMCS_VIRTUAL_APIC_ADDR, lab_cell_hpa(c, VIRTUAL_APIC).v);
    vmcs_w32(VMCS_TPR_THRESHOLD, 0);
    lab_cell_set(c, WORD_CPU, CPU_TPR_SHADOW);
    lab_cell_clear(c, WORD_CPU, CPU_CR8_LOAD_EXITING | CPU_CR8_STORE_EXITING);
}

static enum lab_outcome tpr_shadow(struct lab_cell *c, struct lab_detail *d)
{
    shadow_tpr(c);
    lab_cell_at(c, lab_code_write_cr8);
    c->frame.regs.r[RBX] = 5;
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT(c->frame.regs.r[RAX] == 5 && *reg(c, REG_TPR) == 0x50, "CR8 is %llu, the TPR 0x%x",
             (unsigned long long)c->frame.regs.r[RAX], *reg(c, REG_TPR));
    vmcs_w32(VMCS_TPR_THRESHOLD, 3);
    lab_cell_at(c, lab_code_write_cr8);
    c->frame.regs.r[RBX] = 2;
    LAB_EXPECT(c, EXIT_TPR_BELOW_THRESHOLD);
    return LAB_PASS;
}

static void access_page(struct lab_cell *c)
{
    shadow_tpr(c);
    vmcs_w64(VMCS_APIC_ACCESS_ADDR, lab_cell_hpa(c, ACCESS_PAGE).v);
    lab_cell_set(c, WORD_CPU2, CPU2_VIRTUALIZE_APIC_ACCESSES);
    *reg(c, REG_ID) = PATTERN;
    *reg(c, REG_TPR) = 0x70;
}

static void touch(struct lab_cell *c, const u8 *code, u32 offset)
{
    lab_cell_at(c, code);
    c->frame.regs.r[RBX] = ACCESS_PAGE + offset;
    c->frame.regs.r[RCX] = PATTERN;
}

static enum lab_outcome apic_accesses(struct lab_cell *c, struct lab_detail *d)
{
    access_page(c);
    touch(c, lab_code_load, REG_ID);
    LAB_EXPECT(c, EXIT_APIC_ACCESS);
    LAB_WANT((vmcs_rn(VMCS_EXIT_QUALIFICATION) & 0xfff) == REG_ID, "qualification 0x%llx",
             (unsigned long long)vmcs_rn(VMCS_EXIT_QUALIFICATION));
    return LAB_PASS;
}

/* The whole of 32-bit reads, the write of a register that needs the hypervisor after it. */
static enum lab_outcome register_virtualization(struct lab_cell *c, struct lab_detail *d)
{
    access_page(c);
    lab_cell_set(c, WORD_CPU2, CPU2_APIC_REGISTER_VIRTUALIZATION);
    touch(c, lab_code_load32, REG_ID);
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT((u32)c->frame.regs.r[RAX] == PATTERN, "read 0x%x", (u32)c->frame.regs.r[RAX]);
    touch(c, lab_code_store32, REG_LDR);
    LAB_EXPECT(c, EXIT_APIC_WRITE);
    LAB_WANT(*reg(c, REG_LDR) == PATTERN, "the register is 0x%x", *reg(c, REG_LDR));
    return LAB_PASS;
}

static void x2apic(struct lab_cell *c)
{
    shadow_tpr(c);
    vmcs_w64(VMCS_MSR_BITMAP, lab_cell_hpa(c, MSR_BITMAP).v);
    lab_cell_set(c, WORD_CPU, CPU_MSR_BITMAPS);
    lab_cell_set(c, WORD_CPU2, CPU2_VIRTUALIZE_X2APIC_MODE);
}

static enum lab_outcome x2apic_mode(struct lab_cell *c, struct lab_detail *d)
{
    x2apic(c);
    lab_cell_at(c, lab_code_wrmsr);
    c->frame.regs.r[RCX] = MSR_X2APIC_TPR;
    c->frame.regs.r[RBX] = 0x30;
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT(*reg(c, REG_TPR) == 0x30, "after WRMSR the TPR is 0x%x", *reg(c, REG_TPR));
    lab_cell_at(c, lab_code_rdmsr);
    c->frame.regs.r[RCX] = MSR_X2APIC_TPR;
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT(c->frame.regs.r[RAX] == 0x30, "RDMSR gives 0x%llx",
             (unsigned long long)c->frame.regs.r[RAX]);
    return LAB_PASS;
}

static void deliver(struct lab_cell *c)
{
    x2apic(c);
    lab_cell_set(c, WORD_CPU2, CPU2_APIC_REGISTER_VIRTUALIZATION | CPU2_VIRTUAL_INTERRUPT_DELIVERY);
    vmcs_w64(VMCS_EOI_EXIT_BITMAP_0, 0);
    vmcs_w64(VMCS_EOI_EXIT_BITMAP_1, 0);
    vmcs_w64(VMCS_EOI_EXIT_BITMAP_2, 0);
    vmcs_w64(VMCS_EOI_EXIT_BITMAP_3, 0);
    vmcs_w16(VMCS_GUEST_INTERRUPT_STATUS, VECTOR); /* requesting; in service: none */
    *vector_word(c, REG_IRR) = BIT32(VECTOR % 32);
    lab_cell_gate(c, VECTOR, lab_code_isr_eoi);
    lab_cell_at(c, lab_code_sti);
}

static enum lab_outcome interrupt_delivery(struct lab_cell *c, struct lab_detail *d)
{
    deliver(c);
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT(c->frame.regs.r[RAX] == 1, "the handler did not run");
    LAB_WANT(vmcs_r16(VMCS_GUEST_INTERRUPT_STATUS) == 0 && *vector_word(c, REG_IRR) == 0 &&
                 *vector_word(c, REG_ISR) == 0,
             "after the EOI the status is 0x%x", vmcs_r16(VMCS_GUEST_INTERRUPT_STATUS));
    return lab_say(d, LAB_PASS, "delivery and EOI without an exit");
}

static enum lab_outcome eoi_exit(struct lab_cell *c, struct lab_detail *d)
{
    deliver(c);
    vmcs_w64(VMCS_EOI_EXIT_BITMAP_1, BIT(VECTOR % 64));
    LAB_EXPECT(c, EXIT_VIRTUALIZED_EOI);
    LAB_WANT(vmcs_rn(VMCS_EXIT_QUALIFICATION) == VECTOR, "qualification 0x%llx",
             (unsigned long long)vmcs_rn(VMCS_EXIT_QUALIFICATION));
    return LAB_PASS;
}

static enum lab_outcome posted(struct lab_cell *c, struct lab_detail *d)
{
    (void)c;
    return lab_say(d, LAB_UNTESTED,
                   "present, not tested: the notification would be the firmware's local APIC's");
}

static const struct lab_test tests[] = {
    {"TPR shadow", WORD_CPU, CPU_TPR_SHADOW, 0, tpr_shadow},
    {"virtualize APIC accesses", WORD_CPU2, CPU2_VIRTUALIZE_APIC_ACCESSES, 0, apic_accesses},
    {"APIC-register virtualization", WORD_CPU2, CPU2_APIC_REGISTER_VIRTUALIZATION, 0,
     register_virtualization},
    {"virtualize x2APIC mode", WORD_CPU2, CPU2_VIRTUALIZE_X2APIC_MODE, 0, x2apic_mode},
    {"virtual-interrupt delivery", WORD_CPU2, CPU2_VIRTUAL_INTERRUPT_DELIVERY, 0,
     interrupt_delivery},
    {"EOI-exit bitmap", WORD_CPU2, CPU2_VIRTUAL_INTERRUPT_DELIVERY, 0, eoi_exit},
    {"posted interrupts", WORD_PIN, PIN_POSTED_INTERRUPTS, 0, posted},
    {"IPI virtualization", WORD_CPU3, CPU3_IPI_VIRTUALIZATION, 0, NULL},
};
LAB_TESTS(lab_apic_tests, tests);
