/* The guests' files; see modules.h. */
#include "boot/modules.h"
#include "boot/console.h"
#include "boot/file.h"
#include "boot/memory.h"
#include "lib/mem.h"

#define MODULE_SIZE_MAX (64 * GiB)

static bool known(const struct boot_info *info, const char *path)
{
    for (u32 i = 0; i < info->module_count; i++)
        if (strcmp(info->module[i].path, path) == 0)
            return true;
    return false;
}

static err_t find(struct boot_info *info, const char *path, u64 *total)
{
    struct boot_module *m;

    if (path[0] == '\0' || known(info, path))
        return OK;
    if (info->module_count == BOOT_MODULES_MAX)
        return refuse(E_RANGE, "lintel.conf names more than %u different files", BOOT_MODULES_MAX);
    m = &info->module[info->module_count++];
    memcpy(m->path, path, strnlen(path, sizeof(m->path) - 1));

    const err_t err = file_size(path, MODULE_SIZE_MAX, &m->size);

    if (err == OK)
        *total += ALIGN_UP(m->size, PAGE_SIZE);
    return err;
}

err_t modules_find(struct boot_info *info, u64 *total)
{
    err_t first = OK;

    *total = 0;
    for (u32 i = 0; i < info->config.guest_count; i++) {
        const struct config_guest *g = &info->config.guest[i];
        const char *paths[2 + CONFIG_GUEST_MODULES] = {g->kernel, g->initrd};

        for (u32 m = 0; m < g->module_count; m++)
            paths[2 + m] = g->module[m].path;
        for (u32 p = 0; p < 2 + g->module_count; p++) {
            const err_t err = find(info, paths[p], total);

            if (first == OK)
                first = err;
            if (err == E_RANGE)
                return err;
        }
    }
    return first;
}

err_t modules_load(struct boot_info *info)
{
    for (u32 i = 0; i < info->module_count; i++) {
        struct boot_module *m = &info->module[i];
        void *data;

        TRY(file_load(m->path, MODULE_SIZE_MAX, BOOT_MEM_MODULE, &data, &m->size));
        m->base = (u64)data;
    }
    return OK;
}
