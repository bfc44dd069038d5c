/* Model-specific registers: numbers and bits, in SDM order, no logic.
 * SDM Vol. 4, "Architectural MSRs"; Vol. 3D, "VMX Capability Reporting Facility". */
#pragma once
#include "lib/types.h"

// clang-format off
#define MSR_P5_MC_ADDR                  0x00000000u
#define MSR_P5_MC_TYPE                  0x00000001u
#define MSR_MONITOR_FILTER_SIZE         0x00000006u
#define MSR_TSC                         0x00000010u
#define MSR_PLATFORM_ID                 0x00000017u
#define MSR_APIC_BASE                   0x0000001bu
#define MSR_FEATURE_CONTROL             0x0000003au
#define MSR_TSC_ADJUST                  0x0000003bu
#define MSR_SPEC_CTRL                   0x00000048u
#define MSR_PRED_CMD                    0x00000049u
#define MSR_BIOS_UPDT_TRIG              0x00000079u
#define MSR_BIOS_SIGN_ID                0x0000008bu
#define MSR_SMM_MONITOR_CTL             0x0000009bu
#define MSR_SMBASE                      0x0000009eu
#define MSR_PMC0                        0x000000c1u
#define MSR_PLATFORM_INFO               0x000000ceu
#define MSR_CORE_CAPABILITIES           0x000000cfu
#define MSR_UMWAIT_CONTROL              0x000000e1u
#define MSR_MPERF                       0x000000e7u
#define MSR_APERF                       0x000000e8u
#define MSR_MTRRCAP                     0x000000feu
#define MSR_ARCH_CAPABILITIES           0x0000010au
#define MSR_FLUSH_CMD                   0x0000010bu
#define MSR_TSX_CTRL                    0x00000122u
#define MSR_MCU_OPT_CTRL                0x00000123u
#define MSR_MISC_FEATURES_ENABLES       0x00000140u
#define MSR_SYSENTER_CS                 0x00000174u
#define MSR_SYSENTER_ESP                0x00000175u
#define MSR_SYSENTER_EIP                0x00000176u
#define MSR_MCG_CAP                     0x00000179u
#define MSR_MCG_STATUS                  0x0000017au
#define MSR_MCG_CTL                     0x0000017bu
#define MSR_PERFEVTSEL0                 0x00000186u
#define MSR_PERF_STATUS                 0x00000198u
#define MSR_PERF_CTL                    0x00000199u
#define MSR_CLOCK_MODULATION            0x0000019au
#define MSR_THERM_INTERRUPT             0x0000019bu
#define MSR_THERM_STATUS                0x0000019cu
#define MSR_MISC_ENABLE                 0x000001a0u
#define MSR_ENERGY_PERF_BIAS            0x000001b0u
#define MSR_PACKAGE_THERM_STATUS        0x000001b1u
#define MSR_PACKAGE_THERM_INTERRUPT     0x000001b2u
#define MSR_XFD                         0x000001c4u
#define MSR_XFD_ERR                     0x000001c5u
#define MSR_DEBUGCTL                    0x000001d9u
#define MSR_MTRR_PHYSBASE0              0x00000200u /* base of pair n: + 2 n */
#define MSR_MTRR_PHYSMASK0              0x00000201u
#define MSR_MTRR_FIX64K_00000           0x00000250u
#define MSR_MTRR_FIX16K_80000           0x00000258u
#define MSR_MTRR_FIX16K_A0000           0x00000259u
#define MSR_MTRR_FIX4K_C0000            0x00000268u /* ... FIX4K_F8000 at + 7 */
#define MSR_MTRR_FIX4K_F8000            0x0000026fu
#define MSR_PAT                         0x00000277u
#define MSR_MC0_CTL2                    0x00000280u
#define MSR_MTRR_DEF_TYPE               0x000002ffu
#define MSR_FIXED_CTR0                  0x00000309u
#define MSR_PERF_CAPABILITIES           0x00000345u
#define MSR_FIXED_CTR_CTRL              0x0000038du
#define MSR_PERF_GLOBAL_STATUS          0x0000038eu
#define MSR_PERF_GLOBAL_CTRL            0x0000038fu
#define MSR_PERF_GLOBAL_OVF_CTRL        0x00000390u
#define MSR_PEBS_ENABLE                 0x000003f1u
#define MSR_MC0_CTL                     0x00000400u /* CTL, STATUS, ADDR, MISC of bank n: + 4 n */
#define MSR_MC0_STATUS                  0x00000401u
#define MSR_MC0_ADDR                    0x00000402u
#define MSR_MC0_MISC                    0x00000403u
#define MSR_VMX_BASIC                   0x00000480u
#define MSR_VMX_PINBASED_CTLS           0x00000481u
#define MSR_VMX_PROCBASED_CTLS          0x00000482u
#define MSR_VMX_EXIT_CTLS               0x00000483u
#define MSR_VMX_ENTRY_CTLS              0x00000484u
#define MSR_VMX_MISC                    0x00000485u
#define MSR_VMX_CR0_FIXED0              0x00000486u
#define MSR_VMX_CR0_FIXED1              0x00000487u
#define MSR_VMX_CR4_FIXED0              0x00000488u
#define MSR_VMX_CR4_FIXED1              0x00000489u
#define MSR_VMX_VMCS_ENUM               0x0000048au
#define MSR_VMX_PROCBASED_CTLS2         0x0000048bu
#define MSR_VMX_EPT_VPID_CAP            0x0000048cu
#define MSR_VMX_TRUE_PINBASED_CTLS      0x0000048du
#define MSR_VMX_TRUE_PROCBASED_CTLS     0x0000048eu
#define MSR_VMX_TRUE_EXIT_CTLS          0x0000048fu
#define MSR_VMX_TRUE_ENTRY_CTLS         0x00000490u
#define MSR_VMX_VMFUNC                  0x00000491u
#define MSR_VMX_PROCBASED_CTLS3         0x00000492u
#define MSR_VMX_EXIT_CTLS2              0x00000493u
#define MSR_A_PMC0                      0x000004c1u
#define MSR_RTIT_CTL                    0x00000570u
#define MSR_DS_AREA                     0x00000600u
#define MSR_U_CET                       0x000006a0u
#define MSR_S_CET                       0x000006a2u
#define MSR_PL0_SSP                     0x000006a4u
#define MSR_PL1_SSP                     0x000006a5u
#define MSR_PL2_SSP                     0x000006a6u
#define MSR_PL3_SSP                     0x000006a7u
#define MSR_INTERRUPT_SSP_TABLE_ADDR    0x000006a8u
#define MSR_TSC_DEADLINE                0x000006e0u
#define MSR_PKRS                        0x000006e1u
#define MSR_PM_ENABLE                   0x00000770u
#define MSR_HWP_CAPABILITIES            0x00000771u
#define MSR_HWP_REQUEST                 0x00000774u
#define MSR_X2APIC_BASE                 0x00000800u /* register at xAPIC offset o: + o / 16 */
#define MSR_X2APIC_APICID               0x00000802u
#define MSR_X2APIC_VERSION              0x00000803u
#define MSR_X2APIC_TPR                  0x00000808u
#define MSR_X2APIC_EOI                  0x0000080bu
#define MSR_X2APIC_SIVR                 0x0000080fu
#define MSR_X2APIC_ICR                  0x00000830u
#define MSR_X2APIC_SELF_IPI             0x0000083fu
#define MSR_X2APIC_LAST                 0x000008ffu
#define MSR_XSS                         0x00000da0u
#define MSR_EFER                        0xc0000080u
#define MSR_STAR                        0xc0000081u
#define MSR_LSTAR                       0xc0000082u
#define MSR_CSTAR                       0xc0000083u
#define MSR_FMASK                       0xc0000084u
#define MSR_FS_BASE                     0xc0000100u
#define MSR_GS_BASE                     0xc0000101u
#define MSR_KERNEL_GS_BASE              0xc0000102u
#define MSR_TSC_AUX                     0xc0000103u

