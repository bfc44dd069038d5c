/* The CPUID policy of this machine. */
#pragma once
#include "boot_info.h"

/* Fills info->cpuid; info->vmx and info->tsc_hz are known. */
void cpuid_read(struct boot_info *info);
