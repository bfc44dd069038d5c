/* The laboratory: hv.elf measures the machine and gives it back; the result goes into a file. */
#pragma once
#include "boot/elf_load.h"
#include "boot/firmware.h"
#include "boot_info.h"

/* hv.elf is loaded.  Takes the laboratory's memory and makes info->mem and info->tables_root. */
err_t lab_prepare(struct boot_info *info, const struct elf_plan *plan);
/* Runs it, saves the result, and ends the machine as lintel.conf says.  Returns for the firmware
 * only, with the application's memory given back. */
EFI_STATUS lab_session(struct boot_info *info, const struct elf_plan *plan, u64 stack);
