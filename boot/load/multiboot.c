/* Multiboot 1 ("Multiboot Specification version 0.6.96"): a kernel whose header gives its
 * addresses, or a 32-bit ELF file; entered in protected mode without paging.  Pure. */
#include "boot/load/plan.h"

#define HEADER_MAGIC     0x1badb002u
#define LOADER_MAGIC     0x2badb002u
#define SEARCH_LEN       8192u
#define HEADER_LEN       12u      /* magic, flags, checksum */
#define ADDRESSES_LEN    32u      /* and the five address fields */
#define FLAG_PAGE_ALIGN  BIT32(0) /* modules on page boundaries: always done */
#define FLAG_MEMORY_INFO BIT32(1) /* mem_*, mmap_*: always given */
#define FLAG_VIDEO       BIT32(2)
#define FLAG_ADDRESSES   BIT32(16)
#define MANDATORY        0xffffu /* an image may insist on these; others are hints */

/* struct multiboot_info, "Boot information format". */
enum {
    INFO_FLAGS = 0,
    INFO_MEM_LOWER = 4,
    INFO_MEM_UPPER = 8,
    INFO_CMDLINE = 16,
    INFO_MODS_COUNT = 20,
    INFO_MODS_ADDR = 24,
    INFO_MMAP_LENGTH = 44,
    INFO_MMAP_ADDR = 48,
    INFO_LOADER_NAME = 64,
    INFO_SIZE = 120
};
#define INFO_HAS_MEMORY  BIT32(0)
#define INFO_HAS_CMDLINE BIT32(2)
#define INFO_HAS_MODS    BIT32(3)
#define INFO_HAS_MMAP    BIT32(6)
#define INFO_HAS_NAME    BIT32(9)
#define MMAP_ENTRY_SIZE  24u
#define MODULE_SIZE      16u

/* ELF32, System V ABI, chapter 4. */
enum {
    EHDR_CLASS = 4,
    EHDR_DATA = 5,
    EHDR_TYPE = 16,
    EHDR_MACHINE = 18,
    EHDR_ENTRY = 24,
    EHDR_PHOFF = 28,
    EHDR_PHENTSIZE = 42,
    EHDR_PHNUM = 44,
    EHDR_SIZE = 52,
    PHDR_TYPE = 0,
    PHDR_OFFSET = 4,
    PHDR_VADDR = 8,
    PHDR_PADDR = 12,
    PHDR_FILESZ = 16,
    PHDR_MEMSZ = 20,
    PHDR_SIZE = 32
};
#define ELF_MAGIC   0x464c457fu
#define ELFCLASS32  1u
#define ELFDATA2LSB 1u
#define ET_EXEC     2u
#define EM_386      3u
#define PT_LOAD     1u

static const char loader_name[] = "Lintel";

struct multiboot_image {
    u32 header; /* file offset */
    u32 flags;
    u64 entry;
    u64 end; /* the highest address of the image */
};

/* File offset of the first header with a right checksum, or UINT32_MAX. */
static u32 search_header(const struct load_file *kernel)
{
    const u64 limit = MIN(kernel->size, (u64)SEARCH_LEN);

    for (u32 at = 0; at + HEADER_LEN <= limit; at += 4) {
        const u8 *header = kernel->data + at;

        if (get32(header) == HEADER_MAGIC &&
            HEADER_MAGIC + get32(header + 4) + get32(header + 8) == 0)
            return at;
    }
    return UINT32_MAX;
}

bool load_multiboot_matches(const struct load_file *kernel)
{
    return search_header(kernel) != UINT32_MAX;
}

static err_t find_header(const struct load_request *req, struct load_plan *plan,
                         struct multiboot_image *image)
{
    const struct load_file *kernel = &req->kernel;

