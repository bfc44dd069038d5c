/* A guest that shares its processors with others which mean it no good (t_hog.c): for ticks=N it
 * computes, keeps its registers, takes its timer's interrupts, and says how much of the processor
 * it got and how late the timer was.  `share` and `most`: what each window of window=N ticks has to
 * bring at least and at most, in thousandths of a processor; late=N: ticks; rest=1: it sleeps
 * between its timers instead of computing; start=N: it sleeps until that TSC value first;
 * linger=N: and that long before it ends, since the end of a guest takes time of the others.  Its
 * status is 0 only if all that holds. */
#include "guest_tests/rt/cmdline.h"
#include "guest_tests/rt/lapic.h"

#define CHUNK_WORDS      1024u
#define STEP             0x9e3779b97f4a7c15ull /* from word to word, and from pass to pass */
#define TSC_DEADLINE     0x40000u
#define MSR_TSC_DEADLINE 0x6e0u
#define SHORTEST         100000u /* from a timer to the next: ticks */
#define SPREAD           800000u
#define NOTHING          1000u

extern u8 _guest_end[];

/* ---------------------------------------------------------------- the timer */
static u64 deadline, worst_late, worst_late_at;

static void set_timer(void)
{
    deadline = rdtsc() + SHORTEST + random_u64() % SPREAD;
    wrmsr(MSR_TSC_DEADLINE, deadline);
}

static void on_timer(struct frame *f)
{
    const u64 now = rdtsc();

    (void)f;
    if (now < deadline)
        FAIL("a timer comes %llu ticks early", (unsigned long long)(deadline - now));
    else if (now - deadline > worst_late)
        worst_late = now - deadline, worst_late_at = now;
    lapic_put(EOI, 0);
    set_timer();
}

/* ---------------------------------------------------------------- registers */
static u8 vectors[16][32] __attribute__((aligned(32))), seen[16][32] __attribute__((aligned(32)));
static bool has_avx;

#define EACH(do)                                                                                   \
    do                                                                                             \
    (0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do(11) do(12) do(13) do(      \
        14) do(15)
#define LOAD_YMM(n)  __asm__ volatile("vmovaps %0, %%ymm" #n : : "m"(vectors[n]));
#define LOAD_XMM(n)  __asm__ volatile("movaps %0, %%xmm" #n : : "m"(vectors[n]));
#define STORE_YMM(n) __asm__ volatile("vmovaps %%ymm" #n ", %0" : "=m"(seen[n]));
#define STORE_XMM(n) __asm__ volatile("movaps %%xmm" #n ", %0" : "=m"(seen[n]));

static const u64 dr_pattern[4] = {0x123456789000, 0x7ffffffffff8, 0x1, 0x555555555555};

static void fill_registers(void)
{
    has_avx = cpuid(1, 0).ecx & BIT(28);
    write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | (has_avx ? CR4_OSXSAVE : 0));
    for (u32 i = 0; i < sizeof(vectors) / 8; i++) {
        const u64 word = random_u64();
        memcpy((u8 *)vectors + 8 * i, &word, sizeof(word));
    }
    if (has_avx) {
        xsetbv(0, 7);
        EACH(LOAD_YMM)
    } else {
        EACH(LOAD_XMM)
    }
    write_dr0(dr_pattern[0]), write_dr1(dr_pattern[1]);
    write_dr2(dr_pattern[2]), write_dr3(dr_pattern[3]);
}

static bool registers_are_kept(void)
{
    const u64 dr[4] = {read_dr0(), read_dr1(), read_dr2(), read_dr3()};

    if (has_avx) {
        EACH(STORE_YMM)
    } else {
        EACH(STORE_XMM)
    }
    for (u32 i = 0; i < 16; i++)
        if (memcmp(seen[i], vectors[i], has_avx ? 32 : 16) != 0)
            return false;
    return memcmp(dr, dr_pattern, sizeof(dr)) == 0;
}

/* ---------------------------------------------------------------- memory */
static u64 *words;
static u64 count; /* a multiple of CHUNK_WORDS */
static u64 sum, at, passes;

