/* See pc_plan.h.  What a BIOS leaves in low memory: "BIOS data area" of any PC/AT's technical
 * reference.  Pure. */
#include "boot/pc/pc_plan.h"
#include "boot/load/plan.h"
#include "boot/pc/acpi_build.h"
#include "boot/pc/smbios_build.h"
#include "pc.h"

#define EBDA_START 0x9fc00ull
#define ACPI_SPACE (16 * KiB) /* the tables of CONFIG_VCPUS_MAX processors and a PCI bus fit */

static struct load_file find_file(const struct pc_guest *guest, const char *path)
{
    for (u32 i = 0; i < guest->modules; i++) {
        const struct boot_module *m = &guest->module[i];

        if (strcmp(m->path, path) == 0)
            return (struct load_file){
                .data = (const u8 *)m->base, .size = m->size, .name = m->path};
    }
    return (struct load_file){.data = (const u8 *)"", .name = path};
}

static void add_memory(struct load_request *r, u64 base, u64 end, u32 type)
{
    if (base < end)
        r->memory[r->memories++] = (struct load_memory){base, end - base, type};
}

/* The guest's memory map, as a PC's firmware would report it. */
static void describe_memory(struct load_request *r, u64 memory)
{
    const u64 acpi_end = ACPI_GUEST_BASE + ACPI_GUEST_SIZE;

    add_memory(r, 0, EBDA_START, LOAD_RAM);
    add_memory(r, EBDA_START, VM_LOW_END, LOAD_RESERVED);
    add_memory(r, VM_HIGH_ROM, ACPI_GUEST_BASE, LOAD_RESERVED);
    add_memory(r, ACPI_GUEST_BASE, acpi_end, LOAD_ACPI);
    add_memory(r, acpi_end, MiB, LOAD_RESERVED);
    add_memory(r, MiB, MIN(memory, VM_PCI_HOLE), LOAD_RAM);
    if (memory > VM_PCI_HOLE)
        add_memory(r, 4 * GiB, 4 * GiB + memory - VM_PCI_HOLE, LOAD_RAM);
}

static void make_request(const struct pc_guest *guest, struct load_request *r)
{
    const struct config_guest *c = guest->config;

    *r = (struct load_request){
        .format = c->format,
        .kernel = find_file(guest, c->kernel),
        .cmdline = c->cmdline,
        .modules = c->module_count,
        .tsc_hz = guest->tsc_hz,
        .rsdp = {ACPI_GUEST_BASE},
    };
    if (c->initrd[0])
        r->initrd = find_file(guest, c->initrd);
    for (u32 i = 0; i < c->module_count; i++) {
        r->module[i] = find_file(guest, c->module[i].path);
        r->module[i].string = c->module[i].string;
    }
    describe_memory(r, c->memory);
}

static err_t add_acpi(const struct pc_guest *guest, struct load_plan *plan)
{
    const struct acpi_guest acpi = {.cpus = guest->config->vcpus,
                                    .pci = guest->config->devices[0] != 0};
    u8 *tables = plan_firmware(plan, "the ACPI tables", ACPI_GUEST_BASE, ACPI_SPACE);

    if (!tables)
        return E_NOMEM;
    return acpi_build(tables, ACPI_SPACE, &acpi)
               ? OK
               : plan_refuse(plan, E_INVAL, NULL, "no ACPI tables for %u vCPUs", acpi.cpus);
}

static err_t add_smbios(const struct pc_guest *guest, struct load_plan *plan)
{
    const u64 low = MIN(guest->config->memory, VM_PCI_HOLE), high = guest->config->memory - low;
    const u32 several = guest->config->vcpus > 1 ? PC_1_EDX_HTT : 0;
    const struct smbios_guest smbios = {.cpus = guest->config->vcpus,
                                        .signature = guest->signature,
                                        .features = guest->features | several,
                                        .tsc_hz = guest->tsc_hz,
                                        .rams = high ? 2 : 1,
                                        .ram = {{0, low}, {4 * GiB, high}}};
    u8 *tables = plan_firmware(plan, "the SMBIOS tables", SMBIOS_GUEST_BASE, SMBIOS_GUEST_SIZE);

    if (!tables)
        return E_NOMEM;
    return smbios_build(tables, SMBIOS_GUEST_SIZE, &smbios)
               ? OK
               : plan_refuse(plan, E_INVAL, NULL, "no SMBIOS tables for %u vCPUs", smbios.cpus);
}

/* Kernels find the end of conventional memory there. */
static const struct bios_word {
    u32 at;
    u16 value;
} bios_words[] = {
    {0x40e, EBDA_START >> 4},                      /* segment of the extended BIOS data area */
    {0x413, EBDA_START / KiB},                     /* conventional memory in KiB */
    {EBDA_START, (VM_LOW_END - EBDA_START) / KiB}, /* that area's length in KiB */
};

/* Where an image wants to lie itself, it has no use for them. */
static err_t add_bios_data(struct load_plan *plan)
{
    for (u32 i = 0; i < ARRAY_LEN(bios_words); i++) {
        const struct bios_word *w = &bios_words[i];
        u8 *value;

        if (plan_is_taken(plan, w->at, sizeof(w->value)))
            continue;
        value = plan_firmware(plan, "BIOS data", w->at, sizeof(w->value));
        if (!value)
            return E_NOMEM;
        put16(value, w->value);
    }
    return OK;
}

err_t pc_plan(const struct pc_guest *guest, struct load_plan *plan)
{
    static struct load_request request; /* too large for the stack */

    make_request(guest, &request);
    TRY(load_plan(&request, plan));
    TRY(add_acpi(guest, plan));
    TRY(add_smbios(guest, plan));
    return add_bios_data(plan);
}