    image->header = search_header(kernel);
    if (image->header == UINT32_MAX)
        return plan_refuse(plan, E_INVAL, kernel,
                           "no Multiboot header with a right checksum in the first "
                           "%u bytes",
                           SEARCH_LEN);
    image->flags = get32(kernel->data + image->header + 4);
    if (image->flags & MANDATORY & ~(FLAG_PAGE_ALIGN | FLAG_MEMORY_INFO | FLAG_VIDEO))
        return plan_refuse(plan, E_NOTSUP, kernel,
                           "Multiboot header flags 0x%x: unknown requirements; "
                           "allowed: 0x3",
                           image->flags);
    if (image->flags & FLAG_VIDEO)
        return plan_refuse(plan, E_NOTSUP, kernel,
                           "Multiboot header flags 0x%x ask for a video mode; "
                           "build the image without flag 0x4",
                           image->flags);
    return OK;
}

/* ---------------------------------------------------------------- header with addresses */

static err_t load_by_addresses(const struct load_request *req, struct load_plan *plan,
                               struct multiboot_image *image)
{
    const struct load_file *kernel = &req->kernel;

    if (image->header + ADDRESSES_LEN > MIN(kernel->size, (u64)SEARCH_LEN))
        return plan_refuse(plan, E_INVAL, kernel,
                           "Multiboot header at 0x%x: its address fields are cut "
                           "off; is the file truncated?",
                           image->header);

    const u8 *field = kernel->data + image->header + HEADER_LEN;
    const u32 header_addr = get32(field), load_addr = get32(field + 4);
    const u32 load_end = get32(field + 8), bss_end = get32(field + 12);
    const u32 before = header_addr - load_addr; /* image bytes before the header */
    struct plan_bytes bytes = {"the image", NULL, 0, 0};

    image->entry = get32(field + 16);
    if (load_addr > header_addr || before > image->header)
        return plan_refuse(plan, E_INVAL, kernel,
                           "load_addr 0x%x, header_addr 0x%x: not in the file "
                           "(header at 0x%x)",
                           load_addr, header_addr, image->header);
    bytes.from = kernel->data + (image->header - before);
    bytes.len = kernel->size - (image->header - before);
    if (load_end != 0) {
        if (load_end <= load_addr || load_end - load_addr > bytes.len)
            return plan_refuse(plan, E_INVAL, kernel,
                               "load_end_addr 0x%x: the file has 0x%llx bytes for "
                               "load_addr 0x%x; is it truncated?",
                               load_end, (unsigned long long)bytes.len, load_addr);
        bytes.len = load_end - load_addr;
    }
    bytes.room = bytes.len;
    if (bss_end != 0) {
        if (bss_end < load_addr || bss_end - load_addr < bytes.len)
            return plan_refuse(plan, E_INVAL, kernel,
                               "bss_end_addr 0x%x is below the end of the data", bss_end);
        bytes.room = bss_end - load_addr;
    }
    image->end = load_addr + bytes.room;
    if (image->end > 4 * GiB || image->entry < load_addr || image->entry >= image->end)
        return plan_refuse(plan, E_INVAL, kernel,
                           "entry_addr 0x%llx is outside of the image, "
                           "0x%x-0x%llx",
                           (unsigned long long)image->entry, load_addr,
                           (unsigned long long)image->end);
    return plan_place_at(req, plan, kernel, load_addr, &bytes);
}

/* ---------------------------------------------------------------- ELF32 */

static err_t check_elf(const struct load_request *req, struct load_plan *plan)
{
    const struct load_file *kernel = &req->kernel;
    const u8 *data = kernel->data;

    if (kernel->size < EHDR_SIZE || get32(data) != ELF_MAGIC)
        return plan_refuse(plan, E_INVAL, kernel,
                           "Multiboot header without addresses (flag 0x10000), and "
                           "not an ELF file");
    if (data[EHDR_CLASS] != ELFCLASS32 || data[EHDR_DATA] != ELFDATA2LSB ||
        get16(data + EHDR_MACHINE) != EM_386)
        return plan_refuse(plan, E_NOTSUP, kernel,
                           "ELF class %u, machine %u: not 32-bit x86; convert it "
                           "with objcopy -O elf32-i386",
                           data[EHDR_CLASS], get16(data + EHDR_MACHINE));
    if (get16(data + EHDR_TYPE) != ET_EXEC)
        return plan_refuse(plan, E_NOTSUP, kernel,
                           "ELF type %u; needed: an executable (2), linked for "
                           "fixed addresses",
                           get16(data + EHDR_TYPE));

    const u64 end = get32(data + EHDR_PHOFF) + (u64)get16(data + EHDR_PHNUM) * PHDR_SIZE;

    if (get16(data + EHDR_PHENTSIZE) != PHDR_SIZE || end > kernel->size)
        return plan_refuse(plan, E_INVAL, kernel,
                           "ELF: %u program headers of %u bytes at 0x%x are not in "
                           "the file; is it truncated?",
                           get16(data + EHDR_PHNUM), get16(data + EHDR_PHENTSIZE),
                           get32(data + EHDR_PHOFF));
    return OK;
}

