/* The hypervisor's segments: selectors, and the descriptor tables that each CPU owns.
 * vmx/ writes these into the host-state area, since a VM exit reloads them from there.
 * SDM Vol. 3A, "Segmentation" and "Task Management in 64-bit Mode". */
#pragma once
#include "lib/types.h"

#define SEL_NULL    0x00u
#define SEL_CODE    0x08u
#define SEL_DATA    0x10u
#define SEL_TSS     0x18u /* 16 bytes: two entries */
#define GDT_ENTRIES 5u

/* Interrupt-stack-table slots (1-based in gates) for what must not trust the current stack. */
enum ist { IST_NONE, IST_NMI, IST_MC, IST_DF, IST_DB, IST_END };
#define IST_COUNT (IST_END - 1)

struct tss {
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 ist[7]; /* IST1 first */
    u64 reserved2;
    u16 reserved3;
    u16 io_map_base;
} PACKED;

struct cpu_tables {
    u64 gdt[GDT_ENTRIES];
    u16 gdt_limit;
    u16 idt_limit;
    u64 gdt_base, idt_base, tss_base; /* linear addresses */
    struct tss tss __attribute__((aligned(16)));
};

_Static_assert(sizeof(struct tss) == 104, "SDM Vol. 3A, \"64-Bit TSS Format\"");

/* Fills and loads this CPU's GDT and TSS; ist_top[] is indexed by enum ist, linear addresses of
 * the stacks' ends.  Leaves FS and GS null, with their bases 0. */
void seg_init(struct cpu_tables *t, const u64 ist_top[IST_END]);
