/* THE MSR table.  The VMCS's bitmap is computed from it, so the two cannot disagree.
 * What is not listed is #GP(0), counted and traced.  Pure but for the lookup tables, which
 * are made once from the rows.  SDM Vol. 4, "Architectural MSRs". */
#include "vmm/policy/msr.h"
#include "abi/kvm.h"
#include "arch/x86_64/msr.h"
#include "lib/mem.h"

#define MSRS_PER_HALF 0x2000u
#define MSR_HIGH_BASE 0xc0000000u
#define MSRS_OF_KVM   (MSR_KVM_PV_EOI - MSR_KVM_WALL_CLOCK + 1)

#define MTRRCAP_VALUE (8u | MTRRCAP_FIX | MTRRCAP_WC) /* 8 variable ranges */
#define MTRR_FIXED_WB 0x0606060606060606ull
#define MTRR_ON_WB    (MTRR_DEF_TYPE_E | MTRR_DEF_TYPE_FE | MEMORY_TYPE_WB)
#define ALL_BITS      0xffffffffffffffffull
#define PHYS_BITS     0x000ffffffffff000ull
#define MISC_ENABLE_VALUE                                                                          \
    (MISC_ENABLE_FAST_STRING | MISC_ENABLE_BTS_UNAVAILABLE | MISC_ENABLE_PEBS_UNAVAILABLE)

