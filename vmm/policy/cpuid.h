/* The CPUID policy: what a guest's processor says of itself.  Pure: the host's leaves come
 * through a reader.  Answers are computed once per guest; only the few leaves that mirror
 * CR4, XCR0 or IA32_APIC_BASE are touched up when asked. */
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
    struct cpuid_leaf kvm[2]; /* empty: there is no paravirtual interface */
    u32 kvm_features;         /* KVM_FEATURE_*: its MSRs are there by these */
    const struct cpuid_answer *plain[CPUID_BASIC_MAX]; /* basic leaves of one entry, static */
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
    u32 host_compacted;   /* what the host says of its own compacted size */
};

/* The state that live leaves mirror, of the processor that executes CPUID. */
struct cpuid_view {
    u64 cr4, xcr0;
    u32 apic_id;   /* as it was at reset, 0 to 254 */
    bool apic_off; /* by IA32_APIC_BASE */
};

struct cpuid_source {
    struct cpuid_answer (*read)(void *ctx, u32 leaf, u32 subleaf);
    void *ctx;
    u32 cpus; /* the guest's, at least 1 */
    u64 tsc_hz;
    u64 host_xcr0;                /* XCR0 | IA32_XSS while read() is called */
    bool rdtscp, invpcid, xsaves; /* the VMX controls that let a guest execute them are on */
    bool paravirt;                /* the guest gets KVM's paravirtual interface (abi/kvm.h) ... */
    bool pv_eoi;                  /* ... with its EOIs: the processor has nothing better */
};

/* What a guest sees of a leaf: the host's bits that the masks keep, after the fix-up. */
struct cpuid_row {
    u32 leaf;
    u8 first_sub, last_sub;
    u8 live; /* enum cpuid_live */
    u32 eax, ebx, ecx, edx;
    void (*fix)(struct cpuid_policy *p, const struct cpuid_source *s, u32 subleaf,
                struct cpuid_answer *a);
    const char *name;
};

/* The rows, for tests and documents: NULL after the last. */
const struct cpuid_row *cpuid_row(u32 index);

void cpuid_policy_build(struct cpuid_policy *p, const struct cpuid_source *source);

/* The short way: NULL if the leaf has subleaves or a live part, or is no basic leaf. */
static inline const struct cpuid_answer *cpuid_find_plain(const struct cpuid_policy *p, u32 leaf)
{
    return likely(leaf < CPUID_BASIC_MAX) ? p->plain[leaf] : NULL;
}

/* What CPUID returns for EAX=leaf, ECX=subleaf.  *live tells which part cpuid_touch_up() must add.
 */
const struct cpuid_answer *cpuid_find(const struct cpuid_policy *p, u32 leaf, u32 subleaf,
                                      u32 *live);
void cpuid_touch_up(const struct cpuid_policy *p, u32 live, const struct cpuid_view *view,
                    struct cpuid_answer *answer);
