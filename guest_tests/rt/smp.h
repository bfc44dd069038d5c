/* The other processors of the machine.  smp_boot() starts them; then each sleeps in HLT with
 * interrupts on until smp_start() gives it a function to run.  The stack says which processor
 * runs, so that GS and the local APIC's mode are the tests' own.  SDM Vol. 3A,
 * "Multiple-Processor (MP) Initialization". */
#pragma once
#include "guest_tests/rt/guest.h"

#define SMP_MAX      8u
#define VEC_SMP_CALL 0xf1u
#define SMP_PAGE     0x8000u /* where they start; tests may use others below SMP_PAGE_END, too */
#define SMP_PAGE_END 0x9f000u

/* The first state that rt/smp.asm sees, in the page that STARTUP named. */
struct smp_arrival {
    u32 eax, ecx, edx, ebx, esp, ebp, esi, edi;
    u32 cr0, cr2, cr3, cr4, dr6, dr7, efer_low, efer_high, eflags;
    u16 cs, ds, es, fs, gs, ss;
    u16 gdt_limit, gdt_base[2], idt_limit, idt_base[2];
    u32 count; /* of processors that came by */
} PACKED;
#define SMP_ARRIVAL_AT 0x800u /* in the page */

static inline volatile struct smp_arrival *smp_arrival(u32 page)
{
    return (volatile struct smp_arrival *)((u64)page + SMP_ARRIVAL_AT);
}

/* How many there are; 0 before smp_boot(). */
u32 smp_count(void);
/* The number of the one that asks, which is its local APIC's initial ID. */
extern bool smp_several; /* others were started */
u32 smp_of_stack(void);
static inline u32 smp_self(void)
{
    return smp_several ? smp_of_stack() : 0; /* what is measured on one processor stays short */
}
/* Starts all others by the broadcasts; again: the same.  Gives smp_count(). */
u32 smp_boot(void);
/* Lets one start at `page`, by INIT and STARTUP; false: it did not come. */
bool smp_restart(u32 cpu, u32 page);
/* The code that starts a processor, in a page below 1 MiB. */
void smp_page_make(u32 page);
/* How often this processor has started. */
u32 smp_starts(u32 cpu);
bool smp_wait_start(u32 cpu, u32 starts); /* until it has started more often than that */

/* fn(arg) on a processor, with interrupts off; smp_start() does not wait for its end. */
typedef void (*smp_function)(u64 arg);
void smp_start(u32 cpu, smp_function fn, u64 arg);
bool smp_wait(u32 cpu); /* false: not within some seconds, or a fault that nobody caught */
bool smp_is_idle(u32 cpu);
bool smp_call(u32 cpu, smp_function fn, u64 arg);
bool smp_all(smp_function fn, u64 arg); /* on all at once, this one too */

/* All `count` that come here go on together. */
struct smp_barrier {
    u32 here, round;
};
void smp_barrier_wait(struct smp_barrier *b, u32 count);
/* Until *value is at least that; with PAUSE; false: not in time. */
bool smp_wait_value(volatile u64 *value, u64 at_least, u64 tsc_ticks);

/* ---- the local APIC of this processor, in xAPIC or in x2APIC mode ---- */
#define APIC_ID       0x020u
#define APIC_EOI      0x0b0u
#define APIC_SVR      0x0f0u
#define ICR_INIT      0x00500u
#define ICR_STARTUP   0x00600u
#define ICR_NMI       0x00400u
#define ICR_LOWEST    0x00100u
#define ICR_LOGICAL   0x00800u
#define ICR_BUSY      0x01000u
#define ICR_ASSERT    0x04000u
#define ICR_LEVEL     0x08000u
#define ICR_TO_SELF   0x40000u
#define ICR_TO_ALL    0x80000u
#define ICR_TO_OTHERS 0xc0000u
u32 apic_get(u32 offset);
void apic_put(u32 offset, u32 value);
bool apic_is_x2apic(void);
/* destination: of 8 or 32 bits, as the mode wants it. */
void apic_ipi(u32 destination, u32 low);