// clang-format off
static struct msr_row rows[] = {
/*  first                  last                   read      write       other     slot reset                writable (HELD)                name              */
{ MSR_TSC,               MSR_TSC,               MSR_PASS, MSR_CALL,   0,        0, 0,                   0,                               "TSC"               },
{ MSR_PLATFORM_ID,       MSR_PLATFORM_ID,       MSR_HELD, MSR_DENY,   0,        0, 0 /* platform 0 */,  0,                               "PLATFORM_ID"       },
{ MSR_APIC_BASE,         MSR_APIC_BASE,         MSR_HELD, MSR_HELD,   MSR_APIC, 0, 0xfee00900,          0 /* but its mode */,            "APIC_BASE"         },
{ MSR_FEATURE_CONTROL,   MSR_FEATURE_CONTROL,   MSR_HELD, MSR_DENY,   0,        0, FEATURE_CONTROL_LOCK /* no VMX, no SMX */, 0,         "FEATURE_CONTROL"   },
{ MSR_TSC_ADJUST,        MSR_TSC_ADJUST,        MSR_CALL, MSR_CALL,   0,        0, 0,                   0,                               "TSC_ADJUST"        },
{ MSR_BIOS_SIGN_ID,      MSR_BIOS_SIGN_ID,      MSR_HELD, MSR_IGNORE, 0,        0, 0,                   0,                               "BIOS_SIGN_ID"      },
{ MSR_MTRRCAP,           MSR_MTRRCAP,           MSR_HELD, MSR_DENY,   0,        0, MTRRCAP_VALUE,       0,                               "MTRRCAP"           },
{ MSR_SYSENTER_CS,       MSR_SYSENTER_EIP,      MSR_PASS, MSR_PASS,   0,        0, 0,                   0,                               "SYSENTER_CS/ESP/EIP" },
{ MSR_MCG_CAP,           MSR_MCG_CAP,           MSR_HELD, MSR_DENY,   0,        0, 0 /* no banks */,    0,                               "MCG_CAP"           },
{ MSR_MISC_ENABLE,       MSR_MISC_ENABLE,       MSR_HELD, MSR_HELD,   0,        0, MISC_ENABLE_VALUE,   MISC_ENABLE_FAST_STRING | MISC_ENABLE_LIMIT_CPUID | MISC_ENABLE_XD_DISABLE, "MISC_ENABLE" },
{ MSR_DEBUGCTL,          MSR_DEBUGCTL,          MSR_CALL, MSR_CALL,   0,        0, 0,                   0,                               "DEBUGCTL"          },
{ MSR_MTRR_PHYSBASE0,    MSR_MTRR_PHYSBASE0+15, MSR_HELD, MSR_HELD,   0,        0, 0,                   PHYS_BITS | 0xfff,               "MTRR_PHYSBASE/MASK" },
{ MSR_MTRR_FIX64K_00000, MSR_MTRR_FIX64K_00000, MSR_HELD, MSR_HELD,   0,        0, MTRR_FIXED_WB,       ALL_BITS,                        "MTRR_FIX64K"       },
{ MSR_MTRR_FIX16K_80000, MSR_MTRR_FIX16K_A0000, MSR_HELD, MSR_HELD,   0,        0, MTRR_FIXED_WB,       ALL_BITS,                        "MTRR_FIX16K"       },
{ MSR_MTRR_FIX4K_C0000,  MSR_MTRR_FIX4K_F8000,  MSR_HELD, MSR_HELD,   0,        0, MTRR_FIXED_WB,       ALL_BITS,                        "MTRR_FIX4K"        },
{ MSR_PAT,               MSR_PAT,               MSR_PASS, MSR_CALL,   0,        0, 0,                   0,                               "PAT"               },
{ MSR_MTRR_DEF_TYPE,     MSR_MTRR_DEF_TYPE,     MSR_HELD, MSR_HELD,   0,        0, MTRR_ON_WB,          MTRR_DEF_TYPE_E | MTRR_DEF_TYPE_FE | MTRR_DEF_TYPE_TYPE, "MTRR_DEF_TYPE" },
{ MSR_TSC_DEADLINE,      MSR_TSC_DEADLINE,      MSR_CALL, MSR_CALL,   0,        0, 0,                   0,                               "TSC_DEADLINE"      },
{ MSR_X2APIC_BASE,       MSR_X2APIC_BASE+0x3f,  MSR_APIC, MSR_APIC,   0,        0, 0,                   0,                               "X2APIC"            },
{ MSR_XSS,               MSR_XSS,               MSR_CALL, MSR_CALL,   0,        0, 0,                   0,                               "XSS"               },
{ MSR_KVM_WALL_CLOCK,    MSR_KVM_SYSTEM_TIME,   MSR_CALL, MSR_CALL,   0,        0, 0,                   0,                               "KVM_WALL_CLOCK/SYSTEM_TIME" },
{ MSR_KVM_STEAL_TIME,    MSR_KVM_STEAL_TIME,    MSR_CALL, MSR_CALL,   0,        0, 0,                   0,                               "KVM_STEAL_TIME"    },
{ MSR_KVM_PV_EOI,        MSR_KVM_PV_EOI,        MSR_CALL, MSR_CALL,   0,        0, 0,                   0,                               "KVM_PV_EOI"        },
{ MSR_EFER,              MSR_EFER,              MSR_PASS, MSR_CALL,   0,        0, 0,                   0,                               "EFER"              },
{ MSR_STAR,              MSR_FMASK,             MSR_PASS, MSR_PASS,   0,        0, 0,                   0,                               "STAR/LSTAR/CSTAR/FMASK" },
{ MSR_FS_BASE,           MSR_KERNEL_GS_BASE,    MSR_PASS, MSR_PASS,   0,        0, 0,                   0,                               "FS/GS/KERNEL_GS_BASE" },
{ MSR_TSC_AUX,           MSR_TSC_AUX,           MSR_PASS, MSR_PASS,   0,        0, 0,                   0,                               "TSC_AUX"           },
};
// clang-format on

#define NO_ROW 0xffu
static u8 row_of_low[MSRS_PER_HALF], row_of_high[MSRS_PER_HALF], row_of_kvm[MSRS_OF_KVM];

static u8 *row_slot(u32 msr)
{
    if (msr < MSRS_PER_HALF)
        return &row_of_low[msr];
    if (msr - MSR_HIGH_BASE < MSRS_PER_HALF)
        return &row_of_high[msr - MSR_HIGH_BASE];
    return NULL;
}

static u8 *row_slot_beyond(u32 msr)
{
    return msr - MSR_KVM_WALL_CLOCK < MSRS_OF_KVM ? &row_of_kvm[msr - MSR_KVM_WALL_CLOCK] : NULL;
}