/* IA32_APIC_BASE */
#define APIC_BASE_BSP                   BIT(8)
#define APIC_BASE_EXTD                  BIT(10) /* x2APIC mode */
#define APIC_BASE_EN                    BIT(11)
#define APIC_BASE_ADDRESS               0x000ffffffffff000ull

/* IA32_FEATURE_CONTROL */
#define FEATURE_CONTROL_LOCK            BIT(0)
#define FEATURE_CONTROL_VMX_IN_SMX      BIT(1)
#define FEATURE_CONTROL_VMX_OUTSIDE_SMX BIT(2)

/* IA32_SPEC_CTRL, IA32_PRED_CMD, IA32_FLUSH_CMD */
#define SPEC_CTRL_IBRS                  BIT(0)
#define SPEC_CTRL_STIBP                 BIT(1)
#define SPEC_CTRL_SSBD                  BIT(2)
#define SPEC_CTRL_BHI_DIS_S             BIT(10)
#define PRED_CMD_IBPB                   BIT(0)
#define FLUSH_CMD_L1D                   BIT(0)

/* IA32_ARCH_CAPABILITIES */
#define ARCH_CAP_RDCL_NO                BIT(0)
#define ARCH_CAP_IBRS_ALL               BIT(1)
#define ARCH_CAP_RSBA                   BIT(2)
#define ARCH_CAP_SKIP_L1DFL_VMENTRY     BIT(3)
#define ARCH_CAP_SSB_NO                 BIT(4)
#define ARCH_CAP_MDS_NO                 BIT(5)
#define ARCH_CAP_IF_PSCHANGE_MC_NO      BIT(6)
#define ARCH_CAP_TSX_CTRL               BIT(7)
#define ARCH_CAP_TAA_NO                 BIT(8)
#define ARCH_CAP_SBDR_SSDP_NO           BIT(13)
#define ARCH_CAP_FBSDP_NO               BIT(14)
#define ARCH_CAP_PSDP_NO                BIT(15)
#define ARCH_CAP_FB_CLEAR               BIT(17)
#define ARCH_CAP_BHI_NO                 BIT(20)
#define ARCH_CAP_PBRSB_NO               BIT(24)
#define ARCH_CAP_GDS_CTRL               BIT(25)
#define ARCH_CAP_GDS_NO                 BIT(26)
#define ARCH_CAP_RFDS_NO                BIT(27)
#define ARCH_CAP_RFDS_CLEAR             BIT(28)
#define ARCH_CAP_ITS_NO                 BIT(62) /* only hypervisors set it, for their guests */

