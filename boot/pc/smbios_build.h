/* The SMBIOS tables that a guest sees: the 64-bit entry point and the structures of DMTF DSP0134,
 * "System Management BIOS (SMBIOS) Reference Specification", version 3.0.  Pure. */
#pragma once
#include "lib/types.h"

/* The entry point comes first; kernels look for it in 0xf0000-0xfffff on 16-byte boundaries. */
#define SMBIOS_GUEST_BASE 0xf0000ull
#define SMBIOS_GUEST_SIZE 0x1000ull
#define SMBIOS_RAMS_MAX   2u

struct smbios_guest {
    u32 cpus;                /* the cores of its one processor, 1 to CONFIG_VCPUS_MAX */
    u32 signature, features; /* its CPUID leaf 1: EAX and EDX */
    u64 tsc_hz;
    u32 rams; /* 1 to SMBIOS_RAMS_MAX */
    struct {
        u64 base, len; /* guest-physical, bytes; multiples of 1 MiB */
    } ram[SMBIOS_RAMS_MAX];
};

/* Fills buf (which will be at SMBIOS_GUEST_BASE); returns bytes used, 0 if size is too small or
 * the guest is out of bounds.  The UUID is not set: the same configuration on another machine
 * would give the same. */
size_t smbios_build(u8 *buf, size_t size, const struct smbios_guest *guest);
