/* PVH: an ELF file with the note XEN_ELFNOTE_PHYS32_ENTRY, entered in protected mode without
 * paging.  Xen's docs/misc/pvh.pandoc, "x86/HVM direct boot ABI", and its
 * xen/include/public/arch-x86/hvm/start_info.h and elfnote.h.  Pure. */
#include "boot/load/elf.h"
#include "boot/load/plan.h"

/* Elf32_Nhdr and Elf64_Nhdr are the same; name and descriptor are padded to 4 bytes. */
enum { NOTE_NAMESZ = 0, NOTE_DESCSZ = 4, NOTE_TYPE = 8, NOTE_NAME = 12 };
#define NOTES_MAX    (64 * KiB) /* bytes of notes that are looked at, all together */
#define PHYS32_ENTRY 18u

/* struct hvm_start_info and what it points to. */
enum {
    INFO_MAGIC = 0,
    INFO_VERSION = 4,
    INFO_NR_MODULES = 12,
    INFO_MODLIST = 16,
    INFO_CMDLINE = 24,
    INFO_RSDP = 32,
    INFO_MEMMAP = 40,
    INFO_MEMMAP_ENTRIES = 48,
    INFO_SIZE = 56
};
#define START_INFO_MAGIC   0x336ec578u
#define START_INFO_VERSION 1u
#define MODULE_SIZE        32u /* paddr, size, cmdline_paddr, reserved */
#define MEMMAP_ENTRY_SIZE  24u /* addr, size, type, reserved */

/* ---------------------------------------------------------------- the note */

/* The entry point in `len` bytes of notes; false: it is not there. */
static bool search_notes(const u8 *note, u64 len, u64 *entry)
{
    static const char name[4] = "Xen";

    while (len >= NOTE_NAME) {
        const u64 namesz = get32(note + NOTE_NAMESZ), descsz = get32(note + NOTE_DESCSZ);
        const u64 desc = NOTE_NAME + ALIGN_UP(namesz, 4ull), size = desc + ALIGN_UP(descsz, 4ull);

        if (desc + descsz > len)
            return false;
        if (get32(note + NOTE_TYPE) == PHYS32_ENTRY && namesz == sizeof(name) &&
            memcmp(note + NOTE_NAME, name, sizeof(name)) == 0 && (descsz == 4 || descsz == 8)) {
            *entry = descsz == 8 ? get64(note + desc) : get32(note + desc);
            return true;
        }
        if (size >= len)
            return false;
        note += size;
        len -= size;
    }
    return false;
}

static bool find_note(const struct elf_layout *elf, const struct load_file *kernel, u64 *entry)
{
    u64 left = NOTES_MAX;

    for (u32 i = 0; i < elf_header_count(elf, kernel); i++) {
        const struct elf_segment s = elf_segment(elf, kernel, i);

        if (s.type != ELF_NOTE || !elf_in_file(kernel, &s))
            continue;
        if (s.filesz > left)
            return false;
        left -= s.filesz;
        if (search_notes(kernel->data + s.offset, s.filesz, entry))
            return true;
    }
    return false;
}

bool load_pvh_matches(const struct load_file *kernel)
{
    const struct elf_layout *elf = elf_layout_of(kernel);
    u64 entry;

    return elf && elf_headers_fit(elf, kernel) && find_note(elf, kernel, &entry);
}

static err_t check_elf(const struct load_request *req, struct load_plan *plan,
                       const struct elf_layout *elf)
{
    const struct load_file *kernel = &req->kernel;

    if (!elf)
        return plan_refuse(plan, E_INVAL, kernel, "not an ELF file for x86 of 32 or 64 bits");
    if (elf_type(kernel) != ELF_TYPE_EXEC)
        return plan_refuse(plan, E_NOTSUP, kernel,
                           "ELF type %u; needed: an executable (2), linked for fixed addresses",
                           elf_type(kernel));
    if (!elf_headers_fit(elf, kernel))
        return plan_refuse(plan, E_INVAL, kernel,
                           "ELF: the %u program headers are not in the file; is it truncated?",
                           elf_header_count(elf, kernel));
    if (!find_note(elf, kernel, &plan->rip))
        return plan_refuse(plan, E_NOTSUP, kernel,
                           "no ELF note XEN_ELFNOTE_PHYS32_ENTRY; was it built for PVH?");
    return OK;
}

