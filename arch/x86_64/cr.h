/* Control registers, RFLAGS, debug registers, XCR0 and exception vectors: names, no logic.
 * SDM Vol. 3A, "Control Registers", "Debug Registers", "Exception and Interrupt Reference";
 * Vol. 1, "EFLAGS Register". */
#pragma once
#include "lib/types.h"

// clang-format off
#define CR0_PE          BIT(0)
#define CR0_MP          BIT(1)
#define CR0_EM          BIT(2)
#define CR0_TS          BIT(3)
#define CR0_ET          BIT(4)
#define CR0_NE          BIT(5)
#define CR0_WP          BIT(16)
#define CR0_AM          BIT(18)
#define CR0_NW          BIT(29)
#define CR0_CD          BIT(30)
#define CR0_PG          BIT(31)

#define CR3_PWT         BIT(3)
#define CR3_PCD         BIT(4)
#define CR3_PCID        0xfffull
#define CR3_ADDRESS     0x000ffffffffff000ull
#define CR3_NO_FLUSH    BIT(63)

#define CR4_VME         BIT(0)
#define CR4_PVI         BIT(1)
#define CR4_TSD         BIT(2)
#define CR4_DE          BIT(3)
#define CR4_PSE         BIT(4)
#define CR4_PAE         BIT(5)
#define CR4_MCE         BIT(6)
#define CR4_PGE         BIT(7)
#define CR4_PCE         BIT(8)
#define CR4_OSFXSR      BIT(9)
#define CR4_OSXMMEXCPT  BIT(10)
#define CR4_UMIP        BIT(11)
#define CR4_LA57        BIT(12)
#define CR4_VMXE        BIT(13)
#define CR4_SMXE        BIT(14)
#define CR4_FSGSBASE    BIT(16)
#define CR4_PCIDE       BIT(17)
#define CR4_OSXSAVE     BIT(18)
#define CR4_KL          BIT(19)
#define CR4_SMEP        BIT(20)
#define CR4_SMAP        BIT(21)
#define CR4_PKE         BIT(22)
#define CR4_CET         BIT(23)
#define CR4_PKS         BIT(24)
#define CR4_UINTR       BIT(25)

#define XCR0_X87        BIT(0)
#define XCR0_SSE        BIT(1)
#define XCR0_AVX        BIT(2)
#define XCR0_BNDREGS    BIT(3)
#define XCR0_BNDCSR     BIT(4)
#define XCR0_OPMASK     BIT(5)
#define XCR0_ZMM_HI256  BIT(6)
#define XCR0_HI16_ZMM   BIT(7)
#define XCR0_PKRU       BIT(9)
#define XCR0_TILECFG    BIT(17)
#define XCR0_TILEDATA   BIT(18)

#define RFLAGS_CF       BIT(0)
#define RFLAGS_FIXED_1  BIT(1)
#define RFLAGS_PF       BIT(2)
#define RFLAGS_AF       BIT(4)
#define RFLAGS_ZF       BIT(6)
#define RFLAGS_SF       BIT(7)
#define RFLAGS_TF       BIT(8)
#define RFLAGS_IF       BIT(9)
#define RFLAGS_DF       BIT(10)
#define RFLAGS_OF       BIT(11)
#define RFLAGS_IOPL     (3ull << 12)
#define RFLAGS_NT       BIT(14)
#define RFLAGS_RF       BIT(16)
#define RFLAGS_VM       BIT(17)
#define RFLAGS_AC       BIT(18)
#define RFLAGS_VIF      BIT(19)
#define RFLAGS_VIP      BIT(20)
#define RFLAGS_ID       BIT(21)

#define DR6_B0          BIT(0)
#define DR6_B1          BIT(1)
#define DR6_B2          BIT(2)
#define DR6_B3          BIT(3)
#define DR6_BLD         BIT(11) /* active low */
#define DR6_BD          BIT(13)
#define DR6_BS          BIT(14)
#define DR6_BT          BIT(15)
#define DR6_RTM         BIT(16) /* active low */
#define DR6_INIT        0xffff0ff0ull
#define DR7_L0          BIT(0)
#define DR7_G0          BIT(1)
#define DR7_ENABLE_ANY  0xffull
#define DR7_LE          BIT(8)
#define DR7_GE          BIT(9)
#define DR7_FIXED_1     BIT(10)
#define DR7_RTM         BIT(11)
#define DR7_GD          BIT(13)
#define DR7_INIT        DR7_FIXED_1

/* Page-fault error code */
#define PF_P            BIT(0)
#define PF_W            BIT(1)
#define PF_U            BIT(2)
#define PF_RSVD         BIT(3)
#define PF_I            BIT(4)
#define PF_PK           BIT(5)
#define PF_SS           BIT(6)

/* Exception vectors */
#define VEC_DE          0u
#define VEC_DB          1u
#define VEC_NMI         2u
#define VEC_BP          3u
#define VEC_OF          4u
#define VEC_BR          5u
#define VEC_UD          6u
#define VEC_NM          7u
#define VEC_DF          8u
#define VEC_TS          10u
#define VEC_NP          11u
#define VEC_SS          12u
#define VEC_GP          13u
#define VEC_PF          14u
#define VEC_MF          16u
#define VEC_AC          17u
#define VEC_MC          18u
#define VEC_XM          19u
#define VEC_VE          20u
#define VEC_CP          21u
// clang-format on
