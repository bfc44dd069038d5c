/* From configuration and modules to a loaded guest: request, plan, apply. */
#include "vmm/vm_image.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/tsc.h"
#include "boot/load/load.h"
#include "boot/pc/acpi_build.h"
#include "boot/pc/smbios_build.h"
#include "lib/mem.h"
#include "vmm/bootinfo.h"
#include "vmm/control_image.h"
#include "vmm/gmem.h"
#include "vmm/policy/cpuid.h"
#include "vmm/policy/cr.h"
#include "vmm/vm_memory.h"

#define EBDA_START        0x9fc00ull
#define SEL_GUEST_CODE    0x10u
#define SEL_GUEST_DATA    0x18u
#define AR_CODE_64        0xa09bu
#define AR_CODE_32        0xc09bu
#define AR_DATA           0xc093u
#define AR_TSS_BUSY       0x8bu
#define TSS_LIMIT         0x67u /* the least there can be; PVH wants it so */
#define ENTRY_IA32E_GUEST BIT(9)

/* One at a time is enough: guests are loaded one after another. */
static struct load_plan plan;
static struct load_request request;

static struct load_file find_file(const char *path)
{
    const struct boot_module *module = bootinfo_module(path);

    if (module)
        return (struct load_file){.data = phys_to_virt((hpa_t){module->base}),
                                  .size = module->size,
                                  .name = module->path};
    return (struct load_file){.name = path};
}

static void add_memory(u64 base, u64 end, u32 type)
{
    if (base < end)
        request.memory[request.memories++] = (struct load_memory){base, end - base, type};
}

/* The guest's memory map, as a PC's firmware would report it. */
static void describe_memory(const struct vm *vm)
{
    const u64 memory = vm->config->memory;
    const u64 acpi_end = ACPI_GUEST_BASE + ACPI_GUEST_SIZE;

    add_memory(0, EBDA_START, LOAD_RAM);
    add_memory(EBDA_START, VM_LOW_END, LOAD_RESERVED);
    add_memory(VM_HIGH_ROM, ACPI_GUEST_BASE, LOAD_RESERVED);
    add_memory(ACPI_GUEST_BASE, acpi_end, LOAD_ACPI);
    add_memory(acpi_end, MiB, LOAD_RESERVED);
    add_memory(MiB, MIN(memory, VM_PCI_HOLE), LOAD_RAM);
    if (memory > VM_PCI_HOLE)
        add_memory(4 * GiB, 4 * GiB + memory - VM_PCI_HOLE, LOAD_RAM);
}

static void make_request(const struct vm *vm)
{
    const struct config_guest *c = vm->config;

    request = (struct load_request){
        .format = c->format,
        .kernel = find_file(c->kernel),
        .cmdline = c->cmdline,
        .modules = c->module_count,
        .tsc_hz = tsc_hz,
        .rsdp = {ACPI_GUEST_BASE},
    };
    if (c->initrd[0])
        request.initrd = find_file(c->initrd);
    for (u32 i = 0; i < c->module_count; i++) {
        request.module[i] = find_file(c->module[i].path);
        request.module[i].string = c->module[i].string;
    }
    describe_memory(vm);
}

static err_t copy_segments(const struct vm *vm)
{
    for (u32 i = 0; i < plan.segments; i++) {
        const struct load_segment *s = &plan.segment[i];

        /* What lies beyond len up to room is zero already: the memory is new. */
        TRY(gmem_write(vm, s->to, s->from, s->len));
    }
    return OK;
}

static err_t put_acpi_tables(const struct vm *vm)
{
    u8 *tables = gmem_pointer(vm, (gpa_t){ACPI_GUEST_BASE}, ACPI_GUEST_SIZE);

    const struct acpi_guest guest = {.cpus = vm->config->vcpus, .pci = vm->config->devices[0] != 0};

    return tables && acpi_build(tables, ACPI_GUEST_SIZE, &guest) ? OK : E_NOMEM;
}

static err_t put_smbios_tables(const struct vm *vm)
{
    const u64 low = MIN(vm->config->memory, VM_PCI_HOLE), high = vm->config->memory - low;
    u8 *tables = gmem_pointer(vm, (gpa_t){SMBIOS_GUEST_BASE}, SMBIOS_GUEST_SIZE);
    u32 live;
    const struct cpuid_answer *cpu = cpuid_find(&vm->cpuid, 1, 0, &live);
    const struct smbios_guest guest = {.cpus = vm->config->vcpus,
                                       .signature = cpu->eax,
                                       .features = cpu->edx,
                                       .tsc_hz = tsc_hz,
                                       .rams = high ? 2 : 1,
                                       .ram = {{0, low}, {4 * GiB, high}}};

    return tables && smbios_build(tables, SMBIOS_GUEST_SIZE, &guest) ? OK : E_NOMEM;
}

