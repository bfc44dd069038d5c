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
#include "vmx/wishes.h"

/* Written by the first CPU, before the others run; the same on all of them or they are refused. */
static struct vmx_caps machine_caps;
static struct vmx_controls machine_controls;
static bool known;

const struct vmx_caps *vmx_caps(void)
{
    return &machine_caps;
}

const struct vmx_controls *vmx_controls(void)
{
    return &machine_controls;
}

static u64 read_capability(void *ctx, u32 msr)
{
    (void)ctx;
    return rdmsr(msr);
}

static void log_controls(void *ctx, bool ok, const char *text)
{
    (void)ctx;
    log_line(ok ? LOG_INFO : LOG_ERROR, "vmx: %s", text);
}

static err_t negotiate(const struct vmx_caps *caps)
{
    const char *what;
    bool missing = false;
    err_t error;

    for (u32 i = 0; (what = vmx_caps_missing(caps, &i)); missing = true)
        log_error("vmx: needs %s", what);
    error = vmx_resolve_controls(caps, &machine_controls);
    vmx_report_controls(&machine_controls, log_controls, NULL);
    if (missing || error != OK)
        return E_NOTSUP;
    machine_caps = *caps;
    known = true;
    return OK;
}

/* A guest may move from CPU to CPU: what one can, all must. */
static err_t compare(const struct vmx_caps *caps)
{
    for (u32 msr = VMX_MSR_FIRST; msr <= VMX_MSR_LAST; msr++)
        if (vmx_cap(caps, msr) != vmx_cap(&machine_caps, msr)) {
            log_error("vmx: CPU %u has 0x%llx in MSR 0x%x, the boot CPU 0x%llx", this_cpu()->id,
                      (unsigned long long)vmx_cap(caps, msr), msr,
                      (unsigned long long)vmx_cap(&machine_caps, msr));
            return E_NOTSUP;
        }
    return OK;
}

/* The lock bit makes VMXON possible, and lasts until reset. */
static err_t unlock_vmx(u64 feature_control)
{
    const u64 needed = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_OUTSIDE_SMX;

    if (!(feature_control & FEATURE_CONTROL_LOCK))
        wrmsr(MSR_FEATURE_CONTROL, feature_control | needed);
    return (rdmsr(MSR_FEATURE_CONTROL) & needed) == needed ? OK : E_NOTSUP;
}

static void fix_control_registers(const struct vmx_caps *caps)
{
    write_cr0((read_cr0() | vmx_cap(caps, MSR_VMX_CR0_FIXED0)) & vmx_cap(caps, MSR_VMX_CR0_FIXED1));
    write_cr4((read_cr4() | CR4_VMXE | vmx_cap(caps, MSR_VMX_CR4_FIXED0)) &
              vmx_cap(caps, MSR_VMX_CR4_FIXED1));
}

err_t vmx_cpu_enable(hpa_t vmxon_page)
{
    struct vmx_caps caps;
    bool ok;

    if (!(cpuid(1, 0).ecx & CPUID_1_ECX_VMX)) {
        log_error("vmx: this processor has no VMX");
        return E_NOTSUP;
    }
    vmx_caps_collect(&caps, read_capability, NULL);
    if (!known)
        TRY(negotiate(&caps));
    TRY(compare(&caps));
    TRY(unlock_vmx(caps.feature_control));
    fix_control_registers(&caps);

    *(u32 *)phys_to_virt(vmxon_page) = vmx_cap_revision(&caps);
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
