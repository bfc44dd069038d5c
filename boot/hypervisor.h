/* hv.elf: from the boot volume into memory, with the page tables that it starts on. */
#pragma once
#include "boot/elf_load.h"
#include "boot_info.h"

/* Reads and judges hv.elf and places its segments in one block; fills info->hv_*. */
err_t hypervisor_load(struct boot_info *info, struct elf_plan *plan);
/* Maps all RAM of info->mem and the framebuffer at their physical addresses and hv.elf at its
 * linked one; fills info->tables_root.  Only the page of `jump`, handoff() or lab_call(), is mapped
 * for executing. */
err_t hypervisor_map(struct boot_info *info, const struct elf_plan *plan, u64 jump);
