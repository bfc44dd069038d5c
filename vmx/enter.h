/* One turn of the guest: write what changed, enter, and read why it came back.  Inline, so that
 * what the assembly spoils is saved once around the run loop and not on each turn. SDM Vol. 3C, "VM
 * Entries", "VM Exits", "VM-Entry Failures During or After Loading Guest State". */
#pragma once
#include "vmx/exit_read.h"
#include "vmx/guest_state_write.h"
#include "vmx/vmcs.h"
#include "vmx/vmx.h"

/* `how` is v->resume or v->launch, of entry.asm; not to be called as a C function, whose registers
 * they do not keep. */
#define VMX_ENTER(how, g, tsc, reason)                                                             \
    do {                                                                                           \
        register struct gregs *same_ __asm__("r12");                                               \
        struct gregs *in_ = (g);                                                                   \
                                                                                                   \
        __asm__ volatile("call *%[way]"                                                            \
                         : "=a"(tsc), "=b"(reason), "+D"(in_), "=r"(same_)                         \
                         : [way] "m"(how)                                                          \
                         : "rcx", "rdx", "rsi", "rbp", "r8", "r9", "r10", "r11", "r13", "r14",     \
                           "r15", "cc", "memory");                                                 \
        (g) = same_;                                                                               \
    } while (0)

/* Called before the function that has called vmx_run() returns: its RET, and those of its callers,
 * find no entry of the guest's in the return stack buffer. */
void vmx_fill_rsb(void);

/* What a reason that is none of exit_reasons.def means; for the first entry after VMCLEAR, makes
 * it. */
NOINLINE u64 vmx_run_rare(struct vmx_vcpu *v, struct exit *x);

/* Writes dirty state, enters, returns after the exit with x->reason and x->tsc set and of the cache
 * only GS_READ_AT_EXIT valid.  Returns the exit reason, or EXIT_REASONS + enum vmx_result.  *vcpu
 * stays what it was, and need not be kept across the call. */
static inline u64 vmx_run(struct vmx_vcpu **vcpu, struct exit *x)
{
    struct vmx_vcpu *v = *vcpu;
    struct guest_state *g = &v->guest;
    struct gregs *regs = &g->regs;
    u64 tsc, reason;

    /* Nearly every emulated instruction changes RIP and nothing else in the VMCS; after an access
     * to a device, RF, too. */
    if (likely(g->dirty == BIT(GS_RIP))) {
        vmwrite_proven(VMCS_GUEST_RIP, g->field[GS_RIP]);
    } else if (g->dirty) {
        if (g->dirty == (BIT(GS_RIP) | BIT(GS_RFLAGS))) {
            vmwrite_proven(VMCS_GUEST_RIP, g->field[GS_RIP]);
            vmwrite_proven(VMCS_GUEST_RFLAGS, g->field[GS_RFLAGS]);
        } else {
            guest_state_write(g);
        }
    }

    VMX_ENTER(v->resume, regs, tsc, reason);
    /* The assembly gives the address back, or it would be loaded from the stack for each use. */
    *vcpu = v = (struct vmx_vcpu *)(void *)regs;
    g = &v->guest;
    x->tsc = tsc;
    x->reason = (u32)reason;
    g->valid = GS_READ_AT_EXIT;
    g->dirty = 0;
    return likely(reason < EXIT_REASONS) ? reason : vmx_run_rare(v, x);
}