/* IA32_MTRRCAP, IA32_MTRR_DEF_TYPE, IA32_MTRR_PHYSMASKn */
#define MTRRCAP_VCNT                    0xffull
#define MTRRCAP_FIX                     BIT(8)
#define MTRRCAP_WC                      BIT(10)
#define MTRRCAP_SMRR                    BIT(11)
#define MTRR_DEF_TYPE_TYPE              0xffull
#define MTRR_DEF_TYPE_FE                BIT(10)
#define MTRR_DEF_TYPE_E                 BIT(11)
#define MTRR_PHYSMASK_V                 BIT(11)

/* Memory types, as MTRRs, PAT and EPT encode them */
#define MEMORY_TYPE_UC                  0u
#define MEMORY_TYPE_WC                  1u
#define MEMORY_TYPE_WT                  4u
#define MEMORY_TYPE_WP                  5u
#define MEMORY_TYPE_WB                  6u
#define MEMORY_TYPE_UC_MINUS            7u /* PAT only */

/* IA32_MCG_CAP, IA32_MCG_STATUS */
#define MCG_CAP_COUNT                   0xffull
#define MCG_CAP_CTL_P                   BIT(8)
#define MCG_STATUS_RIPV                 BIT(0)
#define MCG_STATUS_EIPV                 BIT(1)
#define MCG_STATUS_MCIP                 BIT(2)

/* IA32_MISC_ENABLE */
#define MISC_ENABLE_FAST_STRING         BIT(0)
#define MISC_ENABLE_PERFMON             BIT(7)
#define MISC_ENABLE_BTS_UNAVAILABLE     BIT(11)
#define MISC_ENABLE_PEBS_UNAVAILABLE    BIT(12)
#define MISC_ENABLE_EIST                BIT(16)
#define MISC_ENABLE_MONITOR             BIT(18)
#define MISC_ENABLE_LIMIT_CPUID         BIT(22)
#define MISC_ENABLE_XTPR_DISABLE        BIT(23)
#define MISC_ENABLE_XD_DISABLE          BIT(34)

