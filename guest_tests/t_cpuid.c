/* What CPUID shows a guest: a processor without VMX, under a hypervisor that names itself,
 * with true frequencies.  SDM Vol. 2A, "CPUID -- CPU Identification". */
#include "guest_tests/rt/guest.h"

#define LINTEL_LEAF 0x40000000u

/* Features that need something which a guest does not have. */
static const struct {
    u32 leaf, subleaf;
    struct cpuid bits;
    const char *what;
} hidden[] = {
    {1, 0, {.ecx = BIT32(5)}, "VMX"},
    {1, 0, {.ecx = BIT32(6)}, "SMX"},
    {1, 0, {.ecx = BIT32(3)}, "MONITOR"},
    {1, 0, {.ecx = BIT32(2)}, "64-bit debug store"},
    {1, 0, {.ecx = BIT32(15)}, "performance capabilities"},
    {1, 0, {.ecx = BIT32(11)}, "silicon debug"},
    {1, 0, {.edx = BIT32(21)}, "debug store"},
    {1, 0, {.edx = BIT32(22)}, "thermal control"},
    {7, 0, {.ebx = BIT32(2)}, "SGX"},
    {7, 0, {.ebx = BIT32(4)}, "TSX HLE"},
    {7, 0, {.ebx = BIT32(11)}, "TSX RTM"},
    {7, 0, {.ebx = BIT32(12)}, "RDT monitoring"},
    {7, 0, {.ebx = BIT32(15)}, "RDT allocation"},
    {7, 0, {.ebx = BIT32(14)}, "MPX"},
    {7, 0, {.ebx = BIT32(25)}, "processor trace"},
    {7, 0, {.ecx = BIT32(5)}, "WAITPKG"},
    {7, 0, {.ecx = BIT32(7)}, "shadow stacks"},
    {7, 0, {.ecx = BIT32(16)}, "5-level paging"},
    {7, 0, {.ecx = BIT32(23)}, "key locker"},
    {7, 0, {.ecx = BIT32(30)}, "SGX launch configuration"},
    {7, 0, {.edx = BIT32(18)}, "PCONFIG"},
    {7, 0, {.edx = BIT32(20)}, "indirect branch tracking"},
    {5, 0, {~0u, ~0u, ~0u, ~0u}, "MONITOR/MWAIT leaf"},
    {6, 0, {~BIT32(2), ~0u, ~0u, ~0u}, "power management beyond ARAT"},
    {0xa, 0, {~0u, ~0u, ~0u, ~0u}, "performance monitoring leaf"},
    {0xf, 0, {~0u, ~0u, ~0u, ~0u}, "RDT leaf"},
    {0x10, 0, {~0u, ~0u, ~0u, ~0u}, "RDT leaf"},
    {0x12, 0, {~0u, ~0u, ~0u, ~0u}, "SGX leaf"},
    {0x14, 0, {~0u, ~0u, ~0u, ~0u}, "processor trace leaf"},
    {0x80000001, 0, {.ecx = BIT32(2)}, "SVM"},
};

GUEST_TEST(hidden_features)
{
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
        const u32 max = cpuid(hidden[i].leaf & 0x80000000u, 0).eax;
        const struct cpuid r = cpuid(hidden[i].leaf, hidden[i].subleaf);

        if (hidden[i].leaf > max)
            continue;
        if ((r.eax & hidden[i].bits.eax) | (r.ebx & hidden[i].bits.ebx) |
            (r.ecx & hidden[i].bits.ecx) | (r.edx & hidden[i].bits.edx))
            FAIL("leaf 0x%x.%u shows %s: %x %x %x %x", hidden[i].leaf, hidden[i].subleaf,
                 hidden[i].what, r.eax, r.ebx, r.ecx, r.edx);
    }
}

