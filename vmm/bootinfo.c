/* What the loader told of this machine. */
#include "vmm/bootinfo.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/tsc.h"

static struct boot_info *boot;

void bootinfo_init(struct boot_info *info)
{
    boot = info;
}

const struct boot_info *bootinfo(void)
{
    return boot;
}

struct config_guest *bootinfo_place(u32 n)
{
    return &boot->config.guest[n];
}

u64 bootinfo_wall_time(void)
{
    return boot->wall_time + (rdtsc() - boot->wall_tsc) / tsc_hz;
}
