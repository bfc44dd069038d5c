/* What an access costs by the row of the policy that answers it, as the guest sees it: RDTSC;
 * access; RDTSC, in ticks, the median.  `make measure` takes the TICKS lines into
 * docs/measured.json. */
#include "guest_tests/rt/guest.h"

#define SAMPLES     33u
#define HYPERVISOR  BIT(31) /* CPUID leaf 1 ECX */
#define ABI_VERSION 0

static u32 sample[SAMPLES];

static u32 median(void)
{
    for (u32 i = 1; i < SAMPLES; i++) {
        const u32 value = sample[i];
        u32 j = i;

        for (; j > 0 && sample[j - 1] > value; j--)
            sample[j] = sample[j - 1];
        sample[j] = value;
    }
    return sample[SAMPLES / 2];
}

#define TICKS(what, key, ...)                                                                      \
    do {                                                                                           \
        for (u32 i_ = 0; i_ < SAMPLES; i_++) {                                                     \
            const u64 start_ = rdtsc();                                                            \
            __VA_ARGS__;                                                                           \
            sample[i_] = (u32)(rdtsc() - start_);                                                  \
        }                                                                                          \
        say("TICKS %s 0x%llx %u\n", what, (unsigned long long)(key), median());                    \
    } while (0)

GUEST_TEST(nothing)
{
    TICKS("nothing", 0, (void)0);
    EXPECT_TRUE(median() < 20);
}

GUEST_TEST(cpuid_leaves)
{
    static const u32 leaves[] = {0,          1,          2,          4,          6,
                                 7,          0xb,        0xd,        0x15,       0x16,
                                 0x40000000, 0x40000001, 0x80000000, 0x80000001, 0x80000002,
                                 0x80000003, 0x80000004, 0x80000006, 0x80000007, 0x80000008,
                                 0x40000100, 0x40000101};

    for (u32 i = 0; i < ARRAY_LEN(leaves); i++)
        TICKS("cpuid", leaves[i], (void)cpuid(leaves[i], 0));
    EXPECT_TRUE(median() > 0);
}

/* Each is written with what it holds.  Not written: the TSC, which is the clock. */
GUEST_TEST(msrs)
{
    static const u32 both[] = {0x1b,       0x3b,       0x174,      0x1a0,      0x1d9,
                               0x200,      0x250,      0x258,      0x268,      0x277,
                               0x2ff,      0x6e0,      0xda0,      0x8b,       0xc0000080,
                               0xc0000081, 0xc0000100, 0xc0000103, 0x4b564d00, 0x4b564d03};
    static const u32 read_only[] = {0x10, 0x17, 0x3a, 0xfe, 0x179};

    for (u32 i = 0; i < ARRAY_LEN(both); i++) {
        u64 value = 0;

        if (!rdmsr_safe(both[i], &value))
            continue;
        TICKS("rdmsr", both[i], (void)rdmsr(both[i]));
        TICKS("wrmsr", both[i], wrmsr(both[i], value));
    }
    for (u32 i = 0; i < ARRAY_LEN(read_only); i++)
        if (rdmsr_safe(read_only[i], &(u64){0}))
            TICKS("rdmsr", read_only[i], (void)rdmsr(read_only[i]));
    EXPECT_TRUE(median() > 0);
}

/* In x2APIC mode, which is left through the APIC's being off. */
GUEST_TEST(x2apic)
{
    const u64 base = rdmsr(0x1b);

    wrmsr(0x1b, base | BIT(10));
    TICKS("rdmsr", 0x800, (void)rdmsr(0x803));
    TICKS("wrmsr", 0x800, wrmsr(0x83e, 0xb));
    wrmsr(0x1b, base & ~BIT(11));
    wrmsr(0x1b, base);
    EXPECT_TRUE(median() > 0);
}

/* What is written changes nothing that the test needs. */
GUEST_TEST(ports)
{
    static const struct {
        u16 row, port;
        u8 value;
    } bytes[] = {
        {0x20, 0x21, 0xff}, {0x40, 0x42, 0},   {0x60, 0x60, 0},   {0x61, 0x61, 0},
        {0x64, 0x64, 0xff}, {0x70, 0x70, 0},   {0x80, 0x80, 0},   {0x92, 0x92, 2},
        {0xa0, 0xa1, 0xff}, {0x3f8, 0x3ff, 0}, {0x4d0, 0x4d0, 0}, {0x600, 0x600, 0},
        {0x608, 0x608, 0},  {0xcf9, 0xcf9, 0}, {0xcfc, 0xcfc, 0}, {0x1234, 0x1234, 0},
    };

    for (u32 i = 0; i < ARRAY_LEN(bytes); i++) {
        TICKS("in", bytes[i].row, (void)inb(bytes[i].port));
        TICKS("out", bytes[i].row, outb(bytes[i].port, bytes[i].value));
    }
    TICKS("in", 0xcf8, (void)inl(0xcf8));
    TICKS("out", 0xcf8, outl(0xcf8, 0));
    EXPECT_TRUE(median() > 0);
}

GUEST_TEST(device_memory)
{
    static const struct {
        u64 row, address;
    } rows[] = {{0xa0000, 0xa0000},
                {0xfec00000, 0xfec00000},
                {0xfed00000, 0xfed00000},
                {0xfee00000, 0xfee00080}}; /* TPR */

    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        volatile u32 *at = (volatile u32 *)rows[i].address;

        TICKS("mmio-read", rows[i].row, (void)*at);
        TICKS("mmio-write", rows[i].row, *at = 0);
    }
    EXPECT_TRUE(median() > 0);
}

GUEST_TEST(hypercalls)
{
    if (!(cpuid(1, 0).ecx & HYPERVISOR))
        SKIP("the bare machine");
    TICKS("hypercall", ABI_VERSION, (void)vmcall(ABI_VERSION, 0, 0));
    EXPECT_TRUE(median() > 0);
}
