/* Reads from the VMCS what a row of the exit table asks for, the frequent cases first. */
#pragma once
#include "vmx/exit.h"

#ifdef HOST_TEST /* tools/unit/fake_cpu.c */
void vmx_read_exit(struct exit *x, u32 needs);
#else
#include "vmx/vmcs.h"

void vmx_read_exit_more(struct exit *x, u32 needs);

static inline void vmx_read_exit(struct exit *x, u32 needs)
{
    if (likely(needs == NEED_LEN)) {
        x->insn_len = vmcs_r32(VMCS_EXIT_INSN_LEN);
        return;
    }
    if (needs & NEED_QUAL)
        x->qual = vmcs_rn(VMCS_EXIT_QUALIFICATION);
    if (needs & ~(u32)NEED_QUAL)
        vmx_read_exit_more(x, needs);
}
#endif
