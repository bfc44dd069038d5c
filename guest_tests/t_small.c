/* A guest that needs little: it computes, exits and sleeps, rounds=N times or, if that is 0, until
 * somebody ends it; naps=0: it does not sleep.  With cpus=N its other processors do so, too; with
 * starts=1 it starts them anew all the time instead.  Many of these live at a time, or one after
 * another. */
#include "guest_tests/rt/cmdline.h"
#include "guest_tests/rt/guest.h"
#include "guest_tests/rt/lapic.h"
#include "guest_tests/rt/smp.h"

#define TSC_DEADLINE     0x40000u
#define MSR_TSC_DEADLINE 0x6e0u
#define WORK             3000u
#define NAP              20000u /* ticks */

static bool naps;

static void awake(struct frame *f)
{
    (void)f;
    apic_put(APIC_EOI, 0);
}

static void live(u64 rounds)
{
    apic_put(LVT_TIMER, TSC_DEADLINE | TIMER);
    for (u64 i = 0; rounds == 0 || i < rounds; i++) {
        volatile u64 sum = 0;

        for (u64 n = 0; n < WORK + i % 7 * 100; n++)
            sum += n;
        (void)cpuid(0, 0);
        (void)inb(0x1234);
        if (!naps)
            continue;
        wrmsr(MSR_TSC_DEADLINE, rdtsc() + NAP);
        cpu_sti_hlt();
        cpu_cli();
    }
}

static void start_for_ever(void)
{
    for (u32 cpu = 1;; cpu = cpu % (smp_count() - 1) + 1)
        if (!smp_restart(cpu, SMP_PAGE))
            return;
}

GUEST_TEST(lives)
{
    const u64 rounds = cmdline_number("rounds=", 20);

    naps = cmdline_number("naps=", 1);
    on_vector(TIMER, awake);
    apic_put(APIC_SVR, ENABLED | SPURIOUS);
    if (cmdline_number("cpus=", 1) > 1) {
        (void)smp_boot();
        if (cmdline_number("starts=", 0) && smp_count() > 1)
            start_for_ever();
        for (u32 cpu = 1; cpu < smp_count(); cpu++)
            smp_start(cpu, live, rounds);
    }
    live(rounds);
    for (u32 cpu = 1; cpu < smp_count(); cpu++)
        EXPECT_TRUE(smp_wait(cpu));
}
