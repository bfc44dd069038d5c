/* What an exit costs, seen from the guest: RDTSC; operation; RDTSC, less the empty pair. */
#include "guest_tests/rt/guest.h"

#define SAMPLES 2000u

static u32 sample[SAMPLES];

static void sort(void)
{
    for (u32 gap = SAMPLES / 2; gap > 0; gap /= 2)
        for (u32 i = gap; i < SAMPLES; i++) {
            const u32 value = sample[i];
            u32 j = i;

            for (; j >= gap && sample[j - gap] > value; j -= gap)
                sample[j] = sample[j - gap];
            sample[j] = value;
        }
}

static void report(const char *name)
{
    sort();
    say("BENCH %s min=%u median=%u max=%u\n", name, sample[0], sample[SAMPLES / 2],
        sample[SAMPLES - 1]);
}

#define BENCH(name, ...)                                                                           \
    do {                                                                                           \
        for (u32 i_ = 0; i_ < SAMPLES; i_++) {                                                     \
            const u64 start_ = rdtsc();                                                            \
            __VA_ARGS__;                                                                           \
            sample[i_] = (u32)(rdtsc() - start_);                                                  \
        }                                                                                          \
        report(name);                                                                              \
    } while (0)

GUEST_TEST(bench_exits)
{
    const u64 cr0 = read_cr0(), cr4 = read_cr4(), apic_base = rdmsr(0x1b), pat = rdmsr(0x277);

    write_cr4(cr4 | CR4_OSXSAVE);
    BENCH("empty", (void)0);
    BENCH("cpuid", (void)cpuid(0, 0));
    if (cpuid(1, 0).ecx & BIT(31))
        BENCH("vmcall", (void)vmcall(~0ull, 0, 0));
    BENCH("rdmsr-apic-base", (void)rdmsr(0x1b));
    BENCH("wrmsr-apic-base", wrmsr(0x1b, apic_base));
    BENCH("wrmsr-pat", wrmsr(0x277, pat));
    *(volatile u32 *)0xfee00320 = 0x40000 | 0x60; /* LVT timer: TSC-deadline mode */
    BENCH("arm-deadline", wrmsr(0x6e0, start_ + 100000000 - i_ * 1000));
    wrmsr(0x6e0, 0);
    BENCH("in-pic", (void)inb(PIC1_DATA));
    BENCH("out-pic", outb(PIC1_DATA, 0xff));
    BENCH("in-unclaimed", (void)inb(0x1234));
    BENCH("xsetbv", xsetbv(0, 1));
    BENCH("wbinvd", __asm__ volatile("wbinvd" ::: "memory"));
    BENCH("mov-cr0", write_cr0(cr0));
    BENCH("mov-cr4", write_cr4(cr4 | CR4_OSXSAVE));
    BENCH("mmio-read", (void)*(volatile u32 *)0xa0000);
    BENCH("lapic-read", (void)*(volatile u32 *)0xfee00020);
    BENCH("lapic-eoi", *(volatile u32 *)0xfee000b0 = 0);
    BENCH("fault-ud", (void)FAULTS(__asm__ volatile("ud2")));
    write_cr4(cr4);
    EXPECT_TRUE(true);
}
