/* What an exit costs, seen from the guest: RDTSC; operation; RDTSC, less the empty pair.  With
 * `apic` on the command line, those of the local APIC only. */
#include "guest_tests/rt/bench.h"
#include "guest_tests/rt/lapic.h"

#define SAMPLES       2000u
#define TIMER_SAMPLES 200u
#define SLICE_SAMPLES 64u
#define TIMER_COUNT   20000u /* ticks of the local APIC's timer, which are the TSC's */
#define GAP           40u    /* ticks between two RDTSC of a loop: an exit came in between */
#define MSR_DEADLINE  0x6e0u
#define FRESH         0x1000000ull /* nobody has been there */
#define TSC_DEADLINE  0x40000u     /* mode of the timer's LVT entry */

static u32 sample[SAMPLES];

static bool only_apic(void)
{
    return strcmp(cmdline, "apic") == 0;
}

#define BENCH(name, ...) BENCH_EACH(name, sample, SAMPLES, __VA_ARGS__)

static volatile u64 stamp, served;

static void take_stamp(struct frame *f)
{
    (void)f;
    stamp = rdtsc();
    lapic_put(EOI, 0);
}

/* From the moment that the timer is due to the first instructions of the handler. */
static void bench_timer(const char *name, bool halted)
{
    for (u32 i = 0; i < TIMER_SAMPLES; i++) {
        stamp = 0;

        const u64 start = rdtsc();

        lapic_put(INITIAL_COUNT, TIMER_COUNT);
        if (halted)
            cpu_sti_hlt();
        else
            cpu_sti();
        while (stamp == 0)
            ;
        cpu_cli();
        sample[i] = (u32)(stamp - start - TIMER_COUNT);
    }
    bench_report(name, sample, TIMER_SAMPLES);
}

/* What is measured of an IPI to oneself. */
enum span { TO_HANDLER, TO_ITS_END, ITS_EOI };

static void send_xapic(void)
{
    lapic_put(ICR_LOW, TO_SELF | LOW);
}

static void send_x2apic(void)
{
    wrmsr(0x83f, LOW);
}

static void bench_self_ipi(const char *name, void (*send)(void), enum span span)
{
    cpu_sti();
    for (u32 i = 0; i < TIMER_SAMPLES; i++) {
        stamp = 0;

        const u64 start = rdtsc();

        send();
        while (stamp == 0)
            ;
        const u64 end = rdtsc();
        sample[i] = (u32)(span == TO_HANDLER   ? stamp - start
                          : span == TO_ITS_END ? end - start
                                               : served - stamp);
    }
    cpu_cli();
    bench_report(name, sample, TIMER_SAMPLES);
}

/* The hypervisor's own exits: a loop that does nothing is interrupted by its timer. */
static void bench_slices(void)
{
    const u64 end = rdtsc() + tsc_ms(2000); /* the bare machine has none */
    u32 count = 0;

    for (u64 last = rdtsc(), now; last < end && count < SLICE_SAMPLES; last = now) {
        now = rdtsc();
        if (now - last > GAP)
            sample[count++] = (u32)(now - last);
    }
    if (count > 0)
        bench_report("preemption", sample, count);
}

/* A timer that was put off: the hypervisor finds nothing to do. */
static void bench_put_off(void)
{
    lapic_put(LVT_TIMER, TIMER); /* interrupts are off */
    for (u32 i = 0; i < SLICE_SAMPLES; i++) {
        u64 last, now, turn = GAP; /* of the loop, without an exit */

        lapic_put(INITIAL_COUNT, TIMER_COUNT);
        lapic_put(INITIAL_COUNT, ~0u);
        const u64 end = rdtsc() + 2 * TIMER_COUNT;

        sample[i] = 0;
        for (last = rdtsc(); last < end && sample[i] == 0; last = now) {
            now = rdtsc();
            if (now - last > GAP)
                sample[i] = (u32)(now - last - turn);
            else
                turn = MIN(turn, now - last);
        }
    }
    bench_report("preemption-idle", sample, SLICE_SAMPLES);
}

GUEST_TEST(bench_interrupts)
{
    lapic_fresh();
    on_vector(TIMER, take_stamp);
    on_vector(LOW, take_stamp);
    lapic_put(DIVIDE, 0xb);
    lapic_put(LVT_TIMER, TIMER);
    bench_timer("timer-to-handler", false);
    bench_timer("timer-from-hlt", true);
    bench_self_ipi("self-ipi", send_xapic, TO_HANDLER);
    bench_self_ipi("self-ipi-end", send_xapic, TO_ITS_END);
    bench_put_off();
    lapic_fresh();
    if (!only_apic())
        bench_slices();
    EXPECT_TRUE(true);
}