GUEST_TEST(hypervisor_leaf)
{
    char name[13] = "";
    const struct cpuid r = cpuid(LINTEL_LEAF, 0);

    EXPECT_TRUE(cpuid(1, 0).ecx & BIT(31));
    memcpy(name, &r.ebx, 4);
    memcpy(name + 4, &r.ecx, 4);
    memcpy(name + 8, &r.edx, 4);
    if (strcmp(name, "LintelLintel") != 0)
        FAIL("the hypervisor's name is '%s'", name);
    EXPECT_TRUE(r.eax >= LINTEL_LEAF + 1 && r.eax < LINTEL_LEAF + 0x100);
    EXPECT_EQ(cpuid(LINTEL_LEAF + 1, 0).eax, 1);
    for (u32 leaf = MAX(r.eax, LINTEL_LEAF) + 1; leaf < LINTEL_LEAF + 0x100; leaf += 17)
        EXPECT_EQ(cpuid(leaf, 0).eax, 0);
}

/* SDM: a leaf above the maximum gives the data of the highest basic leaf. */
GUEST_TEST(leaf_beyond_maximum)
{
    const u32 max = cpuid(0, 0).eax;
    const struct cpuid top = cpuid(max, 0), beyond = cpuid(max + 1, 0);

    EXPECT_TRUE(max >= 0xd && max < 0x100);
    EXPECT_EQ(beyond.eax, top.eax);
    EXPECT_EQ(beyond.ebx, top.ebx);
    EXPECT_EQ(beyond.ecx, top.ecx);
    EXPECT_EQ(beyond.edx, top.edx);
}

GUEST_TEST(upper_halves_cleared)
{
    u64 a = ~0ull << 32, b = ~0ull, c = ~0ull << 32, d = ~0ull;

    __asm__ volatile("cpuid" : "+a"(a), "+b"(b), "+c"(c), "+d"(d));
    EXPECT_EQ((a | b | c | d) >> 32, 0);
}

GUEST_TEST(osxsave_follows_cr4)
{
    const u64 cr4 = read_cr4();

    write_cr4(cr4 & ~CR4_OSXSAVE);
    EXPECT_FALSE(cpuid(1, 0).ecx & BIT(27));
    EXPECT_FAULT(VEC_UD, xgetbv(0));
    write_cr4(cr4 | CR4_OSXSAVE);
    EXPECT_TRUE(cpuid(1, 0).ecx & BIT(27));
    EXPECT_NO_FAULT(xgetbv(0));
    write_cr4(cr4);
}

GUEST_TEST(xsave_sizes_follow_xcr0)
{
    const u64 cr4 = read_cr4();
    const struct cpuid all = cpuid(0xd, 0);
    u32 largest = 576;

    write_cr4(cr4 | CR4_OSXSAVE);
    xsetbv(0, 1);
    EXPECT_EQ(cpuid(0xd, 0).ebx, 576);
    xsetbv(0, 3);
    EXPECT_EQ(cpuid(0xd, 0).ebx, 576);
    for (u32 i = 2; i < 32; i++) {
        const struct cpuid part = cpuid(0xd, i);

        if ((all.eax & BIT(i)) == 0)
            EXPECT_EQ(part.eax | part.ebx, 0);
        largest = MAX(largest, part.eax + part.ebx);
    }
    EXPECT_EQ(all.ecx, largest);
    if (all.eax & BIT(2)) {
        xsetbv(0, 7);
        EXPECT_EQ(cpuid(0xd, 0).ebx, cpuid(0xd, 2).eax + cpuid(0xd, 2).ebx);
    }
    xsetbv(0, all.eax);
    EXPECT_EQ(cpuid(0xd, 0).ebx, all.ecx);
    xsetbv(0, 1);
    write_cr4(cr4);
}

/* The TSC in Hz, from the PIT: 1/25 second. */
static u64 measured_tsc_hz(void)
{
    const u32 ticks = PIT_HZ / 25;
    const u64 start = rdtsc();

    pit_wait(ticks);
    return (rdtsc() - start) * PIT_HZ / ticks;
}

