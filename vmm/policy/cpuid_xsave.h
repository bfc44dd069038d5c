/* CPUID leaf 0xd: sizes of what XSAVE saves.  Pure. */
#pragma once
#include "cpuid_policy.h"

#define XSAVE_LEGACY_SIZE (512u + 64u) /* bytes: the legacy region and the header */

/* Bytes that XSAVE (standard) or XSAVEC (compacted) needs for the components in `states`. */
u32 cpuid_xsave_bytes(const struct cpuid_policy *p, u64 states, bool compacted);
