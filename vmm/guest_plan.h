/* Is a guest's plan one that may be applied?  The loader has made it of files that nobody vouches
 * for; nothing that it says is believed. */
#pragma once
#include "boot_info.h"
#include "vmm/vm.h"

/* All of [base, base + len), physical, is memory that the loader has filled for guests. */
bool guest_plan_is_loaders(const struct boot_info *info, u64 base, u64 len);

/* What is wrong with it, for the log, be it that the loader has refused the image; NULL: each byte
 * comes from the loader's memory for guests and
 * goes to RAM of vm's, none twice, and the registers make a VM entry. */
const char *guest_plan_fault(const struct guest_plan *plan, const struct vm *vm,
                             const struct boot_info *info);
