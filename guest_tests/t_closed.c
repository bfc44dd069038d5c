/* Interrupts come where IF is set, and nowhere else, whatever takes the CPU away: turns of others,
 * exits, the host's own interrupts. */
#include "guest_tests/rt/lapic.h"
#include "guest_tests/rt/smp.h"
#include "lib/atomic.h"

#define COM1          0x3f8
#define IOAPIC        0xfec00000ull
#define MSR_APIC_BASE 0x1bu
#define RFLAGS_IF     BIT(9)
#define LONG          400000u /* ticks: more than a turn */

static volatile u64 taken[SMP_MAX], closed_in;

static void take(struct frame *f)
{
    taken[smp_self()]++;
    if (!(f->rflags & RFLAGS_IF))
        closed_in = f->rip;
    apic_put(APIC_EOI, 0);
}

static void work(u64 ticks)
{
    for (const u64 begin = rdtsc(); rdtsc() - begin < ticks;)
        ;
}

static u32 next(u32 *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Open and closed for long and short times, with exits of several kinds in them, while all send to
 * one another. */
static void open_and_close(u64 ticks)
{
    const u32 self = smp_self();
    u32 state = self * 977 + 1;

    for (const u64 begin = rdtsc(); rdtsc() - begin < ticks && !closed_in;) {
        const u32 what = next(&state) % 16;

        if (what & 8)
            cpu_sti();
        else
            cpu_cli();
        apic_ipi(next(&state) % smp_count(), LOW | ICR_ASSERT);
        switch (what & 7) {
        case 0: work(next(&state) % LONG); break;
        case 1: (void)cpuid(0, 0); break;
        case 2: outb(COM1 + 1, (u8)(next(&state) & 2)), (void)inb(COM1 + 2); break;
        case 3: (void)*(volatile u32 *)IOAPIC; break;
        case 4:
            for (u32 i = 0; i < 3000; i++)
                cpu_pause();
            break;
        case 5: (void)rdmsr(MSR_APIC_BASE); break;
        case 6: apic_ipi(self, MIDDLE | ICR_ASSERT); break;
        default: work(next(&state) % 5000); break;
        }
    }
    cpu_cli();
}

GUEST_TEST(closed)
{
    EXPECT_TRUE(smp_boot() > 1);
    lapic_fresh();
    on_vector(LOW, take), on_vector(MIDDLE, take);
    EXPECT_TRUE(smp_all(open_and_close, tsc_ms(500)));
    if (closed_in)
        FAIL("an interrupt at 0x%x, with IF clear", (u32)closed_in);
    for (u32 cpu = 0; cpu < smp_count(); cpu++)
        EXPECT_TRUE(taken[cpu] != 0);
}
