/* Offsets and numbers of C for the assembler.  Compiled, never typed, never linked: the Makefile
 * takes the "->NAME value" lines out of the compiler's output. */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/percpu.h"
#include "arch/x86_64/seg.h"
#include "arch/x86_64/smp.h"
#include "vmx/gregs.h"
#include "vmx/mitigation.h"
#include "vmx/vmcs_fields.h"
#include "vmx/vmx.h"

#define SYMBOL(name, value) __asm__ volatile("\n->" #name " %0" : : "i"(value))
#define GREG(name)          SYMBOL(GREGS_##name, offsetof(struct gregs, r) + (name) * sizeof(u64))

/* A field of the VMCS, and where the cache keeps it: from struct gregs, which it begins with. */
#define FIELD(name)                                                                                \
    SYMBOL(VMCS_GUEST_##name, VMCS_GUEST_##name);                                                  \
    SYMBOL(GUEST_##name, offsetof(struct guest_state, field) + GS_##name * sizeof(u64))

void asm_offsets(void);

void asm_offsets(void)
{
    GREG(RAX);
    GREG(RCX);
    GREG(RDX);
    GREG(RBX);
    GREG(RSP);
    GREG(RBP);
    GREG(RSI);
    GREG(RDI);
    GREG(R8);
    GREG(R9);
    GREG(R10);
    GREG(R11);
    GREG(R12);
    GREG(R13);
    GREG(R14);
    GREG(R15);
    SYMBOL(GREGS_HOST_RSP, offsetof(struct gregs, host_rsp));

    FIELD(RIP);
    FIELD(RFLAGS);
    FIELD(INTERRUPTIBILITY);
    SYMBOL(VMCS_EXIT_REASON, VMCS_EXIT_REASON);
    SYMBOL(VMX_FAILED_INVALID, VMX_FAILED_INVALID);
    SYMBOL(VMX_FAILED_VALID, VMX_FAILED_VALID);

    SYMBOL(MSR_SPEC_CTRL, MSR_SPEC_CTRL);
    SYMBOL(MSR_FLUSH_CMD, MSR_FLUSH_CMD);
    SYMBOL(SPEC_CTRL_IBRS, SPEC_CTRL_IBRS);
    SYMBOL(FLUSH_CMD_L1D, FLUSH_CMD_L1D);
    SYMBOL(SEL_DATA, SEL_DATA);
    SYMBOL(MITIGATE_L1D_FLUSH, MITIGATE_L1D_FLUSH);
    SYMBOL(MITIGATE_VERW, MITIGATE_VERW);
    SYMBOL(MITIGATE_IBRS, MITIGATE_IBRS);
    SYMBOL(MITIGATE_RSB, MITIGATE_RSB);
    SYMBOL(MITIGATE_BHB_LOOP, MITIGATE_BHB_LOOP);
    SYMBOL(MITIGATE_ENTRY, MITIGATE_ENTRY);
    SYMBOL(MITIGATE_EXIT, MITIGATE_EXIT);

    SYMBOL(CPU_SELF, offsetof(struct cpu, self));
    SYMBOL(CPU_SIZE, sizeof(struct cpu));
    SYMBOL(CPU_STACKS_TOP, offsetof(struct cpu_stacks, main) + CPU_STACK_SIZE);
    SYMBOL(CPU_STACKS_SIZE, sizeof(struct cpu_stacks));
    SYMBOL(CPUS_MAX, CPUS_MAX);
    SYMBOL(AP_NOBODY, AP_NOBODY);

    SYMBOL(CR0_PROTECTED, CR0_PE | CR0_ET | CR0_NE | CR0_WP);
    SYMBOL(CR0_PG, CR0_PG);
    SYMBOL(CR4_PAE, CR4_PAE);
    SYMBOL(MSR_EFER, MSR_EFER);
    SYMBOL(EFER_LME, EFER_LME);
    SYMBOL(EFER_NXE, EFER_NXE);
    SYMBOL(MSR_GS_BASE, MSR_GS_BASE);
    SYMBOL(SEL_CODE, SEL_CODE);
}
