/* CPUID leaf 0xd: no faith in a processor whose sizes do not add up.  Pure. */
#pragma once
#include "boot/cpuid_table.h"

/* When all leaves are there: takes back what the processor cannot be trusted with. */
void cpuid_check_xsave(struct cpuid_policy *p, const struct cpuid_source *s);
