/* KVM's paravirtual interface: the leaves, the clock against RDTSC, the PIT and the real-time
 * clock, and what the MSRs refuse.  Linux, Documentation/virt/kvm/x86/{cpuid,msr}.rst. */
#include "abi/kvm.h"
#include "guest_tests/rt/lapic.h"

#define HYPERVISOR BIT(31) /* CPUID leaf 1 ECX */
#define VGA_HOLE   0xa0000ull

static struct kvm_system_time time_page[2] __attribute__((aligned(64)));
static struct kvm_wall_clock wall __attribute__((aligned(64)));
static struct kvm_steal_time steal __attribute__((aligned(64)));
static volatile u32 eoi_word;

static u64 address(volatile void *at)
{
    return (u64)at;
}

static u32 features(void)
{
    return cpuid(KVM_CPUID_FEATURES, 0).eax;
}

/* Nanoseconds since boot, as a guest of KVM reads them. */
static u64 system_time(void)
{
    const volatile struct kvm_system_time *t = &time_page[0];
    u64 ns;
    u32 version;

    do {
        u64 ticks;

        version = t->version;
        ticks = rdtsc() - t->tsc_timestamp;
        ticks = t->tsc_shift >= 0 ? ticks << t->tsc_shift : ticks >> -t->tsc_shift;
        ns = t->system_time + (u64)((unsigned __int128)ticks * t->tsc_to_system_mul >> 32);
    } while (version & 1 || version != t->version);
    return ns;
}

static bool starts(void)
{
    return wrmsr_safe(MSR_KVM_SYSTEM_TIME, address(time_page) | KVM_MSR_ENABLED);
}

static bool near(u64 value, u64 want, u64 tolerance)
{
    return value + tolerance > want && value < want + tolerance;
}

GUEST_TEST(leaves)
{
    const struct cpuid r = cpuid(KVM_CPUID_SIGNATURE, 0);
    const u32 wanted = KVM_FEATURE_NOP_IO_DELAY | KVM_FEATURE_CLOCKSOURCE2 |
                       KVM_FEATURE_STEAL_TIME | KVM_FEATURE_CLOCKSOURCE_STABLE_BIT;

    EXPECT_TRUE(cpuid(1, 0).ecx & HYPERVISOR);
    EXPECT_EQ(r.eax, KVM_CPUID_FEATURES);
    EXPECT_TRUE(memcmp(&r.ebx, KVM_SIGNATURE, 4) == 0 &&
                memcmp(&r.ecx, KVM_SIGNATURE + 4, 4) == 0 &&
                memcmp(&r.edx, KVM_SIGNATURE + 8, 4) == 0);
    EXPECT_EQ(features() & ~KVM_FEATURE_PV_EOI, wanted);
    EXPECT_EQ(cpuid(KVM_CPUID_FEATURES, 0).edx, 0);
}

GUEST_TEST(runs_with_the_tsc_and_the_pit)
{
    u64 tsc, ns;

    EXPECT_TRUE(starts());
    EXPECT_EQ(rdmsr(MSR_KVM_SYSTEM_TIME), address(time_page) | KVM_MSR_ENABLED);
    EXPECT_EQ(time_page[0].version & 1, 0);
    EXPECT_EQ(time_page[0].flags, KVM_CLOCK_STABLE);
    ns = system_time();
    tsc = rdtsc();
    pit_wait(PIT_HZ / 20);
    ns = system_time() - ns;
    tsc = rdtsc() - tsc;
    EXPECT_TRUE(near(ns, 50000000, 500000));
    EXPECT_TRUE(near(ns, tsc * 1000000 / (machine.tsc_hz / 1000), 10000));
    EXPECT_EQ(time_page[1].version, 0); /* nothing beyond its end */
}

GUEST_TEST(never_goes_back)
{
    u64 last = 0;
    u32 backwards = 0;

    EXPECT_TRUE(starts());
    for (u32 i = 0; i < 20000; i++) {
        const u64 ns = system_time();

        backwards += ns < last;
        last = ns;
    }
    EXPECT_EQ(backwards, 0);
}

GUEST_TEST(follows_writes_of_the_tsc)
{
    static const u64 values[] = {0, 1ull << 40, ~0ull - 100, 12345};
    const u64 adjust = rdmsr(0x3b);
    const u32 version = time_page[0].version;

    EXPECT_TRUE(starts());
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        const u64 before = system_time();

        wrmsr(0x10, values[i]);
        EXPECT_TRUE(system_time() - before < 1000000);
    }
    wrmsr(0x3b, adjust);
    EXPECT_TRUE(time_page[0].version - version >= 10);
    EXPECT_EQ(time_page[0].version & 1, 0);
}

GUEST_TEST(stops)
{
    struct kvm_system_time before;

    EXPECT_TRUE(starts());
    memcpy(&before, time_page, sizeof(before));
    EXPECT_TRUE(wrmsr_safe(MSR_KVM_SYSTEM_TIME, 0));
    wrmsr(0x3b, rdmsr(0x3b) + 1000);
    wrmsr(0x3b, rdmsr(0x3b) - 1000);
    EXPECT_TRUE(memcmp(&before, time_page, sizeof(before)) == 0);
    EXPECT_EQ(rdmsr(MSR_KVM_SYSTEM_TIME), 0);
}

