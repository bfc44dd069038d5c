/* Processors for test_mitigation.c: what each enumerates, and the plan that must come out.  `OLD`
 * is a processor with the microcode that it was made with. */
#pragma once
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/msr.h"
#include "boot/models.h"
#include "vmx/mitigation.h"

#define IBRS     CPUID_7_EDX_IBRS_IBPB
#define MD_CLEAR CPUID_7_EDX_MD_CLEAR
#define L1D      CPUID_7_EDX_L1D_FLUSH
#define SRBDS    CPUID_7_EDX_SRBDS_CTRL
#define CAPS     CPUID_7_EDX_ARCH_CAPABILITIES
#define RTM      CPUID_7_EBX_RTM
#define BHI_CTRL CPUID_7_2_EDX_BHI_CTRL
/* All microcode for cores before enhanced IBRS. */
#define NEW     (IBRS | MD_CLEAR | L1D)

#define V(name) BIT32(VULN_##name)

/* IA32_ARCH_CAPABILITIES of generations. */
#define CAPS_SKYLAKE (ARCH_CAP_RSBA | ARCH_CAP_FB_CLEAR | ARCH_CAP_GDS_CTRL)
#define CAPS_CASCADE                                                                               \
    (ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL | ARCH_CAP_SKIP_L1DFL_VMENTRY | ARCH_CAP_MDS_NO)
#define CAPS_CASCADE_NEW (CAPS_CASCADE | ARCH_CAP_TSX_CTRL | ARCH_CAP_FB_CLEAR | ARCH_CAP_GDS_CTRL)
#define CAPS_ICE         (CAPS_CASCADE | ARCH_CAP_IF_PSCHANGE_MC_NO | ARCH_CAP_TAA_NO)
#define CAPS_ICE_NEW     (CAPS_ICE | ARCH_CAP_FB_CLEAR | ARCH_CAP_GDS_CTRL)
#define CAPS_MMIO_NO     (ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO | ARCH_CAP_PSDP_NO)
#define CAPS_ALDER       (CAPS_ICE | CAPS_MMIO_NO | ARCH_CAP_GDS_NO)
#define CAPS_RAPIDS      (CAPS_ALDER | ARCH_CAP_RFDS_NO)

/* Plans. */
#define RSB      MITIGATE_RSB
#define VERW     MITIGATE_VERW
#define FLUSH    MITIGATE_L1D_FLUSH
#define LOOP     MITIGATE_BHB_LOOP
#define EPT      MITIGATE_EPT_4K
#define SMT      MITIGATE_SMT_WARN
#define DIS_S    MITIGATE_BHI_DIS_S
#define BY_IBRS  (MITIGATE_IBRS | MITIGATE_IBPB | RSB)
#define BY_EIBRS (MITIGATE_EIBRS | MITIGATE_IBPB)

/* One of them: what CPUID says of its model, and the rest. */
struct subject {
    u32 signature;
    bool hypervisor;
    struct mitigation_cpu bits;
};

