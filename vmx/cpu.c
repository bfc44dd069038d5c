/* VMX operation of a CPU: what it can, VMXON, VMXOFF.  SDM Vol. 3C, "Enabling and Entering VMX
 * Operation", "Restrictions on VMX Operation". */
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/panic.h"
#include "arch/x86_64/percpu.h"
#include "vmx/vmx.h"

static struct vmx_facts machine; /* before the other CPUs run; the same on all of them */

void vmx_init(const struct vmx_facts *facts)
{
    machine = *facts;
    for (u32 w = 0; w < VMX_WORDS; w++)
        log_info("vmx: %s", machine.word[w].text);
}

const struct vmx_facts *vmx_facts(void)
{
    return &machine;
}

/* A guest may move from CPU to CPU: what one can, all must.  An MSR exists if those before it,
 * which are the same, say so. */
static err_t compare(void)
{
    for (u32 msr = VMX_MSR_FIRST; msr <= VMX_MSR_LAST; msr++) {
        const u64 boot = vmx_cap(&machine.caps, msr);

        if (boot != 0 && rdmsr(msr) != boot) {
            log_error("vmx: CPU %u has 0x%llx in MSR 0x%x, the boot CPU 0x%llx", this_cpu()->id,
                      (unsigned long long)rdmsr(msr), msr, (unsigned long long)boot);
            return E_NOTSUP;
        }
    }
    return OK;
}

/* The lock bit makes VMXON possible, and lasts until reset. */
static err_t unlock_vmx(void)
{
    const u64 needed = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_OUTSIDE_SMX;
    const u64 feature_control = rdmsr(MSR_FEATURE_CONTROL);

    if (!(feature_control & FEATURE_CONTROL_LOCK))
        wrmsr(MSR_FEATURE_CONTROL, feature_control | needed);
    return (rdmsr(MSR_FEATURE_CONTROL) & needed) == needed ? OK : E_NOTSUP;
}

static void fix_control_registers(void)
{
    const struct vmx_caps *caps = &machine.caps;

    write_cr0((read_cr0() | vmx_cap(caps, MSR_VMX_CR0_FIXED0)) & vmx_cap(caps, MSR_VMX_CR0_FIXED1));
    write_cr4((read_cr4() | CR4_VMXE | vmx_cap(caps, MSR_VMX_CR4_FIXED0)) &
              vmx_cap(caps, MSR_VMX_CR4_FIXED1));
}

err_t vmx_cpu_enable(hpa_t vmxon_page)
{
    bool ok;

    if (!(cpuid(1, 0).ecx & CPUID_1_ECX_VMX)) {
        log_error("vmx: this processor has no VMX");
        return E_NOTSUP;
    }
    TRY(compare());
    TRY(unlock_vmx());
    fix_control_registers();

    *(u32 *)phys_to_virt(vmxon_page) = vmx_cap_revision(&machine.caps);
    __asm__ volatile("vmxon %1" : "=@cca"(ok) : "m"(vmxon_page.v) : "memory");
    if (!ok) {
        log_error("vmx: VMXON failed");
        return E_IO;
    }
    return OK;
}

void vmx_cpu_disable(void)
{
    bool ok;

    __asm__ volatile("vmxoff" : "=@cca"(ok) : : "memory");
    if (!ok)
        panic("VMXOFF failed");
    write_cr4(read_cr4() & ~CR4_VMXE);
}
