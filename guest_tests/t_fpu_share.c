/* A guest that may share its CPU with others: everything that the processor keeps and VMX does not
 * switch is filled with a pattern of its own (seed=N on the command line), and none of it may
 * change while it sleeps, exits and computes (rounds=N).  Two of these with different seeds find
 * out what one of them gets to see of the other.  (threats.md, S08, S30) */
#include "guest_tests/rt/cmdline.h"
#include "guest_tests/rt/guest.h"

#define ROUNDS_DEFAULT 100u

#define CR4_PKE        BIT(22)
#define X87_SSE        3ull
#define AVX            BIT(2)
#define AVX512         0xe0ull
#define PKRU           BIT(9)

#define MSR_STAR       0xc0000081u
#define MSR_LSTAR      0xc0000082u
#define MSR_CSTAR      0xc0000083u
#define MSR_FMASK      0xc0000084u
#define MSR_KERNEL_GS  0xc0000102u
#define MSR_TSC_AUX    0xc0000103u

#define VECTORS        32u
#define DR6_PATTERN    0xfull /* B0-B3; the other bits are fixed or have side effects */

/* Everything that is held against the pattern. */
struct state {
    u8 vector[VECTORS][64];
    u8 legacy[512]; /* FXSAVE: x87, MXCSR; of the pattern, as it came back first */
    u64 x87[7];
    u32 mxcsr;
    u16 control;
    u64 opmask[8];
    u64 msr[6];
    u64 dr[4], dr6, cr2, xcr0;
    u32 pkru;
} __attribute__((aligned(64)));

static struct state pattern, now;
static u64 xcr0, rounds;
static u32 vectors, vector_bytes;
static bool has_tsc_aux, has_xsave;

/* ---------------------------------------------------------------- registers to and from memory */
#define LOW_8(move, reg, order)                                                                    \
    order(move, reg, "0", "0") order(move, reg, "1", "64") order(move, reg, "2", "128")            \
        order(move, reg, "3", "192") order(move, reg, "4", "256") order(move, reg, "5", "320")     \
            order(move, reg, "6", "384") order(move, reg, "7", "448")
#define HIGH_8(move, reg, order)                                                                   \
    order(move, reg, "8", "512") order(move, reg, "9", "576") order(move, reg, "10", "640")        \
        order(move, reg, "11", "704") order(move, reg, "12", "768") order(move, reg, "13", "832")  \
            order(move, reg, "14", "896") order(move, reg, "15", "960")
#define UPPER_16(move, reg, order)                                                                 \
    order(move, reg, "16", "1024") order(move, reg, "17", "1088") order(move, reg, "18", "1152")   \
        order(move, reg, "19", "1216") order(move, reg, "20", "1280")                              \
            order(move, reg, "21", "1344") order(move, reg, "22", "1408")                          \
                order(move, reg, "23", "1472") order(move, reg, "24", "1536")                      \
                    order(move, reg, "25", "1600") order(move, reg, "26", "1664")                  \
                        order(move, reg, "27", "1728") order(move, reg, "28", "1792")              \
                            order(move, reg, "29", "1856") order(move, reg, "30", "1920")          \
                                order(move, reg, "31", "1984")
#define LOAD(move, reg, n, at)  move " " at "(%0), %%" reg n "\n\t"
#define STORE(move, reg, n, at) move " %%" reg n ", " at "(%0)\n\t"

#define ALL_16(move, reg, order, memory)                                                           \
    __asm__ volatile(LOW_8(move, reg, order) HIGH_8(move, reg, order) : : "r"(memory) : "memory")
#define ALL_32(move, reg, order, memory)                                                           \
    __asm__ volatile(LOW_8(move, reg, order) HIGH_8(move, reg, order) UPPER_16(move, reg, order)   \
                     :                                                                             \
                     : "r"(memory)                                                                 \
                     : "memory")

static void load_vectors(const struct state *s)
{
    if (xcr0 & AVX512)
        ALL_32("vmovups", "zmm", LOAD, s->vector);
    else if (xcr0 & AVX)
        ALL_16("vmovups", "ymm", LOAD, s->vector);
    else
        ALL_16("movups", "xmm", LOAD, s->vector);
}

static void store_vectors(struct state *s)
{
    if (xcr0 & AVX512)
        ALL_32("vmovups", "zmm", STORE, s->vector);
    else if (xcr0 & AVX)
        ALL_16("vmovups", "ymm", STORE, s->vector);
    else
        ALL_16("movups", "xmm", STORE, s->vector);
}

