/* What the loader told of this machine. */
#include "vmm/bootinfo.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/tsc.h"

static const struct boot_info *boot;

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
