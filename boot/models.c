/* Which processor models have which vulnerability.  Pure.
 *
 * From Intel's "Affected Processors: Transient Execution Attacks & Related Security Issues by CPU"
 * (its machine-readable form, the list of affected processors); for models that Intel services no
 * more and therefore does not list, from the pages of Linux's "Hardware vulnerabilities"
 * (admin-guide/hw-vuln: l1tf, mds, tsx_async_abort, multihit, processor_mmio_stale_data,
 * reg-file-data-sampling, gather_data_sampling, special-register-buffer-data-sampling,
 * indirect-target-selection, spectre, rsb).  Where neither judges, the model is listed as having
 * the vulnerability.  A processor says by IA32_ARCH_CAPABILITIES and CPUID what this table does not
 * know: vmx/mitigation.c asks these first. */
#include "boot/models.h"
#include "vmx/mitigation.h"

#define L1TF  BIT32(VULN_L1TF)
#define MDS   BIT32(VULN_MDS)
#define TAA   BIT32(VULN_TAA)
#define MMIO  BIT32(VULN_MMIO)
#define RFDS  BIT32(VULN_RFDS)
#define BTI   BIT32(VULN_BTI)
#define RSBA  BIT32(VULN_RSBA)
#define PBRSB BIT32(VULN_PBRSB)
#define BHI   BIT32(VULN_BHI)
#define ITS   BIT32(VULN_ITS)
#define GDS   BIT32(VULN_GDS)
#define SRBDS BIT32(VULN_SRBDS)
#define ITLB  BIT32(VULN_ITLB)

/* The cores up to Broadwell; TAA counts for those that have TSX. */
#define UP_TO_BROADWELL (L1TF | MDS | TAA | MMIO | BTI | ITLB)
#define SKYLAKE         (UP_TO_BROADWELL | RSBA | GDS)
/* The first cores with enhanced IBRS. */
#define CASCADE_LAKE (TAA | MMIO | BTI | PBRSB | BHI | ITS | GDS | ITLB)
#define COMET_LAKE   (MMIO | BTI | PBRSB | BHI | ITS | GDS)
#define ICE_LAKE     (MMIO | BTI | PBRSB | BHI | GDS)
#define GOLDEN_COVE  (BTI | PBRSB | BHI)

