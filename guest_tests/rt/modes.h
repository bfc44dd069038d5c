/* The walk through the processor's modes (rt/modes.asm) and what it notes in low memory. */
#pragma once
#include "lib/types.h"

#define MODES_CODE    0x8000ull
#define MODES_RECORDS 0x7000ull
#define MODES_COUNTS  0x7500ull
#define MODES_TABLES  0x7600ull
#define MODES_IDT32   0x5000ull

enum {
    MODE_COMPAT,
    MODE_PROTECTED,
    MODE_PAGING32,
    MODE_PAE,
    MODE_PROTECTED16,
    MODE_REAL,
    MODE_PROTECTED_AGAIN,
    MODE_COMPAT_AGAIN,
    MODES
};

struct modes_record {
    u32 cr0, eax, ebx, ecx, edx; /* CPUID leaf 0 */
    u32 pic_mask;                /* IN AL, 0x21 */
    u32 efer;
    u32 mark; /* 0x600d0000 + mode */
};

extern const u8 modes_start[], modes_end[], modes_int32[], modes_int16[], modes_irq16[];
NORETURN void compat_into(void);
NORETURN void compat_bound(void);

/* rt/mode_faults.asm.  Leave IA-32e mode, load this TSS, set CR0.PG again together with these
 * bits (0 or CR0_CD), come back; 0, or vector << 16 | error code of the MOV to CR0. */
u32 enter_ia32e_with_tss(u16 selector, u32 cr0_bits);

/* MOV to CR4 of a reserved bit in real mode, with a vector table of this limit; 0, or
 * vector << 16 | bytes of the frame for #GP and #DF. */
u32 real_mode_fault(u16 idt_limit);

/* rt/task_switch.asm.  A far jump to a task whose TSS is in no memory, in 32-bit protected mode. */
void task_switch(void);