static err_t place_segment(const struct load_request *req, struct load_plan *plan,
                           const struct elf_segment *s)
{
    const struct load_file *kernel = &req->kernel;

    if (!elf_in_file(kernel, s))
        return plan_refuse(plan, E_INVAL, kernel,
                           "ELF segment at 0x%llx: 0x%llx bytes at offset 0x%llx are not in the "
                           "file; is it truncated?",
                           (unsigned long long)s->paddr, (unsigned long long)s->filesz,
                           (unsigned long long)s->offset);
    if (s->filesz > s->memsz)
        return plan_refuse(plan, E_INVAL, kernel,
                           "ELF segment at 0x%llx: p_filesz 0x%llx, p_memsz 0x%llx do not fit",
                           (unsigned long long)s->paddr, (unsigned long long)s->filesz,
                           (unsigned long long)s->memsz);

    const struct plan_bytes bytes = {"an ELF segment", kernel->data + s->offset, s->filesz,
                                     s->memsz};

    return plan_place_at(req, plan, kernel, s->paddr, &bytes);
}

/* *end: the highest address of the image. */
static err_t load_segments(const struct load_request *req, struct load_plan *plan,
                           const struct elf_layout *elf, u64 *end)
{
    bool entered = false;

    *end = 0;
    for (u32 i = 0; i < elf_header_count(elf, &req->kernel); i++) {
        const struct elf_segment s = elf_segment(elf, &req->kernel, i);

        if (s.type != ELF_LOAD || s.memsz == 0)
            continue;
        TRY(place_segment(req, plan, &s));
        *end = MAX(*end, s.paddr + s.memsz);
        entered |= plan->rip >= s.paddr && plan->rip - s.paddr < s.memsz;
    }
    if (!entered || plan->rip >= 4 * GiB)
        return plan_refuse(plan, E_INVAL, &req->kernel,
                           "entry point 0x%llx of the PVH note is in no loaded segment below 4 GiB",
                           (unsigned long long)plan->rip);
    return OK;
}

/* ---------------------------------------------------------------- what the image is told */

static err_t add_memmap(const struct load_request *req, struct load_plan *plan, u8 *info)
{
    u64 base;
    u8 *entry = plan_low(req, plan, "the memory map",
                         MAX(req->memories * (u64)MEMMAP_ENTRY_SIZE, 1ull), &base);

    if (!entry)
        return E_NOMEM;
    put64(info + INFO_MEMMAP, base);
    put32(info + INFO_MEMMAP_ENTRIES, req->memories);
    for (u32 i = 0; i < req->memories; i++, entry += MEMMAP_ENTRY_SIZE) {
        put64(entry, req->memory[i].base);
        put64(entry + 8, req->memory[i].len);
        put32(entry + 16, req->memory[i].type);
    }
    return OK;
}

/* The initrd is the first module, as Linux wants it.  The list and behind it, in the same piece,
 * the strings; a module without one has none. */
static err_t add_modules(const struct load_request *req, struct load_plan *plan, u64 image_end,
                         u8 *info)
{
    const u32 first = req->initrd.size ? 1 : 0, count = first + req->modules;
    u64 list_base, base, used = count * (u64)MODULE_SIZE;
    u8 *list;

    if (count == 0)
        return OK;
    list = plan_low(req, plan, "the module list", count * (u64)(MODULE_SIZE + CONFIG_STRING_MAX),
                    &list_base);
    if (!list)
        return E_NOMEM;
    for (u32 i = 0; i < count; i++) {
        const struct load_file *file = i < first ? &req->initrd : &req->module[i - first];
        const char *string = file->string ? file->string : "";
        const size_t len = strnlen(string, CONFIG_STRING_MAX - 1);
        u8 *entry = list + i * MODULE_SIZE;

        TRY(plan_module(req, plan, file, image_end, &base));
        put64(entry, base);
        put64(entry + 8, file->size);
        if (len == 0)
            continue;
        put64(entry + 16, list_base + used);
        memcpy(list + used, string, len); /* the scratch is zero: terminated */
        used += len + 1;
    }
    put32(info + INFO_NR_MODULES, count);
    put64(info + INFO_MODLIST, list_base);
    return OK;
}

static err_t add_info(const struct load_request *req, struct load_plan *plan, u64 image_end)
{
    u8 *info = plan_low(req, plan, "hvm_start_info", INFO_SIZE, &plan->rbx);
    u64 cmdline;

    if (!info)
        return E_NOMEM;
    TRY(plan_cmdline(req, plan, &cmdline));
    TRY(add_memmap(req, plan, info));
    TRY(add_modules(req, plan, image_end, info));
    put32(info + INFO_MAGIC, START_INFO_MAGIC);
    put32(info + INFO_VERSION, START_INFO_VERSION);
    put64(info + INFO_CMDLINE, cmdline);
    put64(info + INFO_RSDP, req->rsdp.v);
    return OK;
}

err_t load_pvh(const struct load_request *req, struct load_plan *plan)
{
    const struct elf_layout *elf = elf_layout_of(&req->kernel);
    u64 image_end;

    TRY(plan_begin(req, plan));
    TRY(check_elf(req, plan, elf));
    TRY(load_segments(req, plan, elf, &image_end));
    TRY(add_info(req, plan, image_end));
    return plan_mode(req, plan, LOAD_PROTECTED_32);
}
