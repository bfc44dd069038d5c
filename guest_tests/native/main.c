/* native.elf: takes hv.elf's place and starts the first guest of lintel.conf on the bare
 * machine, with the same loaders: for comparison with a run under Lintel.
 * The guest gets the machine's usable RAM up to its configured size; its console is the
 * physical COM1. */
#include "arch/x86_64/insn.h"
#include "boot/load/load.h"
#include "boot_info.h"
#include "drivers/platform/uart.h"
#include "guest_tests/native/jump.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define COM1            0x3f8
#define PIC1_DATA       0x21
#define PIC2_DATA       0xa1
#define LAPIC_LVT_TIMER 0xfee00320ull
#define LVT_MASKED      0x10000u
#define PTE_P_RW        3ull
#define PTE_PS          BIT(7)

void native_main(const struct boot_info *info);

static struct load_request request;
static struct load_plan plan;
static struct native_jump jump;
static u64 tables[6][512] __attribute__((aligned(4096)));

static void print(const char *format, ...) PRINTF_LIKE(1, 2);
static void print(const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    (void)fmt_vbuf(line, sizeof(line), format, args);
    va_end(args);
    for (const char *c = line; *c != '\0'; c++) {
        if (*c == '\n')
            (void)uart_put(COM1, '\r');
        (void)uart_put(COM1, (u8)*c);
    }
}

static NORETURN void refuse(const char *why)
{
    print("native: %s\n", why);
    for (;;) {
        cli();
        hlt();
    }
}

static struct load_file find_file(const struct boot_info *info, const char *path)
{
    for (u32 i = 0; i < info->module_count; i++)
        if (strcmp(info->module[i].path, path) == 0)
            return (struct load_file){.data = (const u8 *)info->module[i].base,
                                      .size = info->module[i].size,
                                      .name = info->module[i].path};
    return (struct load_file){.name = path};
}

/* Every usable run of RAM is listed until the guest has what lintel.conf says; with more runs
 * than a request takes, the smallest so far gives way. */
static void add_memory(u64 base, u64 len, u32 type)
{
    u32 at = request.memories;

    if (at == ARRAY_LEN(request.memory)) {
        u32 smallest = 0;

        for (u32 i = 1; i < at; i++)
            if (request.memory[i].len < request.memory[smallest].len)
                smallest = i;
        if (request.memory[smallest].len >= len)
            return;
        for (u32 i = smallest; i + 1 < at; i++)
            request.memory[i] = request.memory[i + 1];
        at--;
    }
    request.memory[at] = (struct load_memory){base, len, type};
    request.memories = at + 1;
}

static void describe_memory(const struct boot_info *info, u64 wanted)
{
    for (u32 i = 0; i < info->mem_count; i++) {
        const struct boot_mem *m = &info->mem[i];
        const u64 len = MIN(m->len, wanted);

        if (m->type == BOOT_MEM_USABLE && len != 0) {
            add_memory(m->base, len, LOAD_RAM);
            wanted -= len;
        } else if (m->type == BOOT_MEM_ACPI && info->rsdp != 0) {
            add_memory(m->base, m->len, LOAD_ACPI);
        }
    }
}

static void make_plan(const struct boot_info *info)
{
    const struct config_guest *c = &info->config.guest[0];

    request = (struct load_request){.format = c->format,
                                    .kernel = find_file(info, c->kernel),
                                    .cmdline = c->cmdline,
                                    .modules = c->module_count,
                                    .tsc_hz = info->tsc_hz,
                                    .rsdp = {info->rsdp}};
    if (c->initrd[0] != '\0')
        request.initrd = find_file(info, c->initrd);
    for (u32 i = 0; i < c->module_count; i++) {
        request.module[i] = find_file(info, c->module[i].path);
        request.module[i].string = c->module[i].string;
    }
    describe_memory(info, c->memory);
    if (load_plan(&request, &plan) != OK)
        refuse(plan.reason);
}

/* The loader's memory is free of whatever a guest's plan may take: only usable RAM is in it. */
static void copy_segments(void)
{
    for (u32 i = 0; i < plan.segments; i++) {
        const struct load_segment *s = &plan.segment[i];
        u8 *to = (u8 *)s->to.v;

        memcpy(to, s->from, s->len);
        memset(to + s->len, 0, s->room - s->len);
    }
}

static u64 physical(const struct boot_info *info, const void *address)
{
    return (u64)address - info->hv_virt + info->hv_base;
}

/* Identity map of the first 4 GiB, executable, beside native.elf's own mapping. */
static void map_for_jump(const struct boot_info *info)
{
    const u64 *old = (const u64 *)(info->tables_root & ~(PAGE_SIZE - 1));

    for (u64 i = 0; i < 4; i++)
        tables[1][i] = physical(info, tables[2 + i]) | PTE_P_RW;
    for (u64 i = 0; i < 2048; i++)
        tables[2 + i / 512][i % 512] = i << 21 | PTE_P_RW | PTE_PS;
    memcpy(tables[0], old, PAGE_SIZE);
    tables[0][0] = physical(info, tables[1]) | PTE_P_RW;
    write_cr3(physical(info, tables[0]));
}

/* What the firmware left running must not interrupt a guest that does not know of it. */
static void quiet_devices(void)
{
    outb(PIC1_DATA, 0xff);
    outb(PIC2_DATA, 0xff);
    *(volatile u32 *)LAPIC_LVT_TIMER = LVT_MASKED;
}

void native_main(const struct boot_info *info)
{
    if (info->magic != BOOT_INFO_MAGIC || info->version != BOOT_INFO_VERSION ||
        info->size != sizeof(*info) || boot_info_sum(info) != 0)
        refuse("boot_info is not what this image was built for");
    if (info->config.guest_count == 0)
        refuse("lintel.conf names no guest");
    if (info->hv_base + info->hv_size > 4 * GiB)
        refuse("loaded above 4 GiB, where the jump cannot be made");
    make_plan(info);
    copy_segments();
    map_for_jump(info);
    quiet_devices();
    jump = (struct native_jump){.rip = plan.rip,
                                .rsp = plan.rsp,
                                .rax = plan.rax,
                                .rbx = plan.rbx,
                                .rsi = plan.rsi,
                                .rdi = plan.rdi,
                                .cr3 = plan.mode == LOAD_LONG_64 ? plan.cr3 : 0,
                                .tsc = rdtsc(),
                                .gdt_limit = plan.gdt_limit,
                                .gdt_base = plan.gdt.v};
    print("LINTEL-MARK kernel-entry tsc=%llu\n", (unsigned long long)jump.tsc);
    ((void (*)(const struct native_jump *))physical(info, (const void *)(u64)native_jump))(
        (const struct native_jump *)physical(info, &jump));
    refuse("the guest returned");
}
