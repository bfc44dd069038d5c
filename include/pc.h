/* Where things are in a guest's PC: hv.elf builds it, and whoever writes its tables tells of it. */
#pragma once
#include "lib/types.h"

/* RAM, by guest-physical address; 0xa0000-0xbffff is the empty VGA window. */
#define VM_LOW_END  0xa0000ull /* the legacy hole is not RAM */
#define VM_HIGH_ROM 0xc0000ull /* RAM again: firmware tables */
#define VM_PCI_HOLE (3 * GiB)  /* RAM beyond this goes above 4 GiB */

#define IOAPIC_BASE 0xfec00000ull
#define LAPIC_BASE  0xfee00000ull

/* ACPI's fixed hardware, in ports. */
#define PM1_EVENT     0x600 /* status 0x600, enable 0x602 */
#define PM1_CONTROL   0x604
#define PM_TIMER      0x608
#define PM_SLP_TYP_S5 5 /* what switches it off */

/* What its processor has of the machine's features in EDX of CPUID leaf 1, by the names of
 * arch/x86_64/cpuid_bits.h. */
#define PC_1_EDX                                                                                   \
    (CPUID_1_EDX_FPU | CPUID_1_EDX_VME | CPUID_1_EDX_DE | CPUID_1_EDX_PSE | CPUID_1_EDX_TSC |      \
     CPUID_1_EDX_MSR | CPUID_1_EDX_PAE | CPUID_1_EDX_CX8 | CPUID_1_EDX_APIC | CPUID_1_EDX_SEP |    \
     CPUID_1_EDX_MTRR | CPUID_1_EDX_PGE | CPUID_1_EDX_CMOV | CPUID_1_EDX_PAT | CPUID_1_EDX_PSE36 | \
     CPUID_1_EDX_CLFSH | CPUID_1_EDX_MMX | CPUID_1_EDX_FXSR | CPUID_1_EDX_SSE | CPUID_1_EDX_SSE2)

/* CPUID_1_EDX_HTT, which its processors have if there are several, whatever the machine's have. */
#define PC_1_EDX_HTT BIT32(28)
