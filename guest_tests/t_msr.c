/* The MSRs of a guest: each behaves as its row of vmm/policy/msr.c says, all others do not
 * exist.  SDM Vol. 4, "Architectural MSRs". */
#include "guest_tests/rt/guest.h"

enum kind {
    PLAIN,     /* any value of `writable` sticks, another bit is #GP if `strict` */
    ADDRESS,   /* canonical addresses stick, others are #GP */
    READ_ONLY, /* every write is #GP */
    FIXED,     /* writing what it holds is accepted, anything else is #GP */
    DROPPED,   /* writes change nothing */
};

#define ANY 0xdeadbeefdeadbeefull /* the value at reset is not asked for */

// clang-format off
static const struct row {
    u32 first, last;
    enum kind kind;
    u64 reset, writable;
    const char *name;
} rows[] = {
    { 0x017, 0x017, READ_ONLY, 0,                  0,                  "PLATFORM_ID" },
    { 0x03a, 0x03a, READ_ONLY, 1,                  0,                  "FEATURE_CONTROL" },
    { 0x08b, 0x08b, DROPPED,   ANY,                0,                  "BIOS_SIGN_ID" },
    { 0x0fe, 0x0fe, READ_ONLY, ANY,                0,                  "MTRRCAP" },
    { 0x174, 0x174, PLAIN,     0,                  0xffffffff,         "SYSENTER_CS" },
    { 0x175, 0x176, ADDRESS,   0,                  0,                  "SYSENTER_ESP/EIP" },
    { 0x179, 0x179, READ_ONLY, 0,                  0,                  "MCG_CAP" },
    { 0x1a0, 0x1a0, FIXED,     ANY,                0,                  "MISC_ENABLE" },
    { 0x200, 0x20f, PLAIN,     0,                  0x0000000ffffff000, "MTRR_PHYS" },
    { 0x250, 0x250, PLAIN,     ANY,                0x0606060606060606, "MTRR_FIX64K" },
    { 0x258, 0x259, PLAIN,     ANY,                0x0606060606060606, "MTRR_FIX16K" },
    { 0x268, 0x26f, PLAIN,     ANY,                0x0606060606060606, "MTRR_FIX4K" },
    { 0x277, 0x277, PLAIN,     0x0007040600070406, 0x0606060606060606, "PAT" },
    { 0x2ff, 0x2ff, PLAIN,     ANY,                0xc06,              "MTRR_DEF_TYPE" },
    { 0xc0000081, 0xc0000081, PLAIN,   0,          0xffffffffffffffff, "STAR" },
    { 0xc0000082, 0xc0000083, ADDRESS, 0,          0,                  "LSTAR, CSTAR" },
    { 0xc0000084, 0xc0000084, PLAIN,   0,          0xffffffff,         "FMASK" },
    { 0xc0000100, 0xc0000102, ADDRESS, 0,          0,                  "FS/GS/KERNEL_GS_BASE" },
    { 0xc0000103, 0xc0000103, PLAIN,   0,          0xffffffff,         "TSC_AUX" },
};

/* Tested by themselves below, in t_cr.c, t_lapic_timer.c, t_x2apic.c or t_pvclock.c. */
static const u32 special[] = { 0x10, 0x1b, 0x3b, 0x1d9, 0x6e0, 0xda0, 0x4b564d00, 0x4b564d01, 0x4b564d03, 0x4b564d04, 0xc0000080 };

/* Well-known ones that a guest must not have. */
static const u32 refused[] = {
    0x11, 0x12, 0x35, 0x48, 0x49, 0x79, 0x9b, 0xc1, 0xc2, 0xce, 0xe7, 0xe8, 0x10a, 0x10b, 0x122, 0x123, 0x140,
    0x17a, 0x17b, 0x186, 0x198, 0x199, 0x19a, 0x19b, 0x19c, 0x1c4, 0x1dd, 0x1f2, 0x1f3, 0x280,
    0x309, 0x345, 0x38d, 0x38e, 0x38f, 0x390, 0x3f1, 0x400, 0x401, 0x480, 0x481, 0x48b, 0x48c, 0x491, 0x492,
    0x4c1, 0x560, 0x570, 0x600, 0x606, 0x6a0, 0x6a2, 0x6a8, 0x770, 0x800, 0x802, 0x808, 0x80b, 0x830,
    0x832, 0x83f, 0xc80, 0xc81, 0xc8f, 0xd90, 0x1fff, 0x2000, 0x40000000, 0x40000001, 0x4b564d02, 0x4b564d05, 0xbfffffff,
    0xc0000085, 0xc00000e7, 0xc0000104, 0xc0001fff, 0xc0002000, 0xc0010010, 0xc0010015, 0xc0010117, 0xffffffff,
};
// clang-format on

static const u64 canonical[] = {0, 1, 0x1000, 0x00007fffffffffff, 0xffff800000000000, ~0ull};
static const u64 not_canonical[] = {0x0000800000000000, 0xffff7fffffffffff, 0x8000000000000000,
                                    0x00ff000000000000, 0x7fffffffffffffff};

static void check_addresses(const struct row *row, u32 msr)
{
    u64 got = 0;

    for (size_t i = 0; i < ARRAY_LEN(canonical); i++) {
        if (!wrmsr_safe(msr, canonical[i]) || rdmsr(msr) != canonical[i])
            FAIL("%s 0x%x: 0x%llx does not stick", row->name, msr,
                 (unsigned long long)canonical[i]);
    }
    wrmsr(msr, 0x1234000);
    for (size_t i = 0; i < ARRAY_LEN(not_canonical); i++)
        if (wrmsr_safe(msr, not_canonical[i]))
            FAIL("%s 0x%x: 0x%llx is accepted", row->name, msr,
                 (unsigned long long)not_canonical[i]);
    EXPECT_TRUE(rdmsr_safe(msr, &got));
    EXPECT_EQ(got, 0x1234000);
}

