/* What the loader told of this machine. */
#pragma once
#include "boot_info.h"
#include "lib/types.h"

void bootinfo_init(struct boot_info *info);
const struct boot_info *bootinfo(void); /* NULL before bootinfo_init() */
/* Guest n of the configuration is none of lintel.conf's. */
static inline bool bootinfo_is_made(u32 n)
{
    return n >= bootinfo()->config.guest_count;
}
/* Its place there, for whoever makes it. */
struct config_guest *bootinfo_place(u32 n);
/* Seconds since 1970-01-01 UTC, now. */
u64 bootinfo_wall_time(void);
