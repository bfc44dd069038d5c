/* See control_file.h. */
#include "boot/control_file.h"
#include "boot/console.h"
#include "boot/elf_load.h"
#include "boot/file.h"
#include "boot/memory.h"

#define CONTROL_FILE_MAX (64 * MiB)

err_t control_file_find(const struct boot_info *info, u64 *total)
{
    u64 size;

    if (info->config.control[0] == '\0')
        return OK;
    TRY(file_size(info->config.control, CONTROL_FILE_MAX, &size));
    *total += ALIGN_UP(size, PAGE_SIZE);
    return OK;
}

err_t control_file_load(struct boot_info *info)
{
    const char *const path = info->config.control;
    static struct elf_plan plan;
    const char *reason;
    void *file, *block;
    u64 size;

    if (path[0] == '\0')
        return OK;
    TRY(file_load(path, CONTROL_FILE_MAX, BOOT_MEM_USABLE, &file, &size));
    if (elf_plan(file, size, &plan, &reason) != OK)
        return refuse(E_INVAL, "%s: %s; copy control.elf of this release", path, reason);
    if (memory_alloc(plan.span, PAGE_SIZE, BOOT_MEM_MODULE, &block) != OK)
        return refuse(E_NOMEM, "no contiguous %llu KiB of memory for %s", plan.span / KiB, path);
    elf_place(&plan, file, block);
    memory_free(file);
    info->control_base = (u64)block;
    info->control_size = plan.span;
    info->control_entry = plan.entry - plan.virt;
    return OK;
}