#define OPMASK(n)                                                                                  \
    if (load)                                                                                      \
        __asm__ volatile("kmovw %k0, %%k" #n : : "r"((u32)s->opmask[n]));                          \
    else                                                                                           \
        __asm__ volatile("kmovw %%k" #n ", %k0" : "=r"(s->opmask[n]))

static void move_opmasks(struct state *s, bool load)
{
    if (!(xcr0 & AVX512))
        return;
    OPMASK(0);
    OPMASK(1);
    OPMASK(2);
    OPMASK(3);
    OPMASK(4);
    OPMASK(5);
    OPMASK(6);
    OPMASK(7);
}

static void store_all(struct state *s)
{
    store_vectors(s);
    __asm__ volatile("fxsave64 %0" : "=m"(s->legacy));
    move_opmasks(s, false);
    if (xcr0 & PKRU) {
        u32 edx;
        __asm__ volatile("rdpkru" : "=a"(s->pkru), "=d"(edx) : "c"(0));
    }
    s->dr[0] = read_dr0();
    s->dr[1] = read_dr1();
    s->dr[2] = read_dr2();
    s->dr[3] = read_dr3();
    s->dr6 = read_dr6();
    s->cr2 = read_cr2();
    s->xcr0 = has_xsave ? xgetbv(0) : 0;
    for (u32 i = 0; i < 4; i++)
        s->msr[i] = rdmsr(MSR_STAR + i);
    s->msr[4] = rdmsr(MSR_KERNEL_GS);
    s->msr[5] = has_tsc_aux ? rdmsr(MSR_TSC_AUX) : 0;
}

/* ---------------------------------------------------------------- the pattern */
static void make_pattern(u64 seed)
{
    random_seed(seed);
    for (u32 i = 0; i < VECTORS; i++)
        for (u32 at = 0; at < 64; at += 8) {
            const u64 word = random_u64();
            memcpy(&pattern.vector[i][at], &word, sizeof(word));
        }
    for (u32 i = 0; i < ARRAY_LEN(pattern.x87); i++)
        pattern.x87[i] = random_u64();
    pattern.control = (u16)(0x037f | (random_u64() & 0xc00)); /* some rounding */
    pattern.mxcsr = (u32)(0x1f80 | (random_u64() & 0x603f));
    for (u32 i = 0; i < 8; i++)
        pattern.opmask[i] = random_u64() & 0xffff;
    pattern.pkru = (u32)random_u64() & 0xfffffffcu; /* key 0 is this program's */
    for (u32 i = 0; i < 4; i++)
        pattern.dr[i] = random_u64() >> 17;
    pattern.dr6 = random_u64() & DR6_PATTERN;
    pattern.cr2 = (random_u64() >> 18 & ~7ull) | BIT(44); /* canonical, and nothing is there */
    for (u32 i = 0; i < 5; i++)
        pattern.msr[i] = random_u64() >> 17; /* canonical */
    pattern.msr[3] &= 0xffffffff;            /* FMASK */
    pattern.msr[5] = (u32)random_u64();
}

static void load_x87(void)
{
    __asm__ volatile("fninit; fldcw %0; ldmxcsr %1" : : "m"(pattern.control), "m"(pattern.mxcsr));
    for (u32 i = 0; i < ARRAY_LEN(pattern.x87); i++)
        __asm__ volatile("fildll %0" : : "m"(pattern.x87[i]));
}

static void enable(void)
{
    const bool has_pku = cpuid(7, 0).ecx & BIT(3);

    has_xsave = cpuid(1, 0).ecx & BIT(26);
    has_tsc_aux = cpuid(0x80000001, 0).edx & BIT(27);
    write_cr0((read_cr0() | CR0_MP | CR0_NE) & ~(CR0_EM | CR0_TS));
    write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | (has_xsave ? CR4_OSXSAVE : 0));
    if (has_pku)
        write_cr4(read_cr4() | CR4_PKE);
    if (has_xsave) {
        xcr0 = cpuid(0xd, 0).eax & (X87_SSE | AVX | AVX512 | (has_pku ? PKRU : 0));
        xsetbv(0, xcr0);
    }
    vectors = xcr0 & AVX512 ? 32 : 16;
    vector_bytes = xcr0 & AVX512 ? 64 : xcr0 & AVX ? 32 : 16;
}

static void load_all(void)
{
    load_x87();
    load_vectors(&pattern);
    move_opmasks(&pattern, true);
    if (xcr0 & PKRU)
        __asm__ volatile("wrpkru" : : "a"(pattern.pkru), "c"(0), "d"(0));
    for (u32 i = 0; i < 4; i++)
        wrmsr(MSR_STAR + i, pattern.msr[i]);
    wrmsr(MSR_KERNEL_GS, pattern.msr[4]);
    if (has_tsc_aux)
        wrmsr(MSR_TSC_AUX, pattern.msr[5]);
    write_dr0(pattern.dr[0]);
    write_dr1(pattern.dr[1]);
    write_dr2(pattern.dr[2]);
    write_dr3(pattern.dr[3]);
    write_dr6(pattern.dr6);
    EXPECT_FAULT(VEC_PF, (void)*(volatile u64 *)pattern.cr2);
}

/* ---------------------------------------------------------------- the comparison */
/* The name of what is not as it was; NULL: all is. */
static const char *changed(void)
{
    store_all(&now);
    for (u32 i = 0; i < vectors; i++)
        if (memcmp(now.vector[i], pattern.vector[i], vector_bytes) != 0)
            return "a vector register";
    if (memcmp(now.legacy, pattern.legacy, 160) != 0)
        return "x87, MXCSR";
    if (xcr0 & AVX512 && memcmp(now.opmask, pattern.opmask, sizeof(now.opmask)) != 0)
        return "an opmask register";
    if (xcr0 & PKRU && now.pkru != pattern.pkru)
        return "PKRU";
    if (memcmp(now.dr, pattern.dr, sizeof(now.dr)) != 0)
        return "DR0 to DR3";
    if ((now.dr6 & DR6_PATTERN) != pattern.dr6)
        return "DR6";
    if (now.cr2 != pattern.cr2)
        return "CR2";
    if (now.xcr0 != pattern.xcr0)
        return "XCR0";
    if (memcmp(now.msr, pattern.msr, has_tsc_aux ? sizeof(now.msr) : 5 * sizeof(now.msr[0])) != 0)
        return "an MSR";
    return NULL;
}

/* What the bytes of FXSAVE mean is not for this test to know. */
static void keep_legacy(void)
{
    store_all(&now);
    memcpy(pattern.legacy, now.legacy, sizeof(pattern.legacy));
}

static void hold(void (*what)(u64 round))
{
    for (u64 i = 0; i < rounds; i++) {
        what(i);
        const char *name = changed();
        if (name != NULL) {
            FAIL("round %llu: %s has changed", (unsigned long long)i, name);
            load_all();
            return;
        }
    }
}

GUEST_TEST(fill)
{
    rounds = cmdline_number("rounds=", ROUNDS_DEFAULT);
    enable();
    make_pattern(cmdline_number("seed=", 1));
    load_all();
    keep_legacy();
    pattern.xcr0 = has_xsave ? xcr0 : 0;
    say("# XCR0 0x%llx, %llu rounds\n", (unsigned long long)xcr0, (unsigned long long)rounds);
    const char *name = changed();
    if (name != NULL)
        FAIL("%s is not what was written", name);
}

static void compute(u64 round)
{
    for (volatile u64 n = 0; n < 20000 + round % 7 * 3000; n++)
        ;
}
GUEST_TEST(computing)
{
    hold(compute);
}

static void make_exits(u64 round)
{
    for (u32 i = 0; i < 100 + round % 13; i++)
        (void)cpuid(0, 0);
    (void)inb(0x1234);
    (void)FAULTS((void)vmcall(~0ull, 0, 0));
}
GUEST_TEST(exits)
{
    hold(make_exits);
}

static void sleep_by_timer(u64 round)
{
    const u64 before = vector_count[VEC_IRQ0];

    pit_one_shot((u32)(200 + round % 11 * 100));
    while (vector_count[VEC_IRQ0] == before)
        cpu_sti_hlt();
    cpu_cli();
}
GUEST_TEST(sleeping)
{
    pic_unmask(0);
    hold(sleep_by_timer);
    pic_mask_all();
    pit_stop();
}

/* A component in its initial configuration comes back as that, too. */
GUEST_TEST(initial_state)
{
    memset(pattern.vector, 0, sizeof(pattern.vector));
    memset(pattern.opmask, 0, sizeof(pattern.opmask));
    pattern.pkru = 0;
    load_all();
    __asm__ volatile("fninit");
    keep_legacy();
    hold(compute);
    hold(make_exits);
}

/* With less of XCR0: what is off is kept all the same. */
GUEST_TEST(smaller_xcr0)
{
    if (!has_xsave)
        SKIP("no XSAVE");
    make_pattern(cmdline_number("seed=", 1) + 1);
    load_all();
    keep_legacy();
    for (u64 i = 0; i < rounds; i++) {
        xsetbv(0, 1);
        compute(i);
        make_exits(i);
        EXPECT_EQ(xgetbv(0), 1);
        xsetbv(0, xcr0);
        const char *name = changed();
        if (name != NULL) {
            FAIL("round %llu: %s has changed", (unsigned long long)i, name);
            return;
        }
    }
}

/* The rest of the runtime, and who comes next, want none of this. */
GUEST_TEST(clean_up)
{
    if (xcr0 & PKRU)
        __asm__ volatile("wrpkru" : : "a"(0), "c"(0), "d"(0));
    __asm__ volatile("fninit");
    write_dr6(0xffff0ff0);
    EXPECT_EQ(read_dr6() & DR6_PATTERN, 0);
}
