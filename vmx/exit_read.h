/* Reads from the VMCS what a row of the exit table asks for, the frequent cases first. */
#pragma once
#include "vmx/exit.h"

#ifdef HOST_TEST /* tools/unit/fake_cpu.c */
void vmx_read_exit(struct exit *x, u32 needs);
#else
#include "vmx/vmcs.h"

void vmx_read_exit_more(struct exit *x, u32 needs);

/* For the row that needs nothing but NEED_LEN. */
static inline void vmx_read_exit_len(struct exit *x)
{
    vmread_proven_to(VMCS_EXIT_INSN_LEN, &x->insn_len);
}

/* For the row of I/O instructions: NEED_IO. */
static inline void vmx_read_exit_io(struct exit *x)
{
    vmread_proven_to(VMCS_EXIT_INSN_LEN, &x->insn_len);
    x->qual = vmread_proven(VMCS_EXIT_QUALIFICATION);
    if (unlikely(x->qual & QUAL_IO_STRING))
        x->insn_info = vmcs_r32(VMCS_EXIT_INSN_INFO);
}

/* For the row of EPT violations: NEED_EPT, but for the qualification. */
static inline void vmx_read_exit_ept(struct exit *x)
{
    x->gpa = (gpa_t){vmread_proven(VMCS_GUEST_PHYSICAL_ADDR)};
    x->gla = vmread_proven(VMCS_GUEST_LINEAR_ADDR);
    x->idt_info = (u32)vmread_proven(VMCS_IDT_VECTORING_INFO);
    if (unlikely(x->idt_info & IDT_VECTORING_VALID))
        vmx_read_exit_more(x, NEED_IDTV);
}

static inline void vmx_read_exit(struct exit *x, u32 needs)
{
    if (needs & NEED_QUAL)
        x->qual = vmread_proven(VMCS_EXIT_QUALIFICATION);
    if (!(needs & ~(u32)NEED_QUAL))
        return;
    if (needs == NEED_EPT)
        vmx_read_exit_ept(x);
    else
        vmx_read_exit_more(x, needs);
}
#endif