/* What a BIOS leaves in low memory: kernels find the end of conventional memory there. */
static const struct bios_word {
    u32 at;
    u16 value;
} bios_words[] = {
    {0x40e, EBDA_START >> 4},                      /* segment of the extended BIOS data area */
    {0x413, EBDA_START / KiB},                     /* conventional memory in KiB */
    {EBDA_START, (VM_LOW_END - EBDA_START) / KiB}, /* that area's length in KiB */
};

static err_t put_bios_data(const struct vm *vm)
{
    for (u32 i = 0; i < ARRAY_LEN(bios_words); i++) {
        const struct bios_word *w = &bios_words[i];

        TRY(gmem_write(vm, (gpa_t){w->at}, &w->value, sizeof(w->value)));
    }
    return OK;
}

static void set_segment(struct guest_state *g, enum guest_field es_relative, u64 selector, u64 ar)
{
    const u32 n = es_relative - GS_ES_SEL;

    gs_set(g, es_relative, selector);
    gs_set(g, (enum guest_field)(GS_ES_BASE + n), 0);
    gs_set(g, (enum guest_field)(GS_ES_LIMIT + n), 0xffffffff);
    gs_set(g, (enum guest_field)(GS_ES_AR + n), ar);
}

static void set_segments(struct guest_state *g)
{
    static const enum guest_field data[] = {GS_ES_SEL, GS_SS_SEL, GS_DS_SEL, GS_FS_SEL, GS_GS_SEL};

    for (size_t i = 0; i < ARRAY_LEN(data); i++)
        set_segment(g, data[i], SEL_GUEST_DATA, AR_DATA);
    set_segment(g, GS_CS_SEL, SEL_GUEST_CODE, plan.mode == LOAD_LONG_64 ? AR_CODE_64 : AR_CODE_32);
    gs_set(g, GS_TR_AR, AR_TSS_BUSY);
    gs_set(g, GS_TR_LIMIT, TSS_LIMIT);
    gs_set(g, GS_GDTR_BASE, plan.gdt.v);
    gs_set(g, GS_GDTR_LIMIT, plan.gdt_limit);
    gs_set(g, GS_IDTR_LIMIT, 0);
}

static void set_registers(struct vcpu *v)
{
    struct guest_state *g = &v->vmx.guest;
    u64 *r = g->regs.r;
    const bool long_mode = plan.mode == LOAD_LONG_64;
    const u64 cr0 = CR0_PE | CR0_ET | (long_mode ? CR0_PG : 0) |
                    (v->vm->id == VM_CONTROL ? CR0_TS : 0); /* it has no FPU */
    const u64 cr4 = long_mode ? CR4_PAE : 0;

    gs_set(g, GS_CR0, cr0 | CR0_NE);
    gs_set(g, GS_CR0_SHADOW, cr0);
    gs_set(g, GS_CR4, cr4 | CR4_FORCED);
    gs_set(g, GS_CR4_SHADOW, cr4);
    gs_set(g, GS_CR3, plan.cr3);
    if (long_mode) {
        gs_set(g, GS_EFER, EFER_LME | EFER_LMA);
        gs_set(g, GS_ENTRY_CONTROLS, gs_get(g, GS_ENTRY_CONTROLS) | ENTRY_IA32E_GUEST);
    }
    set_segments(g);
    gs_set(g, GS_RIP, plan.rip);
    gs_set(g, GS_RSP, plan.rsp);
    r[RAX] = plan.rax;
    r[RBX] = plan.rbx;
    r[RSI] = plan.rsi;
    r[RDI] = plan.rdi;
    r[RDX] = 0;
}

static err_t load_control(struct vm *vm)
{
    err_t err = control_image_plan(vm, &plan);

    if (err == OK)
        err = copy_segments(vm);
    if (err != OK)
        log_error("control partition: control.elf does not fit; give it more control_memory");
    else
        set_registers(vm->vcpu[0]);
    return err;
}

err_t vm_image_load(struct vm *vm)
{
    err_t err;

    if (vm->id == VM_CONTROL)
        return load_control(vm);
    make_request(vm);
    err = load_plan(&request, &plan);
    if (err != OK) {
        log_error("guest %s: %s", vm->config->name, plan.reason);
        return err;
    }
    err = put_acpi_tables(vm);
    if (err == OK)
        err = put_smbios_tables(vm);
    if (err == OK)
        err = put_bios_data(vm);
    if (err == OK)
        err = copy_segments(vm);
    if (err != OK) {
        log_error("guest %s: its image does not fit its memory", vm->config->name);
        return err;
    }
    set_registers(vm->vcpu[0]);
    return OK;
}