static u32 from_bcd(u32 value)
{
    return (value >> 4) * 10 + (value & 15);
}

/* The wall clock at boot plus the system time is what the real-time clock shows. */
GUEST_TEST(wall_clock)
{
    u32 day, rtc;

    EXPECT_TRUE(starts());
    EXPECT_TRUE(wrmsr_safe(MSR_KVM_WALL_CLOCK, address(&wall)));
    EXPECT_EQ(wall.version & 1, 0);
    EXPECT_NE(wall.version, 0);
    EXPECT_TRUE(wall.nsec < 1000000000);
    EXPECT_TRUE(wall.sec > 1600000000); /* Bochs begins in 2023 */
    while (cmos_read(0x0a) & 0x80)
        ;
    rtc = from_bcd(cmos_read(4)) * 3600 + from_bcd(cmos_read(2)) * 60 + from_bcd(cmos_read(0));
    day = (u32)((wall.sec + system_time() / 1000000000) % 86400);
    EXPECT_TRUE((day + 86400 - rtc + 1) % 86400 <= 2);
    EXPECT_TRUE(wrmsr_safe(MSR_KVM_WALL_CLOCK, 0));
}

GUEST_TEST(steal_time)
{
    memset(&steal, 0, sizeof(steal));
    EXPECT_TRUE(wrmsr_safe(MSR_KVM_STEAL_TIME, address(&steal) | KVM_MSR_ENABLED));
    EXPECT_EQ(steal.version & 1, 0);
    EXPECT_NE(steal.version, 0);
    EXPECT_EQ(steal.preempted, 0);
    EXPECT_EQ(steal.flags, 0);
    EXPECT_TRUE(steal.steal < 1000000000);
    EXPECT_TRUE(wrmsr_safe(MSR_KVM_STEAL_TIME, 0));
}

static void refuses(u32 msr, u64 value)
{
    const u64 before = rdmsr(msr);

    if (wrmsr_safe(msr, value))
        FAIL("MSR 0x%x takes 0x%llx", msr, (unsigned long long)value);
    EXPECT_EQ(rdmsr(msr), before);
}

GUEST_TEST(bad_addresses)
{
    const u64 beyond = ALIGN_UP(machine.memory, 2 * LARGE_PAGE_SIZE) + LARGE_PAGE_SIZE;
    const u64 bad[] = {VGA_HOLE, VGA_HOLE - 8, beyond, 3 * GiB, BIT(40), BIT(63), ~63ull};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        refuses(MSR_KVM_WALL_CLOCK, bad[i]);
        refuses(MSR_KVM_SYSTEM_TIME, bad[i] | KVM_MSR_ENABLED);
        if (IS_ALIGNED(bad[i], 64))
            refuses(MSR_KVM_STEAL_TIME, bad[i] | KVM_MSR_ENABLED);
    }
    for (u64 bit = 1; bit < 6; bit++) {
        refuses(MSR_KVM_STEAL_TIME, address(&steal) | BIT(bit) | KVM_MSR_ENABLED);
        if (bit < 2)
            refuses(MSR_KVM_SYSTEM_TIME, address(time_page) | BIT(bit) | KVM_MSR_ENABLED);
    }
    refuses(MSR_KVM_WALL_CLOCK, address(&wall) | 1);
    refuses(MSR_KVM_WALL_CLOCK, address(&wall) | 2);
}

static volatile u32 ended;

static void end_in_memory(struct frame *f)
{
    (void)f;
    if (eoi_word & KVM_EOI_SHARED) {
        eoi_word &= ~KVM_EOI_SHARED;
        ended++;
    } else {
        lapic_put(EOI, 0);
    }
}

/* Only where the processor does not do better: the feature says so. */
GUEST_TEST(eoi)
{
    const bool offered = features() & KVM_FEATURE_PV_EOI;

    lapic_fresh();
    eoi_word = 0;
    EXPECT_EQ(wrmsr_safe(MSR_KVM_PV_EOI, address(&eoi_word) | KVM_MSR_ENABLED), offered);
    on_vector(MIDDLE, end_in_memory);
    vector_count[MIDDLE] = 0;
    for (u32 i = 0; i < 10; i++) {
        lapic_send(MIDDLE);
        irq_window();
        EXPECT_EQ(vector_count[MIDDLE], i + 1);
    }
    EXPECT_EQ(ended, offered ? 10 : 0);
    for (u32 i = 0; i < 8; i++)
        EXPECT_EQ(lapic_get(ISR + i * 16), 0);
    EXPECT_EQ(wrmsr_safe(MSR_KVM_PV_EOI, 0), offered);
    EXPECT_FALSE(wrmsr_safe(MSR_KVM_PV_EOI, address(&eoi_word) | 2 | KVM_MSR_ENABLED));
    lapic_fresh();
}