/* One PT_LOAD. *entry becomes physical when the ELF entry point is a virtual address of it. */
static err_t place_elf_segment(const struct load_request *req, struct load_plan *plan,
                               struct multiboot_image *image, const u8 *phdr, bool *entered)
{
    const struct load_file *kernel = &req->kernel;
    const u32 offset = get32(phdr + PHDR_OFFSET), vaddr = get32(phdr + PHDR_VADDR);
    const u32 paddr = get32(phdr + PHDR_PADDR), elf_entry = get32(kernel->data + EHDR_ENTRY);
    struct plan_bytes bytes = {"an ELF segment", NULL, get32(phdr + PHDR_FILESZ),
                               get32(phdr + PHDR_MEMSZ)};

    if (bytes.room == 0)
        return OK;
    if (offset > kernel->size || bytes.len > kernel->size - offset)
        return plan_refuse(plan, E_INVAL, kernel,
                           "ELF segment at 0x%x: 0x%llx bytes at offset 0x%x are "
                           "not in the file; is it truncated?",
                           paddr, (unsigned long long)bytes.len, offset);
    if (bytes.len > bytes.room || paddr + bytes.room > 4 * GiB)
        return plan_refuse(plan, E_INVAL, kernel,
                           "ELF segment at 0x%x: p_filesz 0x%llx, p_memsz 0x%llx do "
                           "not fit",
                           paddr, (unsigned long long)bytes.len, (unsigned long long)bytes.room);
    if (elf_entry >= vaddr && elf_entry - vaddr < bytes.room) {
        image->entry = (u64)paddr + (elf_entry - vaddr);
        *entered = true;
    } else if (!*entered && elf_entry >= paddr && elf_entry - paddr < bytes.room) {
        image->entry = elf_entry;
        *entered = true;
    }
    bytes.from = kernel->data + offset;
    image->end = MAX(image->end, paddr + bytes.room);
    return plan_place_at(req, plan, kernel, paddr, &bytes);
}

static err_t load_elf(const struct load_request *req, struct load_plan *plan,
                      struct multiboot_image *image)
{
    bool entered = false;

    TRY(check_elf(req, plan));

    const u8 *phdr = req->kernel.data + get32(req->kernel.data + EHDR_PHOFF);
    const u32 count = get16(req->kernel.data + EHDR_PHNUM);

    for (u32 i = 0; i < count; i++, phdr += PHDR_SIZE)
        if (get32(phdr + PHDR_TYPE) == PT_LOAD)
            TRY(place_elf_segment(req, plan, image, phdr, &entered));
    if (!entered)
        return plan_refuse(plan, E_INVAL, &req->kernel,
                           "ELF entry point 0x%x is in no loaded segment",
                           get32(req->kernel.data + EHDR_ENTRY));
    return OK;
}

/* ---------------------------------------------------------------- what the image is told */

/* Bytes of RAM that follow `base` without a gap. */
static u64 ram_after(const struct load_request *req, u64 base)
{
    u64 end = base;

    for (u32 i = 0; i < req->memories; i++)
        if (req->memory[i].type == LOAD_RAM && req->memory[i].base <= end &&
            req->memory[i].base + req->memory[i].len > end)
            end = req->memory[i].base + req->memory[i].len;
    return end - base;
}

static u32 kib(u64 bytes, u64 max)
{
    return (u32)MIN(bytes / KiB, max);
}

