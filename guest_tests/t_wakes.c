/* What wakes a processor, and that nothing else does: INIT and STARTUP, and NMIs to one in HLT with
 * interrupts off, at times that wander; not an NMI that is blocked. */
#include "guest_tests/rt/cmdline.h"
#include "guest_tests/rt/lapic.h"
#include "guest_tests/rt/smp.h"
#include "lib/atomic.h"

#define ROUNDS 4000u
#define LATER  4096u /* ticks */
#define SOON   3000u /* as long as another CPU needs to wake up and to take an INIT */

static u32 seed = 1;

static void work(u64 ticks)
{
    for (const u64 begin = rdtsc(); rdtsc() - begin < ticks;)
        ;
}

static void wander(u32 most)
{
    seed = seed * 1664525 + 1013904223;
    work((seed >> 8) % most);
}

static bool restart(u32 cpu)
{
    const u32 starts = smp_starts(cpu);

    apic_ipi(cpu, ICR_INIT | ICR_ASSERT);
    wander(SOON);
    apic_ipi(cpu, ICR_STARTUP | ICR_ASSERT | SMP_PAGE >> 12);
    return smp_wait_start(cpu, starts);
}

GUEST_TEST(restarts)
{
    seed = (u32)cmdline_number("seed=", 1);
    const u32 rounds = (u32)cmdline_number("rounds=", ROUNDS);
    EXPECT_TRUE(smp_boot() > 1);
    for (u32 i = 0; i < rounds; i++) {
        const u32 cpu = 1 + i % (smp_count() - 1);

        wander(LATER);
        if (!restart(cpu)) {
            FAIL("round %u: processor %u does not start", i, cpu);
            return;
        }
    }
}

static volatile u64 nmis[SMP_MAX], waits[SMP_MAX], wrong;

/* *waits = round, then HLT, once.  An NMI that comes just before the HLT skips it. */
void halt_once(volatile u64 *at, u64 round);
extern const u8 halt_here[];
__asm__(".globl halt_once, halt_here\n"
        "halt_once: movq %rsi, (%rdi)\n"
        "halt_here: hlt\n"
        "ret\n");

static void count(struct frame *f)
{
    nmis[smp_self()]++;
    if (f->rip == (u64)halt_here)
        f->rip++;
}

static void wait_nmis(u64 rounds)
{
    const u64 before = cmdline_number("work=", 0); /* ticks in which it may lose its CPU */
    const u32 self = smp_self();

    for (u64 i = 0; i < rounds; i++) {
        work(before);
        halt_once(&waits[self], i + 1);
        if (READ_ONCE(nmis[self]) != i + 1) {
            wrong = nmis[self] << 32 | (i + 1);
            return;
        }
    }
}

/* As memtest86+'s processors wait for one another: HLT with interrupts off ends by an NMI alone. */
GUEST_TEST(halt_until_nmi)
{
    const u32 rounds = (u32)cmdline_number("rounds=", ROUNDS);

    on_vector(VEC_NMI, count);
    for (u32 cpu = 1; cpu < smp_count(); cpu++)
        smp_start(cpu, wait_nmis, rounds);
    for (u32 i = 0; i < rounds; i++)
        for (u32 cpu = 1; cpu < smp_count(); cpu++) {
            if (!smp_wait_value(&waits[cpu], i + 1, tsc_ms(4000))) {
                FAIL("round %u: processor %u: %u NMIs, wrong %x %x", i, cpu, (u32)nmis[cpu],
                     (u32)(wrong >> 32), (u32)wrong);
                return;
            }
            if (seed % 4)
                wander(LATER);
            apic_ipi(cpu, ICR_NMI | ICR_ASSERT);
        }
    for (u32 cpu = 1; cpu < smp_count(); cpu++)
        EXPECT_TRUE(smp_wait(cpu));
    EXPECT_EQ(wrong, 0);
}

static volatile u64 in_handler, behind_halt;

/* A second NMI is pending from here on, and blocked: HLT goes on. */
static void halt_in_handler(struct frame *f)
{
    (void)f;
    apic_ipi(smp_self(), ICR_NMI | ICR_ASSERT);
    in_handler = 1;
    __asm__ volatile("hlt" : : : "memory");
    behind_halt = 1;
}

static void wait_for_nmi(u64 arg)
{
    (void)arg;
    for (;;)
        cpu_pause();
}

GUEST_TEST(blocked_nmi_does_not_wake)
{
    in_handler = behind_halt = 0;
    on_vector(VEC_NMI, halt_in_handler);
    smp_start(1, wait_for_nmi, 0);
    apic_ipi(1, ICR_NMI | ICR_ASSERT);
    EXPECT_TRUE(smp_wait_value(&in_handler, 1, tsc_ms(1000)));
    work(tsc_ms(20));
    EXPECT_EQ(behind_halt, 0);
    EXPECT_TRUE(smp_restart(1, SMP_PAGE));
}
