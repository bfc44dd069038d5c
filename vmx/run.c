/* The rare halves of a turn; see enter.h. */
#include "arch/x86_64/percpu.h"
#include "lib/atomic.h"
#include "vmx/enter.h"

#define EXIT_REASON_BASIC        0xffffu
#define EXIT_REASON_ENTRY_FAILED BIT32(31)

#define EARLY_DUMPS              8u

/* Of a debug build's first launches, which an emulator may allow and silicon would not; a vCPU that
 * changes CPUs is launched many times. */
static void dump_early(void)
{
    static u32 dumped;

    if (atomic_add(&dumped, 1) < EARLY_DUMPS)
        vmx_dump(this_cpu()->id);
}

/* VMRESUME after VMCLEAR fails and changes nothing: no test on the way of the others. */
static __attribute__((noinline)) void launch(struct vmx_vcpu *v, struct exit *x)
{
    struct gregs *regs = &v->guest.regs;
    u64 reason;

    if (DEBUG)
        dump_early();
    VMX_ENTER(v->launch, regs, x->tsc, reason);
    x->reason = (u32)reason;
    v->launched = !(x->reason & (VMX_FAILED_INVALID | VMX_FAILED_VALID | EXIT_REASON_ENTRY_FAILED));
    vmx_fill_rsb();
}

u64 vmx_run_rare(struct vmx_vcpu *v, struct exit *x)
{
    if (!v->launched)
        launch(v, x);
    if (x->reason & VMX_FAILED_INVALID)
        return EXIT_REASONS + VMX_FAIL_INVALID;
    if (x->reason & VMX_FAILED_VALID)
        return EXIT_REASONS + VMX_FAIL_VALID;
    if (x->reason & EXIT_REASON_ENTRY_FAILED) {
        x->reason &= EXIT_REASON_BASIC;
        x->qual = vmcs_rn(VMCS_EXIT_QUALIFICATION);
        return EXIT_REASONS + VMX_ENTRY_REFUSED;
    }
    x->reason &= EXIT_REASON_BASIC;
    return x->reason < EXIT_REASONS ? x->reason : EXIT_REASONS + VMX_EXIT_UNKNOWN;
}

void vmx_read_exit_more(struct exit *x, u32 needs)
{
    if (needs & NEED_LEN)
        x->insn_len = vmread_proven(VMCS_EXIT_INSN_LEN);
    if (needs & NEED_INTR) {
        x->intr_info = vmcs_r32(VMCS_EXIT_INTR_INFO);
        x->intr_error = vmcs_r32(VMCS_EXIT_INTR_ERROR);
        x->insn_len = vmread_proven(VMCS_EXIT_INSN_LEN);
    }
    if (needs & NEED_IDTV) {
        x->idt_info = (u32)vmread_proven(VMCS_IDT_VECTORING_INFO);
        if (unlikely(x->idt_info & IDT_VECTORING_VALID)) {
            x->idt_error = vmcs_r32(VMCS_IDT_VECTORING_ERROR);
            x->insn_len = vmread_proven(VMCS_EXIT_INSN_LEN);
        }
    }
}

u32 vmx_instruction_error(void)
{
    return vmcs_r32(VMCS_INSTRUCTION_ERROR);
}
