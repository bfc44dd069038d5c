/* CPUID leaf 0xd: sizes of what XSAVE saves, and no faith in a processor whose own do not add up.
 * Pure. */
#pragma once
#include "vmm/policy/cpuid.h"

#define XSAVE_LEGACY_SIZE (512u + 64u) /* bytes: the legacy region and the header */

/* Bytes that XSAVE (standard) or XSAVEC (compacted) needs for the components in `states`. */
u32 cpuid_xsave_bytes(const struct cpuid_policy *p, u64 states, bool compacted);

/* When all leaves are there: takes back what the processor cannot be trusted with.  host_xcr0:
 * XCR0 | IA32_XSS when they were read. */
void cpuid_check_xsave(struct cpuid_policy *p, u64 host_xcr0);
