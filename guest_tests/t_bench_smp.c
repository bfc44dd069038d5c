/* What interrupts between processors cost, seen from the guest; all of them have one TSC. */
#include "guest_tests/rt/bench.h"
#include "guest_tests/rt/lapic.h"
#include "guest_tests/rt/smp.h"

#define SAMPLES      400u
#define APART        20000u /* ticks: more than any of it takes, so that the other sleeps */
#define TIMER_COUNT  20000u
#define MSR_DEADLINE 0x6e0u
#define TSC_DEADLINE 0x40000u

static u32 sample[SAMPLES];
static volatile u64 stamp, stop;

static void take_stamp(struct frame *f)
{
    (void)f;
    stamp = rdtsc();
    apic_put(APIC_EOI, 0);
}

/* The one that is measured: it spins with interrupts on, or sleeps. */
static void be_there(u64 halted)
{
    while (stop == 0) {
        if (halted) {
            cpu_sti_hlt();
        } else {
            cpu_sti();
            while (stop == 0 && stamp == 0)
                ;
        }
    }
    cpu_cli();
}

static void wait_ticks(u64 ticks)
{
    for (const u64 begin = rdtsc(); rdtsc() - begin < ticks;)
        ;
}

/* From before the write of the ICR to the first instructions of the other's handler. */
static void bench_ipi(const char *name, bool halted, bool x2)
{
    stop = 0;
    on_vector(LOW, take_stamp);
    smp_start(1, be_there, halted);
    lapic_put(ICR_HIGH, 1u << 24);
    for (u32 i = 0; i < SAMPLES; i++) {
        wait_ticks(APART);
        stamp = 0;

        const u64 start = rdtsc();

        if (x2)
            wrmsr(0x830, 1ull << 32 | LOW | ICR_ASSERT);
        else
            lapic_put(ICR_LOW, LOW | ICR_ASSERT);
        while (stamp == 0)
            ;
        sample[i] = (u32)(stamp - start);
    }
    stop = 1;
    apic_ipi(1, LOW | ICR_ASSERT);
    EXPECT_TRUE(smp_wait(1));
    bench_report(name, sample, SAMPLES);
}

static bool too_few_cpus(void)
{
    if (smp_count() == 0)
        (void)smp_boot();
    return smp_count() < 2;
}

GUEST_TEST(ipi_to_another)
{
    if (strcmp(cmdline, "shared") == 0 || too_few_cpus())
        SKIP("needs a CPU for each");
    lapic_fresh();
    bench_ipi("ipi-spinning", false, false);
    bench_ipi("ipi-from-hlt", true, false);
}

GUEST_TEST(x2apic_ipi_to_another)
{
    if (strcmp(cmdline, "shared") == 0 || too_few_cpus())
        SKIP("needs a CPU for each");
    EXPECT_TRUE(smp_all(lapic_to_x2apic, 0));
    bench_ipi("x2apic-ipi-spinning", false, true);
    bench_ipi("x2apic-ipi-from-hlt", true, true);
    EXPECT_TRUE(smp_all(lapic_to_xapic, 0));
}

/* From the deadline to the handler: of IA32_TSC_DEADLINE. */
static void bench_deadline(const char *name, bool halted)
{
    for (u32 i = 0; i < SAMPLES; i++) {
        stamp = 0;

        const u64 due = rdtsc() + TIMER_COUNT;

        wrmsr(MSR_DEADLINE, due);
        if (halted)
            cpu_sti_hlt();
        else
            cpu_sti();
        while (stamp == 0)
            ;
        cpu_cli();
        sample[i] = (u32)(stamp - due);
    }
    bench_report(name, sample, SAMPLES);
}

GUEST_TEST(deadline)
{
    const u64 far = tsc_ms(2000);

    if (strcmp(cmdline, "shared") == 0)
        SKIP("the other one would be in the way");
    lapic_fresh();
    on_vector(TIMER, take_stamp);
    lapic_put(LVT_TIMER, TSC_DEADLINE | TIMER);
    for (u32 i = 0; i < SAMPLES; i++) {
        const u64 start = rdtsc();

        wrmsr(MSR_DEADLINE, start + far - i * 1000);
        sample[i] = (u32)(rdtsc() - start);
    }
    bench_report("deadline-arm", sample, SAMPLES);
    bench_deadline("deadline-spinning", false);
    bench_deadline("deadline-from-hlt", true);
    lapic_fresh();
}

/* ---- two on one CPU ---- */

static volatile u64 turn;