static err_t add_mmap(const struct load_request *req, struct load_plan *plan, u8 *info)
{
    const u32 len = req->memories * MMAP_ENTRY_SIZE;
    u64 base;
    u8 *entry = plan_low(req, plan, "the memory map", MAX(len, 1u), &base);

    if (!entry)
        return E_NOMEM;
    put32(info + INFO_MMAP_LENGTH, len);
    put32(info + INFO_MMAP_ADDR, (u32)base);
    for (u32 i = 0; i < req->memories; i++, entry += MMAP_ENTRY_SIZE) {
        put32(entry, MMAP_ENTRY_SIZE - 4); /* the size field does not count itself */
        put64(entry + 4, req->memory[i].base);
        put64(entry + 12, req->memory[i].len);
        put32(entry + 20, req->memory[i].type);
    }
    return OK;
}

/* The table and behind it, in the same piece, the strings. */
static err_t add_modules(const struct load_request *req, struct load_plan *plan,
                         const struct multiboot_image *image, u8 *info)
{
    u32 used = req->modules * MODULE_SIZE;
    u64 table_base = 0, base = 0;
    u8 *table;

    if (req->modules == 0)
        return OK;
    table = plan_low(req, plan, "the module table",
                     req->modules * (u64)(MODULE_SIZE + CONFIG_STRING_MAX), &table_base);
    if (!table)
        return E_NOMEM;
    for (u32 i = 0; i < req->modules; i++) {
        const struct load_file *file = &req->module[i];
        const char *string = file->string ? file->string : "";
        const size_t len = strnlen(string, CONFIG_STRING_MAX - 1);
        u8 *entry = table + i * MODULE_SIZE;

        TRY(plan_module(req, plan, file, image->end, &base));
        put32(entry, (u32)base);
        put32(entry + 4, (u32)(base + file->size));
        put32(entry + 8, (u32)table_base + used);
        memcpy(table + used, string, len); /* the scratch is zero: terminated */
        used += (u32)len + 1;
    }
    put32(info + INFO_MODS_COUNT, req->modules);
    put32(info + INFO_MODS_ADDR, (u32)table_base);
    return OK;
}

static err_t add_info(const struct load_request *req, struct load_plan *plan,
                      const struct multiboot_image *image)
{
    u8 *info = plan_low(req, plan, "multiboot_info", INFO_SIZE + sizeof(loader_name), &plan->rbx);
    u64 cmdline;

    if (!info)
        return E_NOMEM;
    TRY(plan_cmdline(req, plan, &cmdline));
    TRY(add_mmap(req, plan, info));
    TRY(add_modules(req, plan, image, info));
    put32(info + INFO_FLAGS,
          INFO_HAS_MEMORY | INFO_HAS_CMDLINE | INFO_HAS_MODS | INFO_HAS_MMAP | INFO_HAS_NAME);
    put32(info + INFO_MEM_LOWER, kib(ram_after(req, 0), 640));
    put32(info + INFO_MEM_UPPER, kib(ram_after(req, MiB), UINT32_MAX));
    put32(info + INFO_CMDLINE, (u32)cmdline);
    memcpy(info + INFO_SIZE, loader_name, sizeof(loader_name));
    put32(info + INFO_LOADER_NAME, (u32)plan->rbx + INFO_SIZE);
    return OK;
}

err_t load_multiboot(const struct load_request *req, struct load_plan *plan)
{
    struct multiboot_image image = {0};

    TRY(plan_begin(req, plan));
    TRY(find_header(req, plan, &image));
    if (req->initrd.size)
        return plan_refuse(plan, E_NOTSUP, &req->kernel,
                           "a Multiboot image takes no initrd; use module");
    if (image.flags & FLAG_ADDRESSES)
        TRY(load_by_addresses(req, plan, &image));
    else
        TRY(load_elf(req, plan, &image));
    TRY(add_info(req, plan, &image));
    TRY(plan_mode(req, plan, LOAD_PROTECTED_32));
    plan->rip = image.entry;
    plan->rax = LOADER_MAGIC;
    return OK;
}