static void check_plain(const struct row *row, u32 msr)
{
    const u64 samples[] = {0, row->writable, row->writable & 0x0600060006000600,
                           row->writable & 0x0606000006060000};

    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        if (!wrmsr_safe(msr, samples[i]) || rdmsr(msr) != samples[i])
            FAIL("%s 0x%x: 0x%llx does not stick, reads 0x%llx", row->name, msr,
                 (unsigned long long)samples[i], (unsigned long long)rdmsr(msr));
}

static void check_row(const struct row *row, u32 msr)
{
    u64 old = 0;

    if (!rdmsr_safe(msr, &old)) {
        FAIL("%s 0x%x cannot be read", row->name, msr);
        return;
    }
    if (row->reset != ANY && old != row->reset)
        FAIL("%s 0x%x: 0x%llx at reset, not 0x%llx", row->name, msr, (unsigned long long)old,
             (unsigned long long)row->reset);
    switch (row->kind) {
    case PLAIN: check_plain(row, msr); break;
    case ADDRESS: check_addresses(row, msr); break;
    case READ_ONLY:
        if (wrmsr_safe(msr, old) || wrmsr_safe(msr, ~old))
            FAIL("%s 0x%x can be written", row->name, msr);
        break;
    case FIXED:
        if (!wrmsr_safe(msr, old) || wrmsr_safe(msr, old ^ BIT(62)))
            FAIL("%s 0x%x is not fixed", row->name, msr);
        break;
    case DROPPED:
        if (!wrmsr_safe(msr, ~old))
            FAIL("%s 0x%x refuses a write", row->name, msr);
        break;
    }
    if (row->kind == PLAIN || row->kind == ADDRESS)
        EXPECT_TRUE(wrmsr_safe(msr, old));
    EXPECT_EQ(rdmsr(msr), old);
}

GUEST_TEST(rows_of_the_policy)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (u32 msr = rows[i].first; msr <= rows[i].last; msr++)
            check_row(&rows[i], msr);
}

GUEST_TEST(bad_memory_types)
{
    const u64 pat = rdmsr(0x277);

    for (u64 byte = 0; byte < 256; byte++) {
        const bool legal = byte <= 7 && byte != 2 && byte != 3;
        const u64 value = (pat & ~(0xffull << 40)) | byte << 40;

        if (wrmsr_safe(0x277, value) != legal)
            FAIL("PAT with type 0x%llx", (unsigned long long)byte);
    }
    wrmsr(0x277, pat);
}

GUEST_TEST(narrow_registers)
{
    EXPECT_FALSE(wrmsr_safe(0xda0, BIT(63)));
    EXPECT_FALSE(wrmsr_safe(0xda0, 1));
    EXPECT_TRUE(wrmsr_safe(0xda0, 0));
    EXPECT_TRUE(wrmsr_safe(0x1d9, 0));
    EXPECT_FALSE(wrmsr_safe(0x1d9, BIT(63)));
}

GUEST_TEST(tsc_can_be_written)
{
    const u64 before = rdtsc();

    EXPECT_TRUE(rdmsr(0x10) - before < 100000);
    wrmsr(0x10, 1ull << 40);
    EXPECT_TRUE(rdtsc() - (1ull << 40) < 1000000);
    wrmsr(0x10, before);
    EXPECT_TRUE(rdtsc() - before < 1000000);
}

GUEST_TEST(tsc_adjust_moves_the_tsc)
{
    const u64 adjust = rdmsr(0x3b);
    const u64 before = rdtsc();

    wrmsr(0x3b, adjust + (1ull << 40));
    EXPECT_TRUE(rdtsc() - before - (1ull << 40) < 1000000);
    wrmsr(0x3b, adjust);
    EXPECT_TRUE(rdtsc() - before < 2000000);
}

static void expect_absent(u32 msr)
{
    u64 value = 0;

    if (rdmsr_safe(msr, &value))
        FAIL("MSR 0x%x reads 0x%llx", msr, (unsigned long long)value);
    if (wrmsr_safe(msr, 0))
        FAIL("MSR 0x%x takes 0", msr);
}

GUEST_TEST(refused_msrs)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        expect_absent(refused[i]);
}

static bool listed(u32 msr)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (msr >= rows[i].first && msr <= rows[i].last)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if (msr == special[i])
            return true;
    return false;
}

GUEST_TEST(thousand_random_msrs)
{
    static const u32 base[] = {0, 0xc0000000, 0x40000000, 0xc0010000};

    random_seed(0x5eed0001);
    for (u32 i = 0; i < 1000; i++) {
        const u64 r = random_u64();
        const u32 msr = i % 5 == 4 ? (u32)r : base[i % 4] | (u32)(r & 0x1fff);

        if (!listed(msr))
            expect_absent(msr);
    }
}

GUEST_TEST(registers_survive)
{
    u32 low = 0, high = 0;
    u64 a = ~0ull, d = ~0ull;

    __asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(0xffffffff00000277ull), "0"(a), "1"(d));
    EXPECT_EQ((a | d) >> 32, 0);
    low = (u32)a, high = (u32)d;
    EXPECT_EQ((u64)high << 32 | low, rdmsr(0x277));
}
