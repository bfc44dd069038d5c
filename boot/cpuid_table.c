/* THE CPUID table: which bits of the machine's answer a guest sees, per leaf.  A bit that is
 * not named here is 0; a leaf that is not here is empty.  Pure.
 * SDM Vol. 2A, "CPUID -- CPU Identification". */
#include "boot/cpuid_table.h"
#include "abi/kvm.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/cr.h"
#include "boot/cpuid_xsave.h"
#include "lib/mem.h"
#include "pc.h"
#include "vmm/policy/cpuid_xsave.h"

#define ALL       0xffffffffu
#define MAX_BASIC 0x16u

#define KEEP_1_ECX                                                                                 \
    (CPUID_1_ECX_SSE3 | CPUID_1_ECX_PCLMULQDQ | CPUID_1_ECX_SSSE3 | CPUID_1_ECX_FMA |              \
     CPUID_1_ECX_CMPXCHG16B | CPUID_1_ECX_PCID | CPUID_1_ECX_SSE4_1 | CPUID_1_ECX_SSE4_2 |         \
     CPUID_1_ECX_MOVBE | CPUID_1_ECX_POPCNT | CPUID_1_ECX_AESNI | CPUID_1_ECX_XSAVE |              \
     CPUID_1_ECX_AVX | CPUID_1_ECX_F16C | CPUID_1_ECX_RDRAND)
#define KEEP_7_EBX                                                                                 \
    (CPUID_7_EBX_FSGSBASE | CPUID_7_EBX_TSC_ADJUST | CPUID_7_EBX_BMI1 | CPUID_7_EBX_AVX2 |         \
     CPUID_7_EBX_FDP_EXCPTN_ONLY | CPUID_7_EBX_SMEP | CPUID_7_EBX_BMI2 | CPUID_7_EBX_ERMS |        \
     CPUID_7_EBX_INVPCID | CPUID_7_EBX_FCS_FDS_DEPRECATED | CPUID_7_EBX_AVX512F |                  \
     CPUID_7_EBX_AVX512DQ | CPUID_7_EBX_RDSEED | CPUID_7_EBX_ADX | CPUID_7_EBX_SMAP |              \
     CPUID_7_EBX_AVX512_IFMA | CPUID_7_EBX_CLFLUSHOPT | CPUID_7_EBX_CLWB | CPUID_7_EBX_AVX512CD |  \
     CPUID_7_EBX_SHA | CPUID_7_EBX_AVX512BW | CPUID_7_EBX_AVX512VL)
#define KEEP_7_ECX                                                                                 \
    (CPUID_7_ECX_AVX512_VBMI | CPUID_7_ECX_UMIP | CPUID_7_ECX_PKU | CPUID_7_ECX_AVX512_VBMI2 |     \
     CPUID_7_ECX_GFNI | CPUID_7_ECX_VAES | CPUID_7_ECX_VPCLMULQDQ | CPUID_7_ECX_AVX512_VNNI |      \
     CPUID_7_ECX_AVX512_BITALG | CPUID_7_ECX_AVX512_VPOPCNTDQ | CPUID_7_ECX_RDPID)
#define KEEP_7_EDX  (CPUID_7_EDX_FSRM | CPUID_7_EDX_MD_CLEAR)
#define KEEP_71_EAX (CPUID_7_1_EAX_AVX_VNNI | CPUID_7_1_EAX_AVX512_BF16)
#define KEEP_81_ECX                                                                                \
    (CPUID_80000001_ECX_LAHF | CPUID_80000001_ECX_LZCNT | CPUID_80000001_ECX_PREFETCHW)
#define KEEP_81_EDX                                                                                \
    (CPUID_80000001_EDX_SYSCALL | CPUID_80000001_EDX_NX | CPUID_80000001_EDX_1G |                  \
     CPUID_80000001_EDX_RDTSCP | CPUID_80000001_EDX_LM)
#define XCR0_AVX512 (XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)
#define KVM_FEATURES                                                                               \
    (KVM_FEATURE_NOP_IO_DELAY | KVM_FEATURE_CLOCKSOURCE2 | KVM_FEATURE_STEAL_TIME |                \
     KVM_FEATURE_CLOCKSOURCE_STABLE_BIT)
#define KEEP_XCR0 (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512 | XCR0_PKRU)

