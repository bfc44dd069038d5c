/* What a guest's processor says of itself: the loader works it out of what this machine's says
 * (boot/cpuid_table.c), hv.elf adds what a guest's configuration and state change
 * (vmm/policy/cpuid.c). */
#pragma once
#include "lib/types.h"

struct cpuid_answer {
    u32 eax, ebx, ecx, edx;
};

#define CPUID_BASIC_MAX    0x20u /* leaves 0 .. 0x1f are looked at */
#define CPUID_EXTENDED_MAX 0x09u /* 0x80000000 .. 0x80000008 */
#define CPUID_ENTRIES_MAX  128u
#define CPUID_LINTEL_BASE  0x40000000u

/* What must be put in when the guest asks, because the guest can change it, or each of its
 * processors has its own. */
enum cpuid_live {
    CPUID_STATIC,
    CPUID_LIVE_FEATURES, /* OSXSAVE, APIC, and the initial APIC ID */
    CPUID_LIVE_OSPKE,
    CPUID_LIVE_XSAVE,
    CPUID_LIVE_XSAVES,
    CPUID_LIVE_X2APIC_ID
};

/* Where a leaf's subleaves lie in entry[]. */
struct cpuid_leaf {
    u8 first, count; /* count 0: the leaf is not there */
    u8 live;         /* enum cpuid_live, of subleaf 0 (of 1 for XSAVES, of all for X2APIC_ID) */
};

struct cpuid_policy {
    struct cpuid_leaf basic[CPUID_BASIC_MAX];
    struct cpuid_leaf extended[CPUID_EXTENDED_MAX];
    struct cpuid_leaf lintel[2];
    struct cpuid_leaf kvm[2];
    u32 kvm_features; /* KVM_FEATURE_*: its MSRs are there by these; 0: it is not there */
    const struct cpuid_answer
        *plain[CPUID_BASIC_MAX]; /* basic leaves of one entry, static; hv.elf's */
    u32 max_basic;
    u32 entries;
    struct cpuid_answer entry[CPUID_ENTRIES_MAX];
    u64 xcr0_mask;        /* what XSETBV may set */
    u64 cr4_mask;         /* CR4 bits that the guest may set */
    u8 phys_bits;         /* MAXPHYADDR */
    bool has_1g;          /* 1-GByte pages */
    u32 xsave_size[64];   /* bytes: component i's size ... */
    u32 xsave_offset[64]; /* ... and its offset in the standard format */
    u64 xsave_aligned;    /* components that the compacted format aligns to 64 bytes */
};