static void x2apic_stamp(struct frame *f)
{
    (void)f;
    stamp = rdtsc();
    wrmsr(0x80b, 0);
    served = rdtsc();
}

/* In x2APIC mode, which is left through the APIC's being off. */
GUEST_TEST(bench_x2apic)
{
    const u64 base = rdmsr(0x1b), far = tsc_ms(2000);

    lapic_fresh();
    wrmsr(0x1b, base | BIT(10));
    BENCH("x2apic-eoi", wrmsr(0x80b, 0));
    BENCH("x2apic-tpr", wrmsr(0x808, 0));
    BENCH("x2apic-read", (void)rdmsr(0x802));
    BENCH("x2apic-icr", wrmsr(0x830, 1ull << 32 | LOW)); /* to nobody */
    on_vector(LOW, x2apic_stamp);
    bench_self_ipi("x2apic-self-ipi", send_x2apic, TO_HANDLER);
    bench_self_ipi("x2apic-self-ipi-end", send_x2apic, TO_ITS_END);
    bench_self_ipi("x2apic-eoi-served", send_x2apic, ITS_EOI);
    wrmsr(0x832, MASKED | TSC_DEADLINE | TIMER);
    BENCH("x2apic-tsc-deadline", wrmsr(MSR_DEADLINE, start_ + far - i_ * 1000));
    wrmsr(0x1b, base & ~BIT(11));
    wrmsr(0x1b, base);
    lapic_fresh();
    EXPECT_TRUE(true);
}

GUEST_TEST(bench_xapic)
{
    lapic_fresh();
    BENCH("lapic-read", (void)*(volatile u32 *)0xfee00020);
    BENCH("lapic-eoi", *(volatile u32 *)0xfee000b0 = 0);
    EXPECT_TRUE(true);
}

/* What should not exit at all. */
GUEST_TEST(bench_no_exit)
{
    if (only_apic())
        SKIP("has nothing to do with the APIC");

    const u64 cr3 = read_cr3();

    BENCH("no-exit-cr3", write_cr3(cr3));
    BENCH("no-exit-invlpg", invlpg(0x1000));
    BENCH("no-exit-pause", __asm__ volatile("pause"));
    EXPECT_TRUE(true);
}

GUEST_TEST(bench_exits)
{
    const u64 cr0 = read_cr0(), cr4 = read_cr4(), apic_base = rdmsr(0x1b), pat = rdmsr(0x277);
    const u64 mtrr = rdmsr(0x2ff);

    BENCH("empty", (void)0);
    if (only_apic())
        SKIP("has nothing to do with the APIC");
    write_cr4(cr4 | CR4_OSXSAVE);
    volatile u8 *fresh = (volatile u8 *)FRESH;
    BENCH("cpuid", (void)cpuid(0, 0));
    if (cpuid(1, 0).ecx & BIT(31))
        BENCH("vmcall", (void)vmcall(~0ull, 0, 0));
    BENCH("rdmsr-apic-base", (void)rdmsr(0x1b));
    BENCH("wrmsr-apic-base", wrmsr(0x1b, apic_base));
    BENCH("wrmsr-pat", wrmsr(0x277, pat));
    BENCH("rdmsr-misc-enable", (void)rdmsr(0x1a0));
    BENCH("wrmsr-mtrr", wrmsr(0x2ff, mtrr));
    if (cpuid(7, 0).ebx & BIT(1))
        BENCH("wrmsr-tsc-adjust", wrmsr(0x3b, 0));
    if (cpuid(1, 0).ecx & BIT(24)) {
        const u64 far = tsc_ms(2000);

        lapic_put(LVT_TIMER, MASKED | TSC_DEADLINE | TIMER);
        /* Each earlier than the one before, so that the hypervisor's own timer is set. */
        BENCH("wrmsr-tsc-deadline", wrmsr(MSR_DEADLINE, start_ + far - i_ * 1000));
        wrmsr(MSR_DEADLINE, 0);
        lapic_fresh();
    }
    BENCH("in-pic", (void)inb(PIC1_DATA));
    BENCH("out-pic", outb(PIC1_DATA, 0xff));
    BENCH("in-unclaimed", (void)inb(0x1234));
    BENCH("xsetbv", xsetbv(0, 1));
    BENCH("wbinvd", __asm__ volatile("wbinvd" ::: "memory"));
    BENCH("mov-cr0", write_cr0(cr0));
    BENCH("mov-cr4", write_cr4(cr4 | CR4_OSXSAVE));
    BENCH("mmio-read", (void)*(volatile u32 *)0xa0000);
    BENCH("first-touch", fresh += PAGE_SIZE, (void)*fresh); /* maps a page if `touch` is on */
    BENCH("fault-ud", (void)FAULTS(__asm__ volatile("ud2")));
    write_cr4(cr4);
    EXPECT_TRUE(true);
}