static void fix_max_basic(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                          struct cpuid_answer *a);
static void fix_signature(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                          struct cpuid_answer *a);
static void fix_caches(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                       struct cpuid_answer *a);
static void fix_power(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                      struct cpuid_answer *a);
static void fix_features_7(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                           struct cpuid_answer *a);
static void fix_topology(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                         struct cpuid_answer *a);
static void fix_xsave(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                      struct cpuid_answer *a);
static void fix_tsc_ratio(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                          struct cpuid_answer *a);
static void fix_frequency(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                          struct cpuid_answer *a);
static void fix_hypervisor(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                           struct cpuid_answer *a);
static void fix_max_extended(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                             struct cpuid_answer *a);
static void fix_features_81(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                            struct cpuid_answer *a);
static void fix_widths(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                       struct cpuid_answer *a);

// clang-format off
static const struct cpuid_row rows[] = {
/* leaf        subleaves live               EAX          EBX         ECX          EDX          fix-up            what */
{ 0x00000000,  0, 0,   CPUID_STATIC,       0,           ALL,        ALL,         ALL,         fix_max_basic,    "vendor" },
{ 0x00000001,  0, 0,   CPUID_LIVE_FEATURES, ALL,         0x0000ffff, KEEP_1_ECX,  PC_1_EDX,    fix_signature,    "signature, features" },
{ 0x00000002,  0, 0,   CPUID_STATIC,       ALL,         ALL,        ALL,         ALL,         NULL,             "cache descriptors" },
{ 0x00000004,  0, 4,   CPUID_STATIC,       0x3fff,      ALL,        ALL,         ALL,         fix_caches,       "caches: cores share L3 alone" },
{ 0x00000006,  0, 0,   CPUID_STATIC,       0,           0,          0,           0,           fix_power,        "power: the APIC timer never stops" },
{ 0x00000007,  0, 1,   CPUID_LIVE_OSPKE,   KEEP_71_EAX, KEEP_7_EBX, KEEP_7_ECX,  KEEP_7_EDX,  fix_features_7,   "extended features" },
{ 0x0000000b,  0, 2,   CPUID_LIVE_X2APIC_ID, 0,           0,          0,           0,           fix_topology,     "topology: a core for each vCPU" },
{ 0x0000000d,  0, 63,  CPUID_LIVE_XSAVE,   ALL,         ALL,        ALL,         ALL,         fix_xsave,        "extended state" },
{ 0x00000015,  0, 0,   CPUID_STATIC,       0,           0,          0,           0,           fix_tsc_ratio,    "TSC / crystal, made true" },
{ 0x00000016,  0, 0,   CPUID_STATIC,       0,           0,          0,           0,           fix_frequency,    "core MHz, made true" },
{ 0x40000000,  0, 0,   CPUID_STATIC,       0,           0,          0,           0,           fix_hypervisor,   "who runs this guest" },
{ 0x40000001,  0, 0,   CPUID_STATIC,       0,           0,          0,           0,           fix_hypervisor,   "its interface" },
{ 0x40000100,  0, 0,   CPUID_STATIC,       0,           0,          0,           0,           fix_hypervisor,   "KVM's interface; not with paravirt = off" },
{ 0x40000101,  0, 0,   CPUID_STATIC,       0,           0,          0,           0,           fix_hypervisor,   "what there is of it" },
{ 0x80000000,  0, 0,   CPUID_STATIC,       0,           ALL,        ALL,         ALL,         fix_max_extended, "highest extended leaf" },
{ 0x80000001,  0, 0,   CPUID_STATIC,       ALL,         0,          KEEP_81_ECX, KEEP_81_EDX, fix_features_81,  "extended signature, features" },
{ 0x80000002,  0, 0,   CPUID_STATIC,       ALL,         ALL,        ALL,         ALL,         NULL,             "brand string" },
{ 0x80000003,  0, 0,   CPUID_STATIC,       ALL,         ALL,        ALL,         ALL,         NULL,             "brand string" },
{ 0x80000004,  0, 0,   CPUID_STATIC,       ALL,         ALL,        ALL,         ALL,         NULL,             "brand string" },
{ 0x80000006,  0, 0,   CPUID_STATIC,       ALL,         ALL,        ALL,         ALL,         NULL,             "L2 cache" },
{ 0x80000007,  0, 0,   CPUID_STATIC,       0,           0,          0,           BIT32(8),    NULL,             "invariant TSC" },
{ 0x80000008,  0, 0,   CPUID_STATIC,       0xffff,      0,          0,           0,           fix_widths,       "address widths" },
};
// clang-format on
/* A leaf without a row reads as zeros up to the maximum; above it, as the highest basic leaf. */

static void fix_max_basic(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                          struct cpuid_answer *a)
{
    (void)s, (void)sub;
    a->eax = p->max_basic;
}

