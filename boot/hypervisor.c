/* hv.elf into memory; see hypervisor.h. */
#include "boot/hypervisor.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/insn.h"
#include "boot/console.h"
#include "boot/file.h"
#include "boot/memmap.h"
#include "boot/memory.h"
#include "boot/tables.h"
#include "lib/mem.h"

#define HV_FILE      "hv.elf"
#define HV_FILE_MAX  (64 * MiB)
#define MAPPINGS_MAX (BOOT_MEM_MAX + ELF_SEGMENTS_MAX + 4u)

static struct mapping mappings[MAPPINGS_MAX];
static u32 mapping_count;

err_t hypervisor_load(struct boot_info *info, struct elf_plan *plan)
{
    const char *reason;
    void *file, *block;
    u64 size;

    TRY(file_load(HV_FILE, HV_FILE_MAX, BOOT_MEM_USABLE, &file, &size));
    if (elf_plan(file, size, plan, &reason) != OK)
        return refuse(E_INVAL,
                      "\\lintel\\" HV_FILE ": %s; copy it again from the same release as "
                      "BOOTX64.EFI",
                      reason);
    if (memory_alloc(plan->span, LARGE_PAGE_SIZE, BOOT_MEM_LINTEL, &block) != OK)
        return refuse(E_NOMEM, "no contiguous %llu KiB of memory for " HV_FILE, plan->span / KiB);
    elf_place(plan, file, block);
    memory_free(file);
    info->hv_base = (u64)block;
    info->hv_size = plan->span;
    info->hv_virt = plan->virt;
    return OK;
}

/* ------------------------------------------------------------ mappings */

static void add(struct mapping m)
{
    if (m.len != 0)
        mappings[mapping_count++] = m;
}

/* RAM is mapped for reading and writing; the page of the jump is mapped for executing. */
static void add_ram(u64 base, u64 end, u64 jump)
{
    u64 page = ALIGN_DOWN(jump, PAGE_SIZE);

    if (page < base || page >= end) {
        add((struct mapping){.virt = base, .phys = base, .len = end - base, .writable = true});
        return;
    }
    add((struct mapping){.virt = base, .phys = base, .len = page - base, .writable = true});
    add((struct mapping){.virt = page, .phys = page, .len = PAGE_SIZE, .executable = true});
    page += PAGE_SIZE;
    add((struct mapping){.virt = page, .phys = page, .len = end - page, .writable = true});
}

static void add_all_ram(const struct boot_info *info, u64 jump)
{
    u64 base = 0, end = 0;

    for (u32 i = 0; i < info->mem_count; i++) {
        const struct boot_mem *r = &info->mem[i];

        if (!memmap_is_ram(r))
            continue;
        if (r->base != end) {
            add_ram(base, end, jump);
            base = r->base;
        }
        end = r->base + r->len;
    }
    add_ram(base, end, jump);
}

static void add_screen(const struct boot_fb *fb)
{
    const u64 base = ALIGN_DOWN(fb->base, PAGE_SIZE);

    if (fb->format != BOOT_FB_NONE)
        add((struct mapping){.virt = base,
                             .phys = base,
                             .len = ALIGN_UP(fb->base + fb->size, PAGE_SIZE) - base,
                             .writable = true,
                             .device = true});
}

static void add_segments(const struct elf_plan *plan, u64 hv_base)
{
    for (u32 i = 0; i < plan->count; i++) {
        const struct elf_segment *s = &plan->segment[i];

        add((struct mapping){.virt = s->virt,
                             .phys = hv_base + (s->virt - plan->virt),
                             .len = ALIGN_UP(s->mem_size, PAGE_SIZE),
                             .writable = s->writable,
                             .executable = s->executable});
    }
}

err_t hypervisor_map(struct boot_info *info, const struct elf_plan *plan, u64 jump)
{
    const bool gib_pages = cpuid(CPUID_LEAF_EXTENDED + 1, 0).edx & CPUID_80000001_EDX_1G;
    void *pool;

    mapping_count = 0;
    add_all_ram(info, jump);
    add_screen(&info->fb);
    add_segments(plan, info->hv_base);

    const u64 pages = tables_pages(mappings, mapping_count, gib_pages);

    if (memory_alloc(pages * PAGE_SIZE, PAGE_SIZE, BOOT_MEM_LINTEL, &pool) != OK)
        return refuse(E_NOMEM, "no memory for page tables");
    memset(pool, 0, pages * PAGE_SIZE);
    if (tables_build(mappings, mapping_count, gib_pages, pool, pages, &info->tables_root) != OK)
        return refuse(E_INVAL, "the memory map contradicts itself (framebuffer in RAM?)");
    return OK;
}