/* IA32_DEBUGCTL */
#define DEBUGCTL_LBR                    BIT(0)
#define DEBUGCTL_BTF                    BIT(1)
#define DEBUGCTL_BUS_LOCK_DETECT        BIT(2)
#define DEBUGCTL_TR                     BIT(6)
#define DEBUGCTL_BTS                    BIT(7)
#define DEBUGCTL_BTINT                  BIT(8)
#define DEBUGCTL_FREEZE_LBRS_ON_PMI     BIT(11)
#define DEBUGCTL_FREEZE_PERFMON_ON_PMI  BIT(12)
#define DEBUGCTL_RTM_DEBUG              BIT(15)

/* IA32_VMX_BASIC */
#define VMX_BASIC_REVISION              0x7fffffffull
#define VMX_BASIC_REGION_SIZE_SHIFT     32
#define VMX_BASIC_REGION_SIZE_MASK      0x1fffull
#define VMX_BASIC_PHYS_32BIT            BIT(48)
#define VMX_BASIC_DUAL_MONITOR          BIT(49)
#define VMX_BASIC_MEMORY_TYPE_SHIFT     50
#define VMX_BASIC_MEMORY_TYPE_MASK      0xfull
#define VMX_BASIC_INS_OUTS_INFO         BIT(54)
#define VMX_BASIC_TRUE_CTLS             BIT(55)
#define VMX_BASIC_NO_ERROR_CODE_RULE    BIT(56)

/* IA32_VMX_MISC */
#define VMX_MISC_TIMER_SHIFT            0x1full
#define VMX_MISC_SAVES_LMA              BIT(5)
#define VMX_MISC_ACTIVITY_HLT           BIT(6)
#define VMX_MISC_ACTIVITY_SHUTDOWN      BIT(7)
#define VMX_MISC_ACTIVITY_WAIT_SIPI     BIT(8)
#define VMX_MISC_PT_IN_VMX              BIT(14)
#define VMX_MISC_SMBASE_IN_SMM          BIT(15)
#define VMX_MISC_CR3_TARGETS_SHIFT      16
#define VMX_MISC_CR3_TARGETS_MASK       0x1ffull
#define VMX_MISC_MSR_LIST_SHIFT         25
#define VMX_MISC_MSR_LIST_MASK          7ull
#define VMX_MISC_SMM_VMXOFF_BLOCK       BIT(28)
#define VMX_MISC_VMWRITE_ANY            BIT(29)
#define VMX_MISC_INJECT_LENGTH_0        BIT(30)

/* IA32_VMX_EPT_VPID_CAP */
#define EPT_VPID_EXEC_ONLY              BIT(0)
#define EPT_VPID_WALK_4                 BIT(6)
#define EPT_VPID_WALK_5                 BIT(7)
#define EPT_VPID_UC                     BIT(8)
#define EPT_VPID_WB                     BIT(14)
#define EPT_VPID_2M                     BIT(16)
#define EPT_VPID_1G                     BIT(17)
#define EPT_VPID_INVEPT                 BIT(20)
#define EPT_VPID_ACCESSED_DIRTY         BIT(21)
#define EPT_VPID_ADVANCED_EXIT_INFO     BIT(22)
#define EPT_VPID_SHADOW_STACK           BIT(23)
#define EPT_VPID_INVEPT_SINGLE          BIT(25)
#define EPT_VPID_INVEPT_ALL             BIT(26)
#define EPT_VPID_INVVPID                BIT(32)
#define EPT_VPID_INVVPID_ADDRESS        BIT(40)
#define EPT_VPID_INVVPID_SINGLE         BIT(41)
#define EPT_VPID_INVVPID_ALL            BIT(42)
#define EPT_VPID_INVVPID_SINGLE_GLOBAL  BIT(43)

/* IA32_EFER */
#define EFER_SCE                        BIT(0)
#define EFER_LME                        BIT(8)
#define EFER_LMA                        BIT(10)
#define EFER_NXE                        BIT(11)
// clang-format on
