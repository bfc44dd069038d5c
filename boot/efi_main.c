/* BOOTX64.EFI: reads what lintel.conf names from the boot volume, makes sure that the machine can
 * run Lintel, takes the machine from the firmware, and goes to hv.elf.  Until then every way out
 * leads back to the firmware, with its memory given back.  The laboratory leaves the firmware in
 * place, and comes back. */
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "boot/acpi_view.h"
#include "boot/clock.h"
#include "boot/config_parse.h"
#include "boot/console.h"
#include "boot/control_file.h"
#include "boot/cpuid_read.h"
#include "boot/file.h"
#include "boot/firmware.h"
#include "boot/handoff.h"
#include "boot/hypervisor.h"
#include "boot/lab.h"
#include "boot/memory.h"
#include "boot/menu.h"
#include "boot/models.h"
#include "boot/modules.h"
#include "boot/needs.h"
#include "boot/pic.h"
#include "boot/plans.h"
#include "boot/power_ways.h"
#include "boot/precheck.h"
#include "boot/processors.h"
#include "drivers/platform/pci.h"
#include "lib/mem.h"
#include "version.h"

#define CONFIG_FILE     "lintel.conf"
#define CONFIG_FILE_MAX (256 * KiB)
#define LOG_RING_SIZE   (1 * MiB)
#define STACK_SIZE      (16 * KiB) /* for hv.elf's first instructions */

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

static err_t make_boot_info(struct boot_info **out)
{
    struct log_ring *ring;
    struct boot_info *info;
    const u64 now = rdtsc();

    TRY(memory_alloc(LOG_RING_SIZE, PAGE_SIZE, BOOT_MEM_LINTEL, (void **)&ring));
    TRY(memory_alloc(sizeof(*info) + STACK_SIZE, PAGE_SIZE, BOOT_MEM_LINTEL, (void **)&info));
    memset(ring, 0, LOG_RING_SIZE);
    memset(info, 0, sizeof(*info));
    log_ring_init(ring, LOG_RING_SIZE);
    info->magic = BOOT_INFO_MAGIC;
    info->version = BOOT_INFO_VERSION;
    info->size = sizeof(*info);
    info->tsc_at_start = now;
    info->log_ring = (u64)ring;
    info->log_ring_size = LOG_RING_SIZE;
    console_open(info, ring);
    *out = info;
    return OK;
}

static err_t read_config(struct config *config)
{
    struct config_error error;
    void *text;
    u64 size;

    TRY(file_load(CONFIG_FILE, CONFIG_FILE_MAX, BOOT_MEM_USABLE, &text, &size));
    const err_t err = config_parse(text, size, config, &error);

    memory_free(text);
    if (err != OK)
        return refuse(err, "\\lintel\\" CONFIG_FILE ":%u:%u: %s", error.line, error.column,
                      error.text);
    return OK;
}

/* Address and data are two accesses: the firmware's timer, whose events may look at PCI devices,
 * must not come in between. */
static u32 read_pci(void *ctx, u8 device, u8 function, u8 offset)
{
    const bool open = read_rflags() & RFLAGS_IF;
    u32 value;

    (void)ctx;
    cli();
    value = pci_config_read((struct pci_address){0, device, function}, offset);
    if (open)
        sti();
    return value;
}

/* After the memory map, by which the tables' places are judged. */
static void read_machine(struct boot_info *info)
{
    const struct power_pci pci = {.read = read_pci};
    const struct acpi_info *acpi;

    info->processor = models_find(cpuid(1, 0).eax, cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR);
    info->rsdp = firmware_rsdp();
    acpi_view_read(info);
    processors_list(&info->acpi);
    acpi = info->has_acpi ? &info->acpi : NULL;
    power_ways_off(acpi, &pci, &info->off);
    power_ways_reset(acpi, &info->reset);
}

/* Everything that can be refused.  *lab: the laboratory, not the guests. */
static err_t prepare(struct boot_info *info, struct elf_plan *plan, bool *lab)
{
    struct precheck_need need = {0};

    TRY(file_volume_open());
    TRY(read_config(&info->config));
    *lab = menu_open((enum config_lab)info->config.lab);
    if (!*lab) {
        need.guests = needs_guest_memory(&info->config);
        TRY(modules_find(info, &need.modules));
        TRY(control_file_find(info, &need.modules));
        need.modules += plans_bytes(&info->config);
    }
    TRY(memory_map(info));
    TRY(precheck(info, need));

    TRY(hypervisor_load(info, plan));
    if (!*lab) {
        TRY(modules_load(info));
        TRY(control_file_load(info));
        *lab = menu_lab_chosen(); /* reading takes its time on a real stick */
    }
    read_machine(info);
    TRY(clock_read(info));
    cpuid_read(info);
    if (*lab)
        return lab_prepare(info, plan);
    TRY(plans_make(info));
    TRY(memory_map(info));
    TRY(hypervisor_map(info, plan, (u64)handoff));
    file_volume_close();
    return OK;
}

static EFI_STATUS give_up(err_t err)
{
    file_volume_close();
    say("LINTEL-BOOT refused: %s\n", refusal());
    console_close();
    memory_free_all();
    return firmware_status(err);
}

/* The firmware is gone, and hv.elf cannot be trusted with what we have. */
static NORETURN void stop(void)
{
    say("LINTEL-BOOT refused: %s\nThe machine is stopped; switch it off.\n", refusal());
    for (;;) {
        cli();
        hlt();
    }
}

static u64 stack_for(const struct boot_info *info)
{
    return ALIGN_DOWN((u64)info + sizeof(*info) + STACK_SIZE, 16ull);
}

static NORETURN void start(struct boot_info *info, const struct elf_plan *plan)
{
    cli();
    pic_mask();
    console_save_cursor(&info->fb);
    info->checksum = 0 - boot_info_sum(info);
    handoff((u64)info, info->tables_root, plan->entry, stack_for(info));
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
    static struct elf_plan plan;
    struct boot_info *info;
    bool lab = false;
    err_t err;

    fw = (struct firmware){.image = image, .system = system, .boot = system->BootServices};
    fw.boot->SetWatchdogTimer(0, 0, 0, NULL); /* large files on slow media take their time */
    if (make_boot_info(&info) != OK) {
        memory_free_all();
        return EFI_OUT_OF_RESOURCES;
    }
    say("Lintel %s\n", LINTEL_VERSION);

    err = prepare(info, &plan, &lab);
    if (err == OK && lab)
        return lab_session(info, &plan, stack_for(info));
    if (err == OK)
        err = memory_exit_boot_services(info);
    if (err != OK) {
        if (fw.boot == NULL)
            stop();
        return give_up(err);
    }
    start(info, &plan);
}