static void fix_signature(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                          struct cpuid_answer *a)
{
    static const struct {
        u32 edx, ecx;
        u64 cr4;
    } cr4_bits[] = {
        {CPUID_1_EDX_VME, 0, CR4_VME | CR4_PVI},
        {CPUID_1_EDX_TSC, 0, CR4_TSD},
        {CPUID_1_EDX_DE, 0, CR4_DE},
        {CPUID_1_EDX_PSE, 0, CR4_PSE},
        {CPUID_1_EDX_PAE, 0, CR4_PAE},
        {CPUID_1_EDX_PGE, 0, CR4_PGE},
        {CPUID_1_EDX_FXSR, 0, CR4_OSFXSR},
        {CPUID_1_EDX_SSE, 0, CR4_OSXMMEXCPT},
        {0, CPUID_1_ECX_PCID, CR4_PCIDE},
        {0, CPUID_1_ECX_XSAVE, CR4_OSXSAVE},
    };

    (void)s, (void)sub;
    a->ecx |= CPUID_1_ECX_HYPERVISOR;
    a->ecx |= CPUID_1_ECX_X2APIC | CPUID_1_ECX_TSC_DEADLINE; /* a model, as the local APIC */
    p->cr4_mask |= CR4_PCE;
    for (size_t i = 0; i < ARRAY_LEN(cr4_bits); i++)
        if ((a->edx & cr4_bits[i].edx) || (a->ecx & cr4_bits[i].ecx))
            p->cr4_mask |= cr4_bits[i].cr4;
}

static void fix_caches(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                       struct cpuid_answer *a)
{
    (void)p, (void)s, (void)sub;
    if ((a->eax & 0x1f) == 0) /* no more caches */
        *a = (struct cpuid_answer){0};
}

static void fix_power(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                      struct cpuid_answer *a)
{
    (void)p, (void)s, (void)sub;
    a->eax = CPUID_6_EAX_ARAT;
}

static void fix_features_7(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                           struct cpuid_answer *a)
{
    static const struct {
        u32 ebx, ecx;
        u64 cr4;
    } cr4_bits[] = {
        {CPUID_7_EBX_FSGSBASE, 0, CR4_FSGSBASE}, {CPUID_7_EBX_SMEP, 0, CR4_SMEP},
        {CPUID_7_EBX_SMAP, 0, CR4_SMAP},         {0, CPUID_7_ECX_UMIP, CR4_UMIP},
        {0, CPUID_7_ECX_PKU, CR4_PKE},
    };

    if (sub > 0) {
        *a = (struct cpuid_answer){.eax = a->eax};
        return;
    }
    a->eax = 1;                       /* the highest subleaf */
    a->ebx |= CPUID_7_EBX_TSC_ADJUST; /* the MSR is emulated, whatever the processor has */
    if (!s->invpcid)
        a->ebx &= ~(u32)CPUID_7_EBX_INVPCID;
    if (!s->rdtscp)
        a->ecx &= ~(u32)CPUID_7_ECX_RDPID;
    for (size_t i = 0; i < ARRAY_LEN(cr4_bits); i++)
        if ((a->ebx & cr4_bits[i].ebx) || (a->ecx & cr4_bits[i].ecx))
            p->cr4_mask |= cr4_bits[i].cr4;
}

/* Of a guest's own, which vmm/policy/cpuid_topology.c puts in. */
static void fix_topology(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                         struct cpuid_answer *a)
{
    (void)p, (void)s;
    *a = (struct cpuid_answer){.ecx = sub};
}

static void fix_xsave(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                      struct cpuid_answer *a)
{
    if (sub == 0) {
        p->xcr0_mask = ((u64)a->edx << 32 | a->eax) & KEEP_XCR0;
        if ((p->xcr0_mask & XCR0_AVX512) != XCR0_AVX512)
            p->xcr0_mask &= ~(u64)XCR0_AVX512;
        a->eax = (u32)p->xcr0_mask;
        a->edx = (u32)(p->xcr0_mask >> 32);
        a->ebx = XSAVE_LEGACY_SIZE; /* live; ECX: when all components are known */
    } else if (sub == 1) {
        a->eax &= CPUID_D_1_EAX_XSAVEOPT | CPUID_D_1_EAX_XSAVEC | CPUID_D_1_EAX_XGETBV_1 |
                  (s->xsaves ? (u32)CPUID_D_1_EAX_XSAVES : 0u);
        a->ebx = a->ecx = a->edx = 0; /* no supervisor states */
    } else {
        p->xsave_size[sub] = a->eax;
        p->xsave_offset[sub] = a->ebx;
        p->xsave_aligned |= a->ecx & 2 ? BIT(sub) : 0;
        if (!(p->xcr0_mask & BIT(sub))) {
            *a = (struct cpuid_answer){0};
            return;
        }
        a->ecx &= 2; /* aligned in the compacted format; never a supervisor state */
        a->edx = 0;
    }
}

