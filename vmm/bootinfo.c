/* What the loader told of this machine. */
#include "vmm/bootinfo.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/tsc.h"
#include "lib/mem.h"

static const struct boot_info *boot;
static const struct boot_module *lent;

void bootinfo_init(const struct boot_info *info)
{
    boot = info;
}

const struct boot_info *bootinfo(void)
{
    return boot;
}

u64 bootinfo_wall_time(void)
{
    return boot->wall_time + (rdtsc() - boot->wall_tsc) / tsc_hz;
}

void bootinfo_lend_module(const struct boot_module *module)
{
    lent = module;
}

const struct boot_module *bootinfo_module(const char *path)
{
    if (lent && strcmp(lent->path, path) == 0)
        return lent;
    for (u32 i = 0; i < boot->module_count; i++)
        if (strcmp(boot->module[i].path, path) == 0)
            return &boot->module[i];
    return NULL;
}
