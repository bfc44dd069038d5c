/* 100,000 random exits from one seed: whatever comes back, the guest's own state stays
 * whole and the host lives. */
#include "guest_tests/rt/guest.h"

#define OPERATIONS 100000u

static u32 checksum_data[256];

static u32 checksum(void)
{
    u32 sum = 0;

    for (u32 i = 0; i < ARRAY_LEN(checksum_data); i++)
        sum = sum * 31 + checksum_data[i];
    return sum;
}

/* Ports that end or change the guest for good, or take the console away. */
static bool forbidden(u16 port)
{
    static const struct {
        u16 first, last;
    } ports[] = {{0x20, 0x21},   {0x40, 0x43},   {0x60, 0x64},  {0x70, 0x71},
                 {0x92, 0x92},   {0xa0, 0xa1},   {0xf4, 0xf4},  {0x3f8, 0x3ff},
                 {0x4d0, 0x4d1}, {0x600, 0x60b}, {0xcf8, 0xcff}};

    for (size_t i = 0; i < ARRAY_LEN(ports); i++)
        if (port + 3u >= ports[i].first && port <= ports[i].last)
            return true;
    return false;
}

static void storm_port(u64 r)
{
    const u16 port = (u16)(r & 0x100000 ? r : r & 0xfff);

    if (forbidden(port)) {
        (void)inb(port == 0xf4 ? 0x80 : port);
        return;
    }
    switch (r >> 32 & 7) {
    case 0: outb(port, (u8)(r >> 40)); break;
    case 1: outw(port, (u16)(r >> 40)); break;
    case 2: outl(port, (u32)(r >> 32)); break;
    case 3: (void)inw(port); break;
    case 4: (void)inl(port); break;
    default: (void)inb(port); break;
    }
}

static void storm_msr(u64 r)
{
    static const u32 base[] = {0, 0xc0000000, 0x40000000, 0xc0010000};
    const u32 msr = base[r >> 16 & 3] | (u32)(r & 0x1fff);
    u64 value = 0;

    /* reads anywhere; writes where success does not pull the ground away */
    (void)rdmsr_safe(msr, &value);
    if (msr != MSR_EFER && msr != 0x10 && msr != 0x3b && (msr < 0x174 || msr > 0x176))
        if (wrmsr_safe(msr, r >> 24 & 1 ? value : r))
            (void)wrmsr_safe(msr, value);
}

static void storm_cr(u64 r)
{
    const u64 cr0 = read_cr0(), cr4 = read_cr4();
    const u64 keep = BIT(20) | BIT(21) | CR4_PAE | CR4_PCIDE; /* SMEP, SMAP: user pages */

    if (r & 1) {
        if (write_cr4_safe((cr4 & keep) | (BIT(r >> 8 & 63) & ~keep) | CR4_PAE))
            write_cr4(cr4);
    } else if (write_cr0_safe(cr0 ^ BIT(r >> 8 & 63))) {
        write_cr0(cr0);
    }
}

static void storm_one(u64 r)
{
    switch (r >> 56 & 7) {
    case 0: (void)cpuid((u32)r, (u32)(r >> 32)); break;
    case 1: (void)cpuid((u32)(r & 0x8000001f), (u32)(r >> 32 & 15)); break;
    case 2: storm_msr(r); break;
    case 3: storm_port(r); break;
    case 4: (void)FAULTS((void)vmcall(r >> 40 & 1 ? r : r & 0xff, r * 3, r * 5)); break;
    case 5: storm_cr(r); break;
    case 6: *(volatile u32 *)(0xa0000 + (r & 0x1fffc)) = (u32)(r >> 32); break;
    default: (void)FAULTS(xsetbv((u32)(r >> 40 & 1), r & 0x3ff)); break;
    }
}

GUEST_TEST(exit_storm)
{
    u32 want = 0;

    random_seed(0x5eed0003);
    for (u32 i = 0; i < ARRAY_LEN(checksum_data); i++)
        checksum_data[i] = (u32)random_u64();
    want = checksum();
    write_cr4(read_cr4() | CR4_OSXSAVE);
    for (u32 i = 0; i < OPERATIONS; i++) {
        storm_one(random_u64());
        if (i % 1000 == 0 && checksum() != want)
            FAIL("memory changed before operation %u", i);
    }
    EXPECT_EQ(checksum(), want);
}