// clang-format off
/* Intel family 6.  The first row that fits counts. */
static const struct {
    u8 model, first, last; /* steppings */
    u32 affected;
} family6[] = {
    /* Nehalem, Westmere */
    {0x1e, 0x0, 0xf, UP_TO_BROADWELL},
    {0x1f, 0x0, 0xf, UP_TO_BROADWELL},
    {0x1a, 0x0, 0xf, UP_TO_BROADWELL},
    {0x2e, 0x0, 0xf, UP_TO_BROADWELL},
    {0x25, 0x0, 0xf, UP_TO_BROADWELL},
    {0x2c, 0x0, 0xf, UP_TO_BROADWELL},
    {0x2f, 0x0, 0xf, UP_TO_BROADWELL},
    /* Sandy Bridge, Ivy Bridge */
    {0x2a, 0x0, 0xf, UP_TO_BROADWELL},
    {0x2d, 0x0, 0xf, UP_TO_BROADWELL},
    {0x3a, 0x0, 0xf, UP_TO_BROADWELL | SRBDS},
    {0x3e, 0x0, 0xf, UP_TO_BROADWELL},
    /* Haswell, Broadwell */
    {0x3c, 0x0, 0xf, UP_TO_BROADWELL | SRBDS},
    {0x45, 0x0, 0xf, UP_TO_BROADWELL | SRBDS},
    {0x46, 0x0, 0xf, UP_TO_BROADWELL | SRBDS},
    {0x3f, 0x0, 0xf, UP_TO_BROADWELL},
    {0x3d, 0x0, 0xf, UP_TO_BROADWELL | SRBDS},
    {0x47, 0x0, 0xf, UP_TO_BROADWELL | SRBDS},
    {0x4f, 0x0, 0xf, UP_TO_BROADWELL},
    {0x56, 0x0, 0xf, UP_TO_BROADWELL},
    /* Skylake; Cascade Lake; Cooper Lake */
    {0x4e, 0x0, 0xf, SKYLAKE | SRBDS},
    {0x5e, 0x0, 0xf, SKYLAKE | SRBDS},
    {0x55, 0x0, 0x4, SKYLAKE},
    {0x55, 0x5, 0x5, CASCADE_LAKE | MDS},
    {0x55, 0x6, 0x7, CASCADE_LAKE},
    {0x55, 0xb, 0xb, COMET_LAKE},
    /* Kaby Lake and Coffee Lake; Whiskey Lake and later */
    {0x8e, 0x0, 0xa, SKYLAKE | SRBDS},
    {0x8e, 0xb, 0xb, (SKYLAKE & ~L1TF) | SRBDS},
    {0x8e, 0xc, 0xc, CASCADE_LAKE | SRBDS},
    {0x9e, 0x0, 0xb, SKYLAKE | SRBDS},
    {0x9e, 0xc, 0xc, (SKYLAKE & ~L1TF) | PBRSB | SRBDS},
    {0x9e, 0xd, 0xd, CASCADE_LAKE | SRBDS},
    /* Cannon Lake; Comet Lake */
    {0x66, 0x0, 0xf, UP_TO_BROADWELL | RSBA | GDS},
    {0xa5, 0x0, 0xf, COMET_LAKE},
    {0xa6, 0x0, 0xf, COMET_LAKE},
    /* Ice Lake, Rocket Lake, Tiger Lake */
    {0x6a, 0x0, 0xf, ICE_LAKE},
    {0x6c, 0x0, 0xf, ICE_LAKE},
    {0x7d, 0x0, 0xf, ICE_LAKE},
    {0x7e, 0x0, 0xf, ICE_LAKE},
    {0xa7, 0x0, 0xf, ICE_LAKE},
    {0x8c, 0x0, 0xf, ICE_LAKE & ~MMIO},
    {0x8d, 0x0, 0xf, ICE_LAKE & ~MMIO},
    /* Alder Lake, Raptor Lake: their Atom cores have RFDS, and the model is the same */
    {0x97, 0x0, 0xf, GOLDEN_COVE | RFDS},
    {0x9a, 0x0, 0xf, GOLDEN_COVE | RFDS},
    {0xb7, 0x0, 0xf, GOLDEN_COVE | RFDS},
    {0xba, 0x0, 0xf, GOLDEN_COVE | RFDS},
    {0xbf, 0x0, 0xf, GOLDEN_COVE | RFDS},
    /* Sapphire Rapids, Emerald Rapids; Lunar Lake, Arrow Lake */
    {0x8f, 0x0, 0xf, GOLDEN_COVE},
    {0xcf, 0x0, 0xf, GOLDEN_COVE},
    {0xbd, 0x0, 0xf, GOLDEN_COVE},
    {0xc6, 0x0, 0xf, GOLDEN_COVE},
    /* Meteor Lake; Granite Rapids; Sierra Forest, Grand Ridge */
    {0xaa, 0x0, 0xf, BTI | BHI},
    {0xad, 0x0, 0xf, BTI | BHI},
    {0xae, 0x0, 0xf, BTI | BHI},
    {0xaf, 0x0, 0xf, BTI | BHI},
    {0xb6, 0x0, 0xf, BTI | BHI},
    /* Atom: Bonnell and Saltwell run in order */
    {0x1c, 0x0, 0xf, 0},
    {0x26, 0x0, 0xf, 0},
    {0x27, 0x0, 0xf, 0},
    {0x35, 0x0, 0xf, 0},
    {0x36, 0x0, 0xf, 0},
    /* Silvermont, Airmont, and Xeon Phi, which is made of such cores */
    {0x37, 0x0, 0xf, MDS | BTI},
    {0x4a, 0x0, 0xf, MDS | BTI},
    {0x4d, 0x0, 0xf, MDS | BTI},
    {0x4c, 0x0, 0xf, MDS | BTI},
    {0x5a, 0x0, 0xf, MDS | BTI},
    {0x75, 0x0, 0xf, MDS | BTI},
    {0x57, 0x0, 0xf, MDS | BTI},
    {0x85, 0x0, 0xf, MDS | BTI},
    /* Goldmont, Goldmont Plus, Tremont, Gracemont */
    {0x5c, 0x0, 0xf, BTI | RFDS},
    {0x5f, 0x0, 0xf, BTI | RFDS},
    {0x7a, 0x0, 0xf, BTI | RFDS | BHI},
    {0x86, 0x0, 0xf, BTI | RFDS | BHI | MMIO},
    {0x96, 0x0, 0xf, BTI | RFDS | BHI | MMIO},
    {0x9c, 0x0, 0xf, BTI | RFDS | BHI | MMIO},
    {0xbe, 0x0, 0xf, BTI | RFDS | BHI},
};
// clang-format on

/* SDM Vol. 2A, "CPUID--CPU Identification": leaf 1 EAX, "Version Information". */
static bool is_family6(u32 signature)
{
    return (signature >> 8 & 0xf) == 6;
}

struct processor_model models_find(u32 signature, bool hypervisor)
{
    const u32 stepping = signature & 0xf;
    const u32 model = (signature >> 4 & 0xf) | (signature >> 12 & 0xf0);

    if (is_family6(signature) && !hypervisor)
        for (size_t i = 0; i < ARRAY_LEN(family6); i++)
            if (family6[i].model == model && family6[i].first <= stepping &&
                stepping <= family6[i].last)
                return (struct processor_model){signature, (u16)family6[i].affected, 1};
    return (struct processor_model){signature, MITIGATION_ALL_MODELS, 0};
}