// clang-format off
static const struct cpu_case {
    const char *name;
    struct subject cpu;
    u32 flags;
    u16 open;
} cpus[] = {
/* Of family 6. */
#define SIGNATURE(m, s) (((m) >> 4) << 16 | 6u << 8 | ((m) & 0xf) << 4 | (s))
#define INTEL(m, s, ebx, edx, edx2, caps)                                                          \
    {.signature = SIGNATURE(m, s), .bits = {.leaf7_ebx = (ebx),                                    \
     .leaf7_edx = (edx) | ((caps) ? CAPS : 0), .leaf7_2_edx = (edx2), .arch_caps = (caps)}}
#define OLD_INTEL(m, s) INTEL(m, s, 0, 0, 0, 0)
    {"Nehalem i7-920, OLD",          OLD_INTEL(0x1a, 5),   RSB | EPT, V(L1TF) | V(MDS) | V(BTI)},
    {"Nehalem i7-920",               INTEL(0x1a, 5, 0, IBRS | L1D, 0, 0), BY_IBRS | EPT | FLUSH, V(MDS)},
    {"Westmere X5650",               INTEL(0x2c, 2, 0, IBRS | L1D, 0, 0), BY_IBRS | EPT | FLUSH, V(MDS)},
    {"Sandy Bridge 2600K, OLD",      OLD_INTEL(0x2a, 7),   RSB | EPT, V(L1TF) | V(MDS) | V(BTI)},
    {"Sandy Bridge 2600K",           INTEL(0x2a, 7, 0, NEW, 0, 0),        BY_IBRS | EPT | FLUSH | VERW, 0},
    {"Sandy Bridge-EP E5-2670",      INTEL(0x2d, 7, 0, NEW, 0, 0),        BY_IBRS | EPT | FLUSH | VERW, 0},
    {"Ivy Bridge 3770K",             INTEL(0x3a, 9, 0, NEW | SRBDS, 0, 0), BY_IBRS | EPT | FLUSH | VERW, 0},
    {"Ivy Bridge 3770K, before SRBDS", INTEL(0x3a, 9, 0, NEW, 0, 0),      BY_IBRS | EPT | FLUSH | VERW, V(SRBDS)},
    {"Ivy Bridge-EP E5-2690 v2",     INTEL(0x3e, 4, 0, NEW, 0, 0),        BY_IBRS | EPT | FLUSH | VERW, 0},
    {"Haswell i7-4770, OLD",         OLD_INTEL(0x3c, 3),   RSB | EPT, V(L1TF) | V(MDS) | V(BTI) | V(SRBDS)},
    {"Haswell i7-4770, TSX on, 2018", INTEL(0x3c, 3, RTM, IBRS | L1D, 0, 0), BY_IBRS | EPT | FLUSH, V(MDS) | V(TAA) | V(SRBDS)},
    {"Haswell-ULT i5-4300U",         INTEL(0x45, 1, 0, NEW | SRBDS, 0, 0), BY_IBRS | EPT | FLUSH | VERW, 0},
    {"Haswell-EP E5-2680 v3",        INTEL(0x3f, 2, 0, NEW, 0, 0),        BY_IBRS | EPT | FLUSH | VERW, 0},
    {"Broadwell-EP E5-2697 v4",      INTEL(0x4f, 1, RTM, NEW, 0, 0),      BY_IBRS | EPT | FLUSH | VERW, 0},
    {"Broadwell-DE D-1541",          INTEL(0x56, 3, RTM, NEW, 0, 0),      BY_IBRS | EPT | FLUSH | VERW, 0},
    {"Broadwell ULT i5-5200U, OLD",  OLD_INTEL(0x3d, 4),   RSB | EPT, V(L1TF) | V(MDS) | V(BTI) | V(SRBDS)},
    {"Skylake i7-6700, OLD",         INTEL(0x5e, 3, RTM, 0, 0, 0), RSB | EPT,
        V(L1TF) | V(MDS) | V(TAA) | V(BTI) | V(RSBA) | V(GDS) | V(SRBDS)},
    {"Skylake i7-6700",              INTEL(0x5e, 3, RTM, NEW | SRBDS, 0, CAPS_SKYLAKE), BY_IBRS | EPT | FLUSH | VERW, 0},
    {"Skylake-SP 8180",              INTEL(0x55, 4, RTM, NEW, 0, CAPS_SKYLAKE), BY_IBRS | EPT | FLUSH | VERW, 0},
    {"Kaby Lake i7-7700",            INTEL(0x9e, 9, RTM, NEW | SRBDS, 0, CAPS_SKYLAKE), BY_IBRS | EPT | FLUSH | VERW, 0},
    {"Coffee Lake i7-8750H",         INTEL(0x9e, 0xa, RTM, NEW | SRBDS, 0, CAPS_SKYLAKE), BY_IBRS | EPT | FLUSH | VERW, 0},
    {"Coffee Lake-R i9-9900K, C0",   INTEL(0x9e, 0xc, RTM, NEW | SRBDS, 0, CAPS_SKYLAKE | ARCH_CAP_RDCL_NO), BY_IBRS | EPT | VERW, 0},
    {"Coffee Lake-R i9-9900K, R0",   INTEL(0x9e, 0xd, RTM, NEW | SRBDS, 0, CAPS_CASCADE_NEW), BY_EIBRS | RSB | LOOP | EPT | VERW, V(ITS)},
    {"Whiskey Lake i7-8565U, W0",    INTEL(0x8e, 0xb, 0, NEW | SRBDS, 0, CAPS_SKYLAKE | ARCH_CAP_RDCL_NO), BY_IBRS | EPT | VERW, 0},
    {"Whiskey Lake i7-8665U, V0",    INTEL(0x8e, 0xc, RTM, NEW | SRBDS, 0, CAPS_CASCADE_NEW), BY_EIBRS | RSB | LOOP | EPT | VERW, V(ITS)},
    {"Comet Lake i7-10700",          INTEL(0xa5, 5, 0, NEW, 0, CAPS_ICE_NEW), BY_EIBRS | RSB | LOOP, V(ITS)},
    {"Cascade Lake B0",              INTEL(0x55, 5, RTM, NEW, 0, CAPS_CASCADE_NEW & ~ARCH_CAP_MDS_NO), BY_EIBRS | RSB | LOOP | EPT | VERW, V(ITS)},
    {"Cascade Lake 8280",            INTEL(0x55, 7, RTM, NEW, 0, CAPS_CASCADE_NEW), BY_EIBRS | RSB | LOOP | EPT | VERW, V(ITS)},
    {"Cascade Lake 8280, OLD",       INTEL(0x55, 7, RTM, NEW, 0, CAPS_CASCADE), BY_EIBRS | RSB | LOOP | EPT | VERW, V(ITS) | V(GDS)},
    {"Cooper Lake 8380H",            INTEL(0x55, 0xb, RTM, NEW, 0, CAPS_ICE_NEW), BY_EIBRS | RSB | LOOP, V(ITS)},
    {"Ice Lake i7-1065G7",           INTEL(0x7e, 5, 0, NEW, 0, CAPS_ICE_NEW), BY_EIBRS | RSB | LOOP, 0},
    {"Ice Lake-SP 8380",             INTEL(0x6a, 6, RTM, NEW, 0, CAPS_ICE_NEW), BY_EIBRS | RSB | LOOP, 0},
    {"Ice Lake-SP 8380, OLD",        INTEL(0x6a, 6, RTM, NEW, 0, CAPS_ICE), BY_EIBRS | RSB | LOOP, V(GDS)},
    {"Rocket Lake i9-11900K",        INTEL(0xa7, 1, 0, NEW, 0, CAPS_ICE_NEW), BY_EIBRS | RSB | LOOP, 0},
    {"Tiger Lake i7-1185G7",         INTEL(0x8c, 1, 0, NEW, 0, CAPS_ICE_NEW | CAPS_MMIO_NO), BY_EIBRS | RSB | LOOP, 0},
    {"Alder Lake i9-12900K",         INTEL(0x97, 2, 0, NEW, BHI_CTRL, CAPS_ALDER | ARCH_CAP_RFDS_CLEAR), BY_EIBRS | RSB | DIS_S | VERW, 0},
    {"Alder Lake i9-12900K, before RFDS", INTEL(0x97, 2, 0, NEW, BHI_CTRL, CAPS_ALDER), BY_EIBRS | RSB | DIS_S, V(RFDS)},
    {"Catlow E-2488",                INTEL(0xb7, 1, 0, NEW, BHI_CTRL, CAPS_RAPIDS), BY_EIBRS | RSB | DIS_S, 0},
    {"Raptor Lake i9-13900K",        INTEL(0xb7, 1, 0, NEW, BHI_CTRL, CAPS_ALDER | ARCH_CAP_RFDS_CLEAR | ARCH_CAP_PBRSB_NO), BY_EIBRS | DIS_S | VERW, 0},
    {"Meteor Lake 155H",             INTEL(0xaa, 4, 0, NEW, BHI_CTRL, CAPS_RAPIDS | ARCH_CAP_PBRSB_NO), BY_EIBRS | DIS_S, 0},
    {"Lunar Lake 258V",              INTEL(0xbd, 1, 0, NEW, BHI_CTRL, CAPS_RAPIDS), BY_EIBRS | RSB | DIS_S, 0},
    {"Sapphire Rapids 8480+",        INTEL(0x8f, 8, RTM, NEW, BHI_CTRL, CAPS_RAPIDS), BY_EIBRS | RSB | DIS_S, 0},
    {"Emerald Rapids 8592+",         INTEL(0xcf, 2, RTM, NEW, BHI_CTRL, CAPS_RAPIDS), BY_EIBRS | RSB | DIS_S, 0},
    {"Granite Rapids 6980P",         INTEL(0xad, 1, RTM, NEW, BHI_CTRL, CAPS_RAPIDS | ARCH_CAP_PBRSB_NO), BY_EIBRS | DIS_S, 0},
    {"Sierra Forest 6780E",          INTEL(0xaf, 3, 0, NEW, BHI_CTRL, CAPS_RAPIDS | ARCH_CAP_PBRSB_NO | ARCH_CAP_BHI_NO), BY_EIBRS, 0},
    {"Bonnell N270",                 OLD_INTEL(0x1c, 2),   0, 0},
    {"Silvermont C2750",             INTEL(0x4d, 8, 0, IBRS | MD_CLEAR, 0, 0), BY_IBRS | VERW, 0},
    {"Airmont N3700, OLD",           OLD_INTEL(0x4c, 3),   RSB, V(MDS) | V(BTI)},
    {"Knights Landing 7210",         INTEL(0x57, 1, 0, IBRS | MD_CLEAR, 0, 0), BY_IBRS | VERW, 0},
    {"Knights Mill 7295, OLD",       OLD_INTEL(0x85, 0),   RSB, V(MDS) | V(BTI)},
    {"Goldmont C3958, before RFDS",  INTEL(0x5f, 1, 0, IBRS, 0, ARCH_CAP_RDCL_NO), BY_IBRS, V(RFDS)},
    {"Goldmont C3958",               INTEL(0x5f, 1, 0, IBRS | MD_CLEAR, 0, ARCH_CAP_RDCL_NO | ARCH_CAP_RFDS_CLEAR), BY_IBRS | VERW, 0},
    {"Goldmont Plus N5000",          INTEL(0x7a, 8, 0, IBRS | MD_CLEAR, 0, CAPS_CASCADE | ARCH_CAP_RFDS_CLEAR), BY_EIBRS | LOOP | VERW, 0},
    {"Tremont N5105",                INTEL(0x9c, 0, 0, NEW, 0, CAPS_ICE | ARCH_CAP_FB_CLEAR | ARCH_CAP_RFDS_CLEAR), BY_EIBRS | LOOP | VERW, 0},
    {"Tremont P5962B, OLD",          INTEL(0x86, 5, 0, NEW, 0, CAPS_ICE), BY_EIBRS | LOOP, V(RFDS)},
    {"Gracemont N100",               INTEL(0xbe, 0, 0, NEW, BHI_CTRL, CAPS_ALDER | ARCH_CAP_PBRSB_NO | ARCH_CAP_RFDS_CLEAR), BY_EIBRS | DIS_S | VERW, 0},
    /* Bochs 2.7 has none of the bits. */
    {"Bochs corei7_skylake_x",       OLD_INTEL(0x55, 4), RSB | EPT, V(L1TF) | V(MDS) | V(BTI) | V(RSBA) | V(GDS)},
    {"Bochs corei7_icelake_u",       OLD_INTEL(0x7e, 5), RSB, V(BTI) | V(GDS)},
    {"Bochs tigerlake",              OLD_INTEL(0x8c, 1), RSB, V(BTI) | V(GDS)},
    {"Bochs corei3_cnl",             OLD_INTEL(0x66, 3), RSB | EPT, V(L1TF) | V(MDS) | V(BTI) | V(RSBA) | V(GDS)},
    /* What nobody knows. */
    {"a future model, all immune",   INTEL(0xfe, 0, 0, NEW, BHI_CTRL, CAPS_RAPIDS | ARCH_CAP_PBRSB_NO | ARCH_CAP_BHI_NO), BY_EIBRS, 0},
    {"a future model, silent",       INTEL(0xfe, 0, RTM, NEW, BHI_CTRL, ARCH_CAP_IBRS_ALL),
        BY_EIBRS | RSB | DIS_S | EPT | FLUSH | VERW, V(RFDS) | V(GDS)},
    {"a future family",              {.signature = 0x400f10, .bits = {.leaf7_edx = NEW | CAPS, .leaf7_2_edx = BHI_CTRL, .arch_caps = CAPS_RAPIDS}},
        BY_EIBRS | RSB | DIS_S, 0},
    /* Nested: KVM tells what its machine is immune to, and that it flushes. */
    {"under KVM, on Sapphire Rapids", {.signature = SIGNATURE(0x8f, 8), .hypervisor = true, .bits = {.leaf7_edx = NEW | CAPS,
        .leaf7_2_edx = BHI_CTRL, .arch_caps = CAPS_RAPIDS | ARCH_CAP_PBRSB_NO | ARCH_CAP_ITS_NO}}, BY_EIBRS | DIS_S, 0},
    {"under KVM, on Skylake",        {.signature = SIGNATURE(0x55, 4), .hypervisor = true, .bits = {.leaf7_ebx = RTM, .leaf7_edx = NEW | CAPS,
        .arch_caps = CAPS_SKYLAKE | ARCH_CAP_SKIP_L1DFL_VMENTRY | ARCH_CAP_IF_PSCHANGE_MC_NO | ARCH_CAP_RFDS_NO}}, BY_IBRS | VERW, 0},
    {"under a silent hypervisor",    {.signature = SIGNATURE(0x8f, 8), .hypervisor = true},
        RSB | EPT, V(L1TF) | V(MDS) | V(RFDS) | V(BTI) | V(RSBA) | V(GDS)},
};
// clang-format on
