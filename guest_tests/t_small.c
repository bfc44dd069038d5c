/* A guest that needs little: it computes, exits and sleeps, rounds=N times or, if that is 0, until
 * somebody ends it; with cpus=N its other processors do so, too.  Many of these live at a time, or
 * one after another. */
#include "guest_tests/rt/guest.h"
#include "guest_tests/rt/lapic.h"
#include "guest_tests/rt/smp.h"

#define TSC_DEADLINE     0x40000u
#define MSR_TSC_DEADLINE 0x6e0u
#define WORK             3000u
#define NAP              20000u /* ticks */

static u64 number_of(const char *key, u64 otherwise)
{
    const size_t len = strlen(key);
    u64 number = 0;

    for (const char *c = cmdline; *c != 0; c++) {
        if (strncmp(c, key, len) != 0)
            continue;
        for (c += len; *c >= '0' && *c <= '9'; c++)
            number = number * 10 + (u64)(*c - '0');
        return number;
    }
    return otherwise;
}

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
        wrmsr(MSR_TSC_DEADLINE, rdtsc() + NAP);
        cpu_sti_hlt();
        cpu_cli();
    }
}

GUEST_TEST(lives)
{
    const u64 rounds = number_of("rounds=", 20);

    on_vector(TIMER, awake);
    apic_put(APIC_SVR, ENABLED | SPURIOUS);
    if (number_of("cpus=", 1) > 1) {
        (void)smp_boot();
        for (u32 cpu = 1; cpu < smp_count(); cpu++)
            smp_start(cpu, live, rounds);
    }
    live(rounds);
    for (u32 cpu = 1; cpu < smp_count(); cpu++)
        EXPECT_TRUE(smp_wait(cpu));
}