static bool within_permille(u64 a, u64 b, u64 permille)
{
    const u64 difference = a > b ? a - b : b - a;

    return difference <= b / 1000 * permille;
}

GUEST_TEST(frequencies_are_true)
{
    const struct cpuid ratio = cpuid(0x15, 0), mhz = cpuid(0x16, 0);
    const u64 hz = measured_tsc_hz();

    say("# tsc measured %llu Hz, told %llu Hz\n", (unsigned long long)hz,
        (unsigned long long)machine.tsc_hz);
    EXPECT_TRUE(within_permille(machine.tsc_hz, hz, 10));
    if (cpuid(0, 0).eax < 0x16)
        SKIP("no leaf 0x16");
    if (ratio.ecx != 0 && ratio.eax != 0)
        EXPECT_TRUE(within_permille((u64)ratio.ecx * ratio.ebx / ratio.eax, hz, 10));
    if (mhz.eax != 0)
        EXPECT_TRUE(within_permille(mhz.eax, (hz + 500000) / 1000000, 20));
}

GUEST_TEST(address_widths)
{
    const u32 widths = cpuid(0x80000008, 0).eax;

    EXPECT_TRUE((widths & 0xff) >= 36 && (widths & 0xff) <= 52);
    EXPECT_EQ(widths >> 8 & 0xff, 48);
}

static bool printable(const struct cpuid *r)
{
    const u8 *text = (const u8 *)r;

    for (size_t i = 0; i < sizeof(*r); i++)
        if (text[i] && (text[i] < ' ' || text[i] > '~'))
            return false;
    return true;
}

GUEST_TEST(vendor_and_brand)
{
    const struct cpuid vendor = cpuid(0, 0);

    EXPECT_EQ(vendor.ebx, 0x756e6547); /* "GenuineIntel" */
    EXPECT_EQ(vendor.edx, 0x49656e69);
    EXPECT_EQ(vendor.ecx, 0x6c65746e);
    EXPECT_TRUE(cpuid(0x80000000, 0).eax >= 0x80000008);
    for (u32 leaf = 0x80000002; leaf <= 0x80000004; leaf++) {
        const struct cpuid part = cpuid(leaf, 0);

        EXPECT_TRUE(printable(&part));
    }
    EXPECT_NE(cpuid(0x80000002, 0).eax, 0);
}

/* Nobody else runs on this processor, so nobody shares its caches. */
GUEST_TEST(caches)
{
    EXPECT_EQ(cpuid(2, 0).eax & 0xff, 1);
    EXPECT_EQ(cpuid(2, 0).eax >> 31, 0);
    EXPECT_NE(cpuid(4, 0).eax & 0x1f, 0);
    for (u32 i = 0; cpuid(4, i).eax & 0x1f; i++)
        EXPECT_EQ(cpuid(4, i).eax >> 14, 0);
    EXPECT_NE(cpuid(0x80000006, 0).ecx & 0xff, 0); /* bytes in a line of the L2 cache */
}

GUEST_TEST(one_thread)
{
    const struct cpuid thread = cpuid(0xb, 0), core = cpuid(0xb, 1), none = cpuid(0xb, 2);

    EXPECT_EQ(cpuid(1, 0).ebx >> 16 & 0xff, 1);
    EXPECT_EQ(cpuid(1, 0).ebx >> 24, 0);
    EXPECT_EQ(thread.ebx, 1);
    EXPECT_EQ(thread.ecx, 0x100);
    EXPECT_EQ(core.ebx, 1);
    EXPECT_EQ(core.ecx, 0x201);
    EXPECT_EQ(none.ebx, 0);
    EXPECT_EQ(none.ecx, 2);
    EXPECT_EQ(thread.edx | core.edx | none.edx, 0);
}

GUEST_TEST(invariant_tsc)
{
    const struct cpuid r = cpuid(0x80000007, 0);

    EXPECT_EQ(r.edx & ~BIT32(8), 0);
    EXPECT_EQ(r.eax | r.ebx | r.ecx, 0);
}
