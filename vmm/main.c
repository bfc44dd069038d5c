/* hv_main: the story of the hypervisor, one line per step. */
#include "arch/x86_64/apic.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/panic.h"
#include "arch/x86_64/percpu.h"
#include "arch/x86_64/trap.h"
#include "arch/x86_64/tsc.h"
#include "drivers/platform/power.h"
#include "vmm/bootinfo.h"
#include "vmm/console.h"
#include "vmm/console_irq.h"
#include "vmm/cpu_start.h"
#include "vmm/dump.h"
#include "vmm/hostmem.h"
#include "vmm/lab/lab.h"
#include "vmm/machine.h"
#include "vmm/percpu.h"
#include "vmm/policy/msr.h"
#include "vmm/record.h"
#include "vmx/speculation.h"
#include "vmx/vmx.h"

#define PANIC_TRACE_RECORDS 16u  /* in words */
#define PANIC_TRACE_LINES   512u /* for programs: 3 s at 115200 baud */

void hv_main(struct boot_info *info);

static struct vmm_cpu boot_cpu;

static void check_boot_info(const struct boot_info *info)
{
    if (info->magic != BOOT_INFO_MAGIC || info->version != BOOT_INFO_VERSION ||
        info->size != sizeof(*info))
        panic("boot_info version %u, size %u: hv.elf wants version %u, size %zu; BOOTX64.EFI and "
              "hv.elf are not of one build",
              info->version, info->size, BOOT_INFO_VERSION, sizeof(*info));
    if (boot_info_sum(info) != 0)
        panic("boot_info: the checksum is wrong; memory or the loader is broken");
}

static void panic_dump(void)
{
    const struct vmm_cpu *cpu = this_vmm_cpu();

    if (!cpu) /* it has not come that far */
        return;
    trace_lines(&cpu->trace, PANIC_TRACE_LINES);
    trace_dump(&cpu->trace, PANIC_TRACE_RECORDS);
    if (cpu->current)
        log_info("vCPU %x was on this CPU", cpu->current->trace_id);
}

static void panic_end(void)
{
    const struct boot_info *info = bootinfo();

    if (info && info->config.on_end == CONFIG_END_POWEROFF)
        power_off();
}

/* What the loader read in the firmware's tables. */
static void start_acpi(const struct boot_info *info)
{
    const struct acpi_info *acpi = &info->acpi;

    if (!info->has_acpi) {
        log_info("acpi: no tables");
        return;
    }
    log_info("acpi: %u CPUs, %u I/O APICs%s", acpi->cpu_count, acpi->ioapic_count,
             acpi->has_dmar ? ", DMA remapping" : "");
    for (u32 i = 0; i < acpi->ioapic_count; i++)
        apic_mask_ioapic((hpa_t){acpi->ioapic[i].address});
}

static void start_vmx(const struct boot_info *info)
{
    vmx_init(&info->vmx);
    if (cpu_vmx_start(info) != OK)
        panic("VMX cannot be entered on this CPU");
}

/* The firmware is still there, and gets the machine back. */
static void run_laboratory(const struct boot_info *info)
{
    struct boot_lab *lab = phys_to_virt((hpa_t){info->lab});
    struct lab_result result = {.text = phys_to_virt((hpa_t){lab->text}),
                                .capacity = lab->capacity};

    start_vmx(info);
    msr_policy_init();
    lab_run(&result);
    vmx_mitigation_stop();
    vmx_cpu_disable();
    lab->len = result.len;
}

void hv_main(struct boot_info *info)
{
    check_boot_info(info);
    percpu_init(0);
    this_cpu()->vmm = &boot_cpu;
    trap_init();
    fpu_init();
    paging_init(info);
    info = phys_to_virt((hpa_t){(u64)info});
    log_init(phys_to_virt((hpa_t){info->log_ring}));
    log_set_level((enum log_level)info->config.log_level);
    console_init(info);
    panic_set_hooks(panic_dump, panic_end);
    tsc_init(info->tsc_hz);
    cpu_trace_start(&boot_cpu);
    bootinfo_init(info);
    hostmem_init(info);
    power_init(&info->off, &info->reset);
    if (info->lab != 0) {
        run_laboratory(info);
        return;
    }
    apic_init();
    start_acpi(info);
    console_irq_start();
    start_vmx(info);
    msr_policy_init();
    record_init();
    machine_start();
    if (!RECORD_ONE_CPU)
        cpu_start_others(&info->acpi);
    machine_run();
}
