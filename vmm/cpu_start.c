/* The start of each CPU above arch/.  Lock order: arch/x86_64/spinlock.h. */
#include "vmm/cpu_start.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/panic.h"
#include "arch/x86_64/smp.h"
#include "arch/x86_64/trap.h"
#include "arch/x86_64/tsc.h"
#include "lib/atomic.h"
#include "lib/mem.h"
#include "vmm/bootinfo.h"
#include "vmm/cpu_share.h"
#include "vmm/hostmem.h"
#include "vmm/machine.h"
#include "vmx/speculation.h"
#include "vmx/vmx.h"

#define BLOCK_BYTES ALIGN_UP(sizeof(struct vmm_cpu), PAGE_SIZE)

void cpu_trace_start(struct vmm_cpu *block)
{
    trace_init(&block->trace, this_cpu()->id, tsc_hz);
    store_release(&cpu_share[this_cpu()->id].trace, &block->trace);
    log_info("LINTEL-TRACE at cpu=%u address=0x%llx bytes=%zu", this_cpu()->id,
             (unsigned long long)virt_to_phys(&block->trace).v, sizeof(block->trace));
}

err_t cpu_vmx_start(const struct boot_info *info)
{
    void *vmxon = hostmem_page();
    err_t error;

    if (!vmxon)
        return E_NOMEM;
    error = vmx_cpu_enable(virt_to_phys(vmxon));
    if (error != OK) {
        hostmem_page_free(vmxon);
        return error;
    }
    vmx_mitigation_start(&info->processor, info->config.mitigations == CONFIG_MITIGATIONS_AUTO);
    return OK;
}

/* ------------------------------------------------------------ the other CPUs */

static void cpu_main(void)
{
    hpa_t block;

    if (hostmem_alloc(BLOCK_BYTES, PAGE_SIZE, FRAME_LINTEL, &block) != OK) {
        log_error("smp: no memory for CPU %u", this_cpu()->id);
        return;
    }
    this_cpu()->vmm = memset(phys_to_virt(block), 0, BLOCK_BYTES);
    if (cpu_vmx_start(bootinfo()) != OK) {
        this_cpu()->vmm = NULL;
        if (hostmem_free(block, BLOCK_BYTES, FRAME_LINTEL) != OK)
            panic("CPU %u's block is not Lintel's memory", this_cpu()->id);
        return;
    }
    cpu_trace_start(this_vmm_cpu());
    smp_online();
    machine_run();
}

void cpu_start_others(const struct acpi_info *acpi)
{
    struct smp_plan plan = {
        .entry = cpu_main, .apic_id = acpi->cpu_apic_id, .count = acpi->cpu_count};

    if (acpi->cpus_left_out > 0)
        log_warning("smp: the firmware lists %u CPUs more than Lintel uses", acpi->cpus_left_out);
    if (hostmem_take_low(SMP_LOW_PAGES * PAGE_SIZE, &plan.low) != OK) {
        log_warning("smp: no free memory below 1 MiB, the other CPUs are left out");
        return;
    }
    trap_set_handler(VEC_NMI, vmx_expire_timer);
    smp_start(&plan);
}