static void fill_memory(void)
{
    words = (u64 *)(u64)_guest_end;
    count = (machine.memory - (u64)_guest_end) / sizeof(u64) / CHUNK_WORDS * CHUNK_WORDS;
    for (u64 i = 0; i < count; i++)
        words[i] = i * STEP;
}

/* Each pass adds STEP to each word.  Their sum is known without adding them up. */
static u64 sum_after(u64 pass)
{
    return STEP * (count / 2 * (count - 1) + pass * count); /* count is even */
}

/* Ticks, with all that came between. */
static NOINLINE u64 work(void)
{
    const u64 begin = rdtsc();

    for (u64 i = 0; i < CHUNK_WORDS; i++) {
        words[at + i] += STEP;
        sum += words[at + i];
    }
    at += CHUNK_WORDS;
    if (at == count) {
        passes++;
        EXPECT_EQ(sum, sum_after(passes));
        sum = at = 0;
    }
    return rdtsc() - begin;
}

/* ---------------------------------------------------------------- windows */
static u64 window, chunk_ticks = ~0ull;
static u64 least = NOTHING, least_at, greatest;

static void one_window(void)
{
    const u64 begin = rdtsc();
    u64 chunks = 0, end = begin;

    for (; end - begin < window; end = rdtsc(), chunks++) {
        const u64 ticks = work();
        chunk_ticks = MIN(chunk_ticks, ticks);
    }
    const u64 share = chunks * chunk_ticks * 1000 / (end - begin);
    if (share < least)
        least = share, least_at = end;
    greatest = MAX(greatest, share);
    EXPECT_TRUE(registers_are_kept());
}

static void rest_for(u64 ticks)
{
    for (const u64 begin = rdtsc(); rdtsc() - begin < ticks;)
        cpu_sti_hlt();
    EXPECT_TRUE(registers_are_kept());
}

static void sleep_until(u64 tsc)
{
    lapic_fresh();
    lapic_put(LVT_TIMER, TSC_DEADLINE | TIMER);
    while (rdtsc() < tsc) {
        cpu_cli();
        wrmsr(MSR_TSC_DEADLINE, tsc);
        cpu_sti_hlt();
    }
    cpu_cli();
    wrmsr(MSR_TSC_DEADLINE, 0);
    irq_window();
}

GUEST_TEST(computes)
{
    const u64 ticks = cmdline_number("ticks=", 20000000);
    const bool rests = cmdline_number("rest=", 0);

    window = cmdline_number("window=", 10000000);
    random_seed(machine.memory + ticks);
    fill_registers();
    fill_memory();
    sleep_until(cmdline_number("start=", 0));
    const u64 begin = rdtsc();
    for (u32 i = 0; i < 20; i++) { /* what a chunk takes without others */
        const u64 took = work();
        chunk_ticks = MIN(chunk_ticks, took);
    }
    on_vector(TIMER, on_timer);
    lapic_put(LVT_TIMER, TSC_DEADLINE | TIMER);
    set_timer();
    cpu_sti();
    while (rdtsc() - begin < ticks)
        if (rests)
            rest_for(window);
        else
            one_window();
    cpu_cli();
    sleep_until(rdtsc() + cmdline_number("linger=", 0));
    say("# passes %llu, share %llu to %llu, the least at %llu; the latest timer: %llu at %llu\n",
        (unsigned long long)passes, (unsigned long long)least, (unsigned long long)greatest,
        (unsigned long long)least_at, (unsigned long long)worst_late,
        (unsigned long long)worst_late_at);
}

GUEST_TEST(gets_its_share)
{
    EXPECT_TRUE(least >= cmdline_number("share=", 0));
    EXPECT_TRUE(greatest <= cmdline_number("most=", NOTHING));
}

GUEST_TEST(timers_come_in_time)
{
    EXPECT_TRUE(worst_late_at != 0);
    EXPECT_TRUE(worst_late <= cmdline_number("late=", ~0ull));
}