static void fix_tsc_ratio(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                          struct cpuid_answer *a)
{
    (void)p, (void)sub;
    if (s->tsc_hz <= ALL) { /* the "crystal" is the TSC itself; ECX holds up to 4.29 GHz */
        a->eax = a->ebx = 1;
        a->ecx = (u32)s->tsc_hz;
    } else {
        a->eax = 1;
        a->ebx = 4;
        a->ecx = (u32)(s->tsc_hz / 4);
    }
}

static void fix_frequency(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                          struct cpuid_answer *a)
{
    (void)p, (void)sub;
    a->eax = a->ebx = (u32)((s->tsc_hz + 500000) / 1000000);
}

/* The first leaf of an interface: its last leaf and its 12 characters. */
static void sign(struct cpuid_answer *a, u32 last, const char *name)
{
    a->eax = last;
    memcpy(&a->ebx, name, 4);
    memcpy(&a->ecx, name + 4, 4);
    memcpy(&a->edx, name + 8, 4);
}

/* Its rows follow each other: which of them is made is seen from those that are there. */
static void fix_hypervisor(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                           struct cpuid_answer *a)
{
    (void)s, (void)sub;
    if (p->lintel[0].count == 0)
        sign(a, CPUID_LINTEL_BASE + 1, "LintelLintel");
    else if (p->lintel[1].count == 0)
        a->eax = 1; /* hypercall interface version: include/abi/hypercalls.def */
    else if (p->kvm[0].count == 0)
        sign(a, KVM_CPUID_FEATURES, KVM_SIGNATURE);
    else
        p->kvm_features = a->eax = KVM_FEATURES;
}

static void fix_max_extended(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                             struct cpuid_answer *a)
{
    (void)p, (void)s, (void)sub;
    a->eax = 0x80000000u + CPUID_EXTENDED_MAX - 1;
}

static void fix_features_81(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                            struct cpuid_answer *a)
{
    (void)sub;
    p->has_1g = a->edx & CPUID_80000001_EDX_1G;
    if (!s->rdtscp)
        a->edx &= ~(u32)CPUID_80000001_EDX_RDTSCP;
}

static void fix_widths(struct cpuid_policy *p, const struct cpuid_source *s, u32 sub,
                       struct cpuid_answer *a)
{
    (void)s, (void)sub;
    if (a->eax == 0) /* SDM Vol. 3A, "CPUID MAXPHYADDR": without the leaf, 36 bits */
        a->eax = 48u << 8 | 36;
    p->phys_bits = (u8)a->eax;
}

const struct cpuid_row *cpuid_row(u32 index)
{
    return index < ARRAY_LEN(rows) ? &rows[index] : NULL;
}

static struct cpuid_leaf *leaf_of(struct cpuid_policy *p, u32 leaf)
{
    if (leaf < CPUID_BASIC_MAX)
        return &p->basic[leaf];
    if (leaf - CPUID_LINTEL_BASE < ARRAY_LEN(p->lintel))
        return &p->lintel[leaf - CPUID_LINTEL_BASE];
    if (leaf - KVM_CPUID_SIGNATURE < ARRAY_LEN(p->kvm))
        return &p->kvm[leaf - KVM_CPUID_SIGNATURE];
    return &p->extended[leaf - 0x80000000u];
}

/* Whether the host has the leaf; reading beyond its maximum gives some other leaf's data. */
static bool host_has(const struct cpuid_source *s, u32 leaf)
{
    return leaf <= s->read(s->ctx, leaf & 0x80000000u, 0).eax;
}

void cpuid_policy_build(struct cpuid_policy *p, const struct cpuid_source *s)
{
    *p = (struct cpuid_policy){.max_basic = MAX_BASIC, .xcr0_mask = XCR0_X87};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct cpuid_row *row = &rows[i];
        struct cpuid_leaf *leaf = leaf_of(p, row->leaf);
        const u32 first = p->entries;

        leaf->first = (u8)first;
        leaf->live = row->live;
        for (u32 sub = row->first_sub; sub <= row->last_sub; sub++) {
            struct cpuid_answer a = {0};

            if ((row->eax | row->ebx | row->ecx | row->edx) && host_has(s, row->leaf))
                a = s->read(s->ctx, row->leaf, sub);
            a.eax &= row->eax;
            a.ebx &= row->ebx;
            a.ecx &= row->ecx;
            a.edx &= row->edx;
            if (row->fix)
                row->fix(p, s, sub, &a);
            p->entry[p->entries++] = a;
        }
        leaf->count = (u8)(p->entries - first);
    }
    cpuid_check_xsave(p, s);
}