void msr_policy_init(void)
{
    u32 slots = 0;

    memset(row_of_low, NO_ROW, sizeof(row_of_low));
    memset(row_of_high, NO_ROW, sizeof(row_of_high));
    memset(row_of_kvm, NO_ROW, sizeof(row_of_kvm));
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        for (u32 msr = rows[i].first; msr <= rows[i].last; msr++) {
            u8 *row = row_slot(msr) ? row_slot(msr) : row_slot_beyond(msr);

            if (row) /* a row outside the windows would not be found: test_msr.c sees it */
                *row = (u8)i;
        }
        if (rows[i].read == MSR_HELD || rows[i].write == MSR_HELD) {
            rows[i].slot = (u8)slots;
            slots += rows[i].last - rows[i].first + 1;
        }
    }
    /* tools/unit/test_msr.c proves that slots <= MSR_HELD_MAX for this table. */
}

const struct msr_row *msr_row(u32 index)
{
    return index < ARRAY_LEN(rows) ? &rows[index] : NULL;
}

const struct msr_row *msr_find(u32 msr)
{
    const u8 *row = row_slot(msr);

    return row && *row != NO_ROW ? &rows[*row] : NULL;
}

const struct msr_row *msr_find_beyond(u32 msr)
{
    const u8 *row = row_slot_beyond(msr);

    return row && *row != NO_ROW ? &rows[*row] : NULL;
}

/* The bitmap's four areas of 1 KiB: read low, read high, write low, write high. */
static void allow(u8 *bitmap, u32 msr, bool write)
{
    const u32 bit = (msr & (MSRS_PER_HALF - 1)) + (msr >= MSR_HIGH_BASE ? MSRS_PER_HALF : 0) +
                    (write ? 2 * MSRS_PER_HALF : 0);

    bitmap[bit / 8] &= (u8) ~(1u << bit % 8);
}

void msr_bitmap_build(u8 bitmap[4096])
{
    memset(bitmap, 0xff, 4096);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (u32 msr = rows[i].first; msr <= rows[i].last; msr++) {
            if (rows[i].read == MSR_PASS)
                allow(bitmap, msr, false);
            if (rows[i].write == MSR_PASS)
                allow(bitmap, msr, true);
        }
}

/* What the processor does by itself then: SDM Vol. 3C, "Virtualizing MSR-Based APIC Accesses". */
void msr_bitmap_pass_x2apic(u8 bitmap[4096])
{
    allow(bitmap, MSR_X2APIC_TPR, false);
    allow(bitmap, MSR_X2APIC_TPR, true);
    allow(bitmap, MSR_X2APIC_EOI, true);
    allow(bitmap, MSR_X2APIC_SELF_IPI, true);
}

static void forbid(u8 bitmap[4096], u32 msr)
{
    for (u32 write = 0; write < 2; write++)
        bitmap[2048 * write + (msr >> 31) * 1024 + (msr & 0x1fff) / 8] |= (u8)BIT32(msr % 8);
}

void msr_bitmap_keep_switched(u8 bitmap[4096])
{
    static const u32 switched[] = {MSR_STAR,  MSR_LSTAR,          MSR_CSTAR,
                                   MSR_FMASK, MSR_KERNEL_GS_BASE, MSR_TSC_AUX};

    for (size_t i = 0; i < ARRAY_LEN(switched); i++)
        forbid(bitmap, switched[i]);
}

void msr_held_set(u64 held[MSR_HELD_MAX], u32 msr, u64 value)
{
    const struct msr_row *row = msr_find(msr);

    if (row && row->read == MSR_HELD)
        held[row->slot + (msr - row->first)] = value;
}

void msr_held_reset(u64 held[MSR_HELD_MAX])
{
    memset(held, 0, MSR_HELD_MAX * sizeof(held[0]));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].read == MSR_HELD || rows[i].write == MSR_HELD)
            for (u32 n = 0; n <= rows[i].last - rows[i].first; n++)
                held[rows[i].slot + n] = rows[i].reset;
}
