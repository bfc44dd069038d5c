/* The other processors: found, woken one after another, checked, and handed to vmm/.
 * SDM Vol. 3A, "Multiple-Processor (MP) Initialization", "Issuing Interprocessor Interrupts". */
#pragma once
#include "arch/x86_64/percpu.h"
#include "lib/types.h"

/* Pages below 1 MiB that the start needs, one after the other: the trampoline, and the page table
 * that CR3 of a processor without 64-bit mode can name. */
#define SMP_LOW_PAGES 2u

/* Of ap_slot, in place of a CPU's number: a processor that starts now halts. */
#define AP_NOBODY 0xffffffffu

struct smp_plan {
    hpa_t low; /* SMP_LOW_PAGES pages; not used any more when smp_start() has returned */
    /* As the firmware lists them, the boot CPU among them or not. */
    const u32 *apic_id;
    u32 count;
    /* Called on each other CPU, with IF=0, on its own stack and with all that arch/ has.  Calls
     * smp_online() when the CPU is ready and does not return after that; if it returns, the CPU is
     * left out (it must not be in VMX operation then, which blocks INIT). */
    void (*entry)(void);
};

/* On the boot CPU, after apic_init(): returns how many CPUs run, itself among them.  They are
 * numbered from 0 without gaps, in the order of the list.  A CPU that does not
 * come up, does not answer IPIs, has another time-stamp counter, or that entry() refuses is
 * reported and waits for a startup IPI that nobody sends. */
u32 smp_start(const struct smp_plan *plan);
void smp_online(void);
/* CPUs that run: numbers 0 to cpu_count() - 1. */
u32 cpu_count(void);
