/* One turn of the guest: write what changed, enter, and read why it came back.
 * SDM Vol. 3C, "VM Entries", "VM Exits", "VM-Entry Failures During or After Loading Guest State".
 */
#include "arch/x86_64/insn.h"
#include "vmx/entry.h"
#include "vmx/exit_read.h"
#include "vmx/guest_state_write.h"
#include "vmx/vmcs.h"
#include "vmx/vmx.h"

#define EXIT_REASON_BASIC        0xffffu
#define EXIT_REASON_ENTRY_FAILED BIT32(31)

enum vmx_result vmx_run(struct vmx_vcpu *v, struct exit *x)
{
    struct guest_state *g = &v->guest;
    enum vmx_result result;
    u32 reason;

    /* Nearly every emulated instruction changes RIP and nothing else in the VMCS. */
    if (likely(g->dirty == BIT(GS_RIP)))
        vmcs_wn(VMCS_GUEST_RIP, g->field[GS_RIP]);
    else if (g->dirty)
        guest_state_write(g);

    if (DEBUG && unlikely(!v->launched))
        (void)vmx_check_entry();
    result = vmx_enter(&g->regs, v->launched);
    if (unlikely(result != VMX_EXITED))
        return result;
    x->tsc = rdtsc();
    g->dirty = 0;

    reason = vmcs_r32(VMCS_EXIT_REASON);
    /* What vcpu_skip_insn() needs after nearly every exit. */
    g->field[GS_RIP] = vmcs_rn(VMCS_GUEST_RIP);
    g->field[GS_RFLAGS] = vmcs_rn(VMCS_GUEST_RFLAGS);
    g->field[GS_INTERRUPTIBILITY] = vmcs_r32(VMCS_GUEST_INTERRUPTIBILITY);
    g->valid = GS_READ_AT_EXIT;
    x->reason = reason & EXIT_REASON_BASIC;
    x->qual = 0;
    x->idt_info = 0;
    if (unlikely(reason & EXIT_REASON_ENTRY_FAILED)) {
        x->qual = vmcs_rn(VMCS_EXIT_QUALIFICATION);
        return VMX_ENTRY_REFUSED;
    }
    v->launched = true;
    return VMX_EXITED;
}

void vmx_read_exit_more(struct exit *x, u32 needs)
{
    if (needs & (NEED_LEN | NEED_IDTV))
        x->insn_len = vmcs_r32(VMCS_EXIT_INSN_LEN);
    if (needs & NEED_GPA) {
        x->gpa = (gpa_t){vmcs_r64(VMCS_GUEST_PHYSICAL_ADDR)};
        x->gla = vmcs_rn(VMCS_GUEST_LINEAR_ADDR);
    }
    if (needs & NEED_INTR) {
        x->intr_info = vmcs_r32(VMCS_EXIT_INTR_INFO);
        x->intr_error = vmcs_r32(VMCS_EXIT_INTR_ERROR);
    }
    if (needs & NEED_IDTV) {
        x->idt_info = vmcs_r32(VMCS_IDT_VECTORING_INFO);
        x->idt_error = vmcs_r32(VMCS_IDT_VECTORING_ERROR);
    }
    if (needs & NEED_INSN)
        x->insn_info = vmcs_r32(VMCS_EXIT_INSN_INFO);
}

u32 vmx_instruction_error(void)
{
    return vmcs_r32(VMCS_INSTRUCTION_ERROR);
}