static void be_woken(struct frame *f)
{
    (void)f;
    apic_put(APIC_EOI, 0);
}

/* Each hands the turn over, wakes the other and sleeps until it is back. */
static void hand_over_by_hlt(u64 me)
{
    lapic_put(ICR_HIGH, (u32)(1 - me) << 24);
    while (stop == 0) {
        if ((turn & 1) == me) {
            turn++;
            lapic_put(ICR_LOW, LOW | ICR_ASSERT);
        }
        while ((turn & 1) != me && stop == 0) {
            cpu_sti_hlt();
            cpu_cli();
        }
    }
}

static void hand_over_by_pause(u64 me)
{
    cpu_sti();
    while (stop == 0)
        if ((turn & 1) == me)
            turn++;
        else
            cpu_pause();
    cpu_cli();
}

static volatile u64 slept_at;
static volatile u32 switches;

static void take_switch(void)
{
    const u64 from = slept_at, now = rdtsc();

    if (from == 0)
        return;
    if (switches < SAMPLES)
        sample[switches++] = (u32)(now - from);
    slept_at = 0;
}

/* From just before the HLT of one to the next instruction of the other, whose turn it was not: the
 * way from one to the other, and nothing else. */
static void compute(u64 until)
{
    while (switches < until)
        take_switch();
}

static void bench_switch(u32 count)
{
    on_vector(TIMER, be_woken);
    lapic_put(LVT_TIMER, TSC_DEADLINE | TIMER);
    slept_at = switches = 0;
    smp_start(1, compute, count);
    while (switches < count) {
        wrmsr(MSR_DEADLINE, rdtsc() + APART);
        slept_at = rdtsc();
        cpu_sti_hlt();
        cpu_cli();
    }
    EXPECT_TRUE(smp_wait(1));
    bench_report("switch", sample, count);
}

/* The same to one that sleeps, and for which an interrupt came: to its handler. */
static void take_over(struct frame *f)
{
    take_switch();
    be_woken(f);
}

static void sleep_in_turn(u64 me)
{
    lapic_put(ICR_HIGH, (u32)(1 - me) << 24);
    while (switches < SAMPLES) {
        lapic_put(ICR_LOW, LOW | ICR_ASSERT);
        slept_at = rdtsc();
        cpu_sti_hlt();
        cpu_cli();
    }
    lapic_put(ICR_LOW, LOW | ICR_ASSERT);
}

static void bench_switch_to_woken(void)
{
    on_vector(LOW, take_over);
    slept_at = switches = 0;
    smp_start(1, sleep_in_turn, 1);
    sleep_in_turn(0);
    EXPECT_TRUE(smp_wait(1));
    bench_report("switch-to-woken", sample, SAMPLES);
}

static volatile u64 bench_end;

/* Ends the other one's loop, which looks at `stop`, from a timer. */
static void end_it(struct frame *f)
{
    (void)f;
    stop = 1;
    bench_end = rdtsc();
    apic_put(APIC_EOI, 0);
}

/* Ticks from turn to turn, on average over a while. */
static void bench_turns(const char *name, smp_function play)
{
    on_vector(LOW, be_woken);
    on_vector(TIMER, end_it);
    stop = turn = 0;
    lapic_put(LVT_TIMER, TSC_DEADLINE | TIMER);
    const u64 begin = rdtsc();

    wrmsr(MSR_DEADLINE, begin + tsc_ms(200));
    smp_start(1, play, 1);
    cpu_sti();
    play(0);
    while (bench_end == 0)
        cpu_pause();
    cpu_cli();
    apic_ipi(1, LOW | ICR_ASSERT);
    const u64 turns = turn;
    EXPECT_TRUE(smp_wait(1));
    say("BENCH %s min=%llu median=%llu max=%llu\n", name,
        (unsigned long long)((bench_end - begin) / MAX(turns, 1)),
        (unsigned long long)((bench_end - begin) / MAX(turns, 1)),
        (unsigned long long)((bench_end - begin) / MAX(turns, 1)));
    bench_end = 0;
}

GUEST_TEST(turns)
{
    if (strcmp(cmdline, "shared") != 0 || too_few_cpus())
        SKIP("needs two on one CPU");
    lapic_fresh();
    bench_switch(50); /* each takes the slice of the one that computes */
    bench_switch_to_woken();
    bench_turns("switch-by-hlt", hand_over_by_hlt);
    bench_turns("switch-by-pause", hand_over_by_pause);
    lapic_fresh();
}
