/* The extended state is the guest's own: x87, SSE, AVX and AVX-512 registers, MXCSR and XCR0
 * keep their contents over many exits.  (threats.md, S08) */
#include "guest_tests/rt/guest.h"

#define ROUNDS 100000u

static u8 before[16][64] __attribute__((aligned(64)));
static u8 after[16][64] __attribute__((aligned(64)));
static u8 area[4096] __attribute__((aligned(64)));

static void fill(void)
{
    random_seed(0x5eed0002);
    for (u32 i = 0; i < 16; i++)
        for (u32 j = 0; j < 64; j += 8)
            *(u64 *)&before[i][j] = random_u64();
    memset(after, 0, sizeof(after));
}

static void exits(void)
{
    for (u32 i = 0; i < ROUNDS; i++) {
        (void)cpuid(0, 0);
        if (i % 64 == 0)
            (void)inb(0x1234);
    }
}

static void enable(u64 xcr0)
{
    write_cr0((read_cr0() | CR0_MP | CR0_NE) & ~(CR0_EM | CR0_TS));
    write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE);
    xsetbv(0, xcr0);
    __asm__ volatile("fninit");
}

#define EACH(insn_load, reg)                                                                       \
    __asm__ volatile(insn_load " 0(%0), %%" reg "0; " insn_load " 64(%0), %%" reg "1; " insn_load  \
                               " 128(%0), %%" reg "2; " insn_load " 192(%0), %%" reg               \
                               "3; " insn_load " 448(%0), %%" reg "7; " insn_load                  \
                               " 512(%0), %%" reg "8; " insn_load " 960(%0), %%" reg "15"          \
                     :                                                                             \
                     : "r"(before)                                                                 \
                     : "memory")
#define EACH_BACK(insn_store, reg)                                                                 \
    __asm__ volatile(insn_store " %%" reg "0, 0(%0); " insn_store " %%" reg                        \
                                "1, 64(%0); " insn_store " %%" reg "2, 128(%0); " insn_store       \
                                " %%" reg "3, 192(%0); " insn_store " %%" reg                      \
                                "7, 448(%0); " insn_store " %%" reg "8, 512(%0); " insn_store      \
                                " %%" reg "15, 960(%0)"                                            \
                     :                                                                             \
                     : "r"(after)                                                                  \
                     : "memory")

static void compare(u32 bytes)
{
    static const u8 used[] = {0, 1, 2, 3, 7, 8, 15};

    for (size_t i = 0; i < sizeof(used); i++)
        if (memcmp(before[used[i]], after[used[i]], bytes) != 0)
            FAIL("register %u changed", used[i]);
}

GUEST_TEST(sse_survives)
{
    const u32 mxcsr = 0x5fa0;
    u32 got = 0;

    fill();
    enable(3);
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    EACH("movups", "xmm");
    exits();
    EACH_BACK("movups", "xmm");
    __asm__ volatile("stmxcsr %0" : "=m"(got));
    EXPECT_EQ(got, mxcsr);
    compare(16);
}

GUEST_TEST(avx_survives)
{
    if ((cpuid(1, 0).ecx & BIT(28)) == 0)
        SKIP("no AVX");
    fill();
    enable(7);
    EACH("vmovups", "ymm");
    exits();
    EACH_BACK("vmovups", "ymm");
    compare(32);
    EXPECT_EQ(xgetbv(0), 7);
}

GUEST_TEST(avx512_survives)
{
    u64 mask = 0x1234, got = 0;

    if ((cpuid(7, 0).ebx & BIT(16)) == 0)
        SKIP("no AVX-512");
    fill();
    enable(0xe7);
    EACH("vmovups", "zmm");
    __asm__ volatile("kmovw %k0, %%k3" : : "r"(mask));
    exits();
    EACH_BACK("vmovups", "zmm");
    __asm__ volatile("kmovw %%k3, %k0" : "=r"(got));
    EXPECT_EQ(got, mask);
    compare(64);
}

GUEST_TEST(x87_survives)
{
    u64 bits = 0;
    u16 control = 0x0f7f, got = 0;

    enable(3);
    __asm__ volatile("fldcw %0; fldpi; fldl2e" : : "m"(control));
    exits();
    __asm__ volatile("fstpl %0" : "=m"(bits));
    EXPECT_EQ(bits, 0x3ff71547652b82fe); /* log2(e), cut off as the control word says */
    __asm__ volatile("fstpl %0; fnstcw %1" : "=m"(bits), "=m"(got));
    EXPECT_EQ(bits, 0x400921fb54442d18);
    EXPECT_EQ(got, control);
    __asm__ volatile("fninit");
}

GUEST_TEST(xsave_round_trip)
{
    const u32 all = cpuid(0xd, 0).eax;

    fill();
    enable(all);
    if (cpuid(0xd, 0).ebx > sizeof(area))
        SKIP("the XSAVE area is larger than the test's");
    EACH("movups", "xmm");
    __asm__ volatile("xsave64 %0" : "+m"(area) : "a"(~0u), "d"(~0u) : "memory");
    EXPECT_EQ(*(u64 *)&area[512] & ~(u64)all, 0);
    EXPECT_EQ(*(u64 *)&area[512] & 2, 2);
    EXPECT_EQ(memcmp(&area[160 + 7 * 16], before[7], 16), 0);
    __asm__ volatile("xorps %%xmm7, %%xmm7; xrstor64 %0"
                     :
                     : "m"(area), "a"(~0u), "d"(~0u)
                     : "memory");
    exits();
    EACH_BACK("movups", "xmm");
    compare(16);
    area[512 + 7] |= 0x40; /* XSTATE_BV names a component that is not enabled */
    EXPECT_FAULT_CODE(VEC_GP, 0, {
        __asm__ volatile("xrstor64 %0" : : "m"(area), "a"(~0u), "d"(~0u) : "memory");
    });
    xsetbv(0, 1);
}
