/* The host's local APIC (x2APIC if the CPU has it and leaving it is never needed; xAPIC else),
 * used for the idle timer, IPIs and spurious interrupts.  I/O APIC lines are masked;
 * the 8259s were by the loader.
 * SDM Vol. 3A, "Advanced Programmable Interrupt Controller (APIC)". */
#pragma once
#include "lib/types.h"

#define APIC_VECTOR_SERIAL   0xecu /* a serial port has received something */
#define APIC_VECTOR_KICK     0xedu /* ends a HLT and does nothing else */
#define APIC_VECTOR_TIMER    0xeeu
#define APIC_VECTOR_SPURIOUS 0xefu

/* On the boot CPU, after paging_init() and tsc_init(); apic_init_cpu() on the others, after it. */
void apic_init(void);
void apic_init_cpu(void);
/* Masks every line of one more I/O APIC (apic_init() has done the one at 0xfec00000). */
void apic_mask_ioapic(hpa_t base);
/* A line of the I/O APIC at 0xfec00000 to this CPU, as the ISA bus has it: edges, active high. */
void apic_route_line(u32 line, u8 vector);
void apic_mask_line(u32 line);
u32 apic_id(void);
void apic_eoi(void);
/* Halts until any interrupt arrives, at the latest at the TSC value `deadline` (~0: no limit).
 * Called and returns with IF=0. */
void apic_wait_until(u64 deadline_tsc);
/* APIC_VECTOR_TIMER at that TSC value, at once if it has passed; where the timer has no
 * TSC-deadline mode, a second from now at the latest.  One at a time: apic_wait_until() uses the
 * same timer, and stops it. */
void apic_timer_set(u64 deadline_tsc, u64 now);
void apic_timer_stop(void);

/* To a CPU by Lintel's number, below cpu_count() or being started.  Not from an NMI's handler,
 * which may interrupt a sender between the two halves of xAPIC's command. */
void apic_send_ipi(u32 cpu, u8 vector);
void apic_send_nmi(u32 cpu);

/* By APIC id, for smp.c; `page` is below 1 MiB. */
bool apic_can_reach(u32 id);
void apic_send_init(u32 id);
void apic_send_startup(u32 id, hpa_t page);
