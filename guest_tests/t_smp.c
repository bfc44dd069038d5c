/* The other processors: how they start, what INIT leaves, who they are.  SDM Vol. 3A,
 * "Multiple-Processor (MP) Initialization", "Processor State After Reset". */
#include "guest_tests/rt/lapic.h"
#include "guest_tests/rt/smp.h"
#include "lib/atomic.h"

#define ROUNDS         100000u
#define PINGS          1000u
#define LDR            0x0d0u
#define DFR            0x0e0u
#define INIT_ASSERT    (ICR_INIT | ICR_ASSERT)
#define INIT_DEASSERT  (ICR_INIT | ICR_LEVEL)
#define SIPI(page)     (ICR_STARTUP | ICR_ASSERT | (page) >> 12)
#define MSR_SYSENTER   0x174u
#define MSR_PAT        0x277u
#define MSR_MTRR_TYPE  0x2ffu
#define MSR_KERNEL_GS  0xc0000102u
#define DR6_RESET      0xffff0ff0u
#define DR7_RESET      0x400u
#define X87_CONTROL    0x27fu
#define CR0_AFTER_INIT 0x10u

static volatile u64 counter;
static u64 seen[SMP_MAX][8];

static bool on_lintel(void)
{
    return cpuid(1, 0).ecx & BIT(31);
}

static void wait_ms(u64 ms)
{
    for (const u64 begin = rdtsc(); rdtsc() - begin < tsc_ms(ms);)
        cpu_pause();
}

static void spin(u64 arg)
{
    (void)arg;
    for (;;)
        counter++;
}

static void halt_for_good(u64 arg)
{
    (void)arg;
    for (counter = 1;;)
        __asm__ volatile("cli; hlt");
}

/* The counter moves, or stands still from soon on. */
static bool counts(void)
{
    const u64 before = counter;

    return smp_wait_value(&counter, before + 1, tsc_ms(1000));
}

static bool has_stopped(void)
{
    for (u32 i = 0; i < 100; i++) {
        const u64 before = counter;

        wait_ms(2);
        if (counter == before)
            return true;
    }
    return false;
}

GUEST_TEST(all_start)
{
    EXPECT_TRUE(smp_boot() > 1);
    if (on_lintel())
        EXPECT_EQ(smp_count(), cpuid(1, 0).ebx >> 16 & 0xff);
    say("# %u processors\n", smp_count());
}

GUEST_TEST(all_start_again_from_hlt)
{
    const u32 count = smp_count();

    EXPECT_EQ(smp_boot(), count);
}

GUEST_TEST(one_by_one)
{
    u32 before[SMP_MAX];

    for (u32 cpu = 1; cpu < smp_count(); cpu++) {
        for (u32 i = 0; i < SMP_MAX; i++)
            before[i] = smp_starts(i);
        EXPECT_TRUE(smp_restart(cpu, SMP_PAGE));
        for (u32 i = 0; i < SMP_MAX; i++)
            EXPECT_EQ(smp_starts(i), before[i] + (i == cpu));
    }
}

/* ---- who they are ---- */

static void identify(u64 arg)
{
    u64 *at = seen[smp_self()];

    (void)arg;
    at[0] = cpuid(1, 0).ebx >> 24;
    at[1] = cpuid(0xb, 0).edx;
    at[2] = cpuid(0xb, 1).edx;
    at[3] = lapic_get(ID) >> 24;
    at[4] = cpuid(0xb, 0).eax | (u64)cpuid(0xb, 1).eax << 32;
    at[5] = cpuid(0xb, 0).ebx | (u64)cpuid(0xb, 1).ebx << 32;
    at[6] = cpuid(4, 3).eax | (u64)cpuid(4, 0).eax << 32;
    at[7] = cpuid(1, 0).eax | (u64)cpuid(1, 0).edx << 32;
}

GUEST_TEST(ids_and_topology)
{
    smp_all(identify, 0);
    for (u32 cpu = 0; cpu < smp_count(); cpu++) {
        for (u32 i = 0; i < 4; i++)
            EXPECT_EQ(seen[cpu][i], cpu);
        for (u32 i = 4; i < 8; i++)
            EXPECT_EQ(seen[cpu][i], seen[0][i]);
    }
    if (!on_lintel())
        return;
    /* One package: all IDs are equal above the core level's width, which covers them. */
    EXPECT_EQ(seen[0][5] >> 32 & 0xffff, smp_count());
    EXPECT_TRUE(1u << (seen[0][4] >> 32 & 0x1f) >= smp_count());
    EXPECT_TRUE((seen[0][6] >> 26 & 0x3f) + 1 >= smp_count());
}

static const u8 *find_madt(u64 rsdp)
{
    const u8 *xsdt = *(const u8 *const *)(rsdp + 24);
    const u32 length = *(const u32 *)(xsdt + 4);

    for (u32 at = 36; at + 8 <= length; at += 8) {
        u64 table;

        memcpy(&table, xsdt + at, sizeof(table));
        if (memcmp((const void *)table, "APIC", 4) == 0)
            return (const u8 *)table;
    }
    return NULL;
}

GUEST_TEST(madt)
{
    u32 ids = 0, processors = 0;

    if (machine.rsdp_gpa == 0)
        SKIP("no ACPI tables");
    const u8 *m = find_madt(machine.rsdp_gpa);
    if (!EXPECT_TRUE(m != NULL))
        return;
    const u32 length = *(const u32 *)(m + 4);
    for (u32 at = 44; at + 2 <= length && m[at + 1] != 0; at += m[at + 1])
        if (m[at] == 0 && (m[at + 4] & 1)) { /* a local APIC that is enabled */
            processors++;
            ids |= m[at + 3] < 32 ? BIT32(m[at + 3]) : 0;
        }
    EXPECT_EQ(processors, smp_count());
    EXPECT_EQ(ids, BIT32(smp_count()) - 1);
}

/* ---- together ---- */

static void add(u64 arg)
{
    for (u32 i = 0; i < ROUNDS; i++)
        __asm__ volatile("lock incq %0" : "+m"(counter) : : "memory");
    (void)arg;
}

GUEST_TEST(locked_increments)
{
    counter = 0;
    EXPECT_TRUE(smp_all(add, 0));
    EXPECT_EQ(counter, (u64)smp_count() * ROUNDS);
}

static volatile u64 ball; /* times 2, and whose turn it is */
static volatile u64 ball_tsc;
static u64 steps_back;

static void play(u64 me)
{
    const u64 begin = rdtsc();

    while (ball < 2ull * PINGS && rdtsc() - begin < tsc_ms(1000)) {
        if ((ball & 1) != me) {
            cpu_pause();
            continue;
        }
        const u64 now = rdtsc();
        if (now < ball_tsc)
            (void)atomic_add(&steps_back, 1);
        ball_tsc = now;
        ball = ball + 1;
    }
}

GUEST_TEST(tsc_does_not_step_back)
{
    for (u32 cpu = 1; cpu < smp_count(); cpu++) {
        ball = ball_tsc = steps_back = 0;
        smp_start(cpu, play, 1);
        play(0);
        EXPECT_TRUE(smp_wait(cpu));
        EXPECT_TRUE(ball >= 20);
        EXPECT_EQ(steps_back, 0);
    }
}

static struct smp_barrier barrier;

static void meet(u64 rounds)
{
    for (u64 i = 0; i < rounds; i++) {
        (void)atomic_add(&seen[0][0], 1);
        smp_barrier_wait(&barrier, smp_count());
        if (READ_ONCE(seen[0][0]) != (i + 1) * smp_count())
            FAIL("round %u: not all are here", (u32)i);
        smp_barrier_wait(&barrier, smp_count());
    }
}

GUEST_TEST(barriers)
{
    seen[0][0] = 0;
    EXPECT_TRUE(smp_all(meet, 20));
}

/* ---- INIT and STARTUP in each state ---- */

GUEST_TEST(init_stops_a_running_one)
{
    for (u32 cpu = 1; cpu < smp_count(); cpu++) {
        smp_start(cpu, spin, 0);
        EXPECT_TRUE(counts());
        apic_ipi(cpu, SIPI(SMP_PAGE)); /* it runs: nothing */
        apic_ipi(cpu, INIT_DEASSERT);
        EXPECT_TRUE(counts() && counts());
        apic_ipi(cpu, INIT_ASSERT);
        EXPECT_TRUE(has_stopped());
        EXPECT_TRUE(smp_restart(cpu, SMP_PAGE));
    }
}

GUEST_TEST(init_in_hlt_without_interrupts)
{
    const u32 last = smp_count() - 1;

    counter = 0;
    smp_start(last, halt_for_good, 0);
    EXPECT_TRUE(smp_wait_value(&counter, 1, tsc_ms(1000)));
    apic_ipi(last, VEC_SMP_CALL | ICR_ASSERT); /* does not wake it */
    wait_ms(2);
    EXPECT_TRUE(smp_restart(last, SMP_PAGE));
}

GUEST_TEST(init_while_it_waits_for_startup)
{
    const u32 starts = smp_starts(1);

    for (u32 i = 0; i < 3; i++) {
        apic_ipi(1, INIT_ASSERT);
        wait_ms(2);
        EXPECT_EQ(smp_starts(1), starts);
    }
    apic_ipi(1, VEC_SMP_CALL | ICR_ASSERT); /* no interrupt starts it */
    wait_ms(2);
    EXPECT_EQ(smp_starts(1), starts);
    apic_ipi(1, SIPI(SMP_PAGE));
    EXPECT_TRUE(smp_wait_start(1, starts));
}

GUEST_TEST(second_startup_is_ignored)
{
    EXPECT_TRUE(smp_restart(1, SMP_PAGE));
    const u32 starts = smp_starts(1);

    for (u32 i = 0; i < 5; i++) {
        apic_ipi(1, SIPI(SMP_PAGE));
        wait_ms(1);
    }
    EXPECT_EQ(smp_starts(1), starts);
    EXPECT_TRUE(smp_call(1, identify, 0));
}

GUEST_TEST(startup_vectors)
{
    static const u32 pages[] = {0x1000,  0x8000,  0x10000, 0x2f000,
                                0x5a000, 0x7f000, 0x80000, 0x9e000};

    for (u32 i = 0; i < ARRAY_LEN(pages); i++) {
        smp_page_make(pages[i]);
        EXPECT_TRUE(smp_restart(1, pages[i]));
        EXPECT_EQ(smp_arrival(pages[i])->count, 1);
        EXPECT_EQ(smp_arrival(pages[i])->cs, pages[i] >> 4);
    }
}

/* ---- what INIT leaves ---- */

static void save_what_stays(u64 arg)
{
    u64 *at = seen[arg];
    u16 x87;

    __asm__ volatile("fnstcw %0" : "=m"(x87));
    at[0] = rdmsr(MSR_SYSENTER);
    at[1] = rdmsr(MSR_PAT);
    at[2] = rdmsr(MSR_MTRR_TYPE);
    at[3] = rdmsr(MSR_KERNEL_GS);
    at[4] = x87;
    at[5] = rdmsr(0x1b);
    at[6] = rdtsc();
    at[7] = read_dr0() | read_dr1() | read_dr2() | read_dr3();
}

static void leave_traces(u64 arg)
{
    const u16 x87 = X87_CONTROL;

    write_dr0(0x1111), write_dr1(0x2222), write_dr2(0x3333), write_dr3(0x4444);
    write_dr7(DR7_RESET | 1);
    write_cr2(0x12345678);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
    wrmsr(MSR_SYSENTER, 0x5678);
    wrmsr(MSR_PAT, 0x0007040600070401);
    wrmsr(MSR_KERNEL_GS, 0x123456789a);
    __asm__ volatile("fldcw %0" : : "m"(x87));
    lapic_put(TPR, 0x20);
    lapic_put(LDR, 0x02000000);
    lapic_put(DFR, 0x0fffffff);
    lapic_put(LVT_TIMER, PERIODIC | TIMER);
    lapic_put(LVT_LINT1, NMI);
    save_what_stays(arg);
}

static void check_apic(u64 arg)
{
    (void)arg;
    EXPECT_EQ(lapic_get(TPR), 0);
    EXPECT_EQ(lapic_get(LDR), 0);
    EXPECT_EQ(lapic_get(DFR), ~0u);
    EXPECT_EQ(lapic_get(LVT_TIMER), MASKED);
    EXPECT_EQ(lapic_get(LVT_LINT1), MASKED);
    EXPECT_EQ(lapic_get(ICR_LOW), 0);
    EXPECT_EQ(lapic_get(INITIAL_COUNT), 0);
    EXPECT_EQ(lapic_get(ID) >> 24, smp_self());
    EXPECT_EQ(rdmsr(0x1b) & BIT(8), 0); /* not the bootstrap processor */
}

static void check_arrival(const volatile struct smp_arrival *a)
{
    EXPECT_EQ(a->eax | a->ecx | a->ebx | a->esp | a->ebp | a->esi | a->edi, 0);
    EXPECT_EQ(a->edx >> 8 & 0xf, cpuid(1, 0).eax >> 8 & 0xf); /* the family */
    EXPECT_EQ(a->eflags, 2);
    EXPECT_EQ(a->cr0, CR0_AFTER_INIT); /* and CD and NW as they were */
    EXPECT_EQ(a->cr2 | a->cr3 | a->cr4, 0);
    EXPECT_EQ(a->efer_low | a->efer_high, 0);
    EXPECT_EQ(a->dr6, DR6_RESET);
    EXPECT_EQ(a->dr7, DR7_RESET);
    EXPECT_EQ(a->ds | a->es | a->fs | a->gs | a->ss, 0);
    EXPECT_EQ(a->gdt_limit, 0xffff);
    EXPECT_EQ(a->idt_limit, 0xffff);
    EXPECT_EQ(a->gdt_base[0] | a->gdt_base[1] | a->idt_base[0] | a->idt_base[1], 0);
}

GUEST_TEST(state_after_init)
{
    const u32 last = smp_count() - 1;
    const u64 pat = rdmsr(MSR_PAT);

    EXPECT_TRUE(smp_call(last, leave_traces, 0));
    smp_page_make(SMP_PAGE);
    EXPECT_TRUE(smp_restart(last, SMP_PAGE));
    check_arrival(smp_arrival(SMP_PAGE));
    EXPECT_TRUE(smp_call(last, save_what_stays, 1));
    EXPECT_EQ(seen[0][4], X87_CONTROL);
    for (u32 i = 0; i < 6; i++)
        EXPECT_EQ(seen[1][i], seen[0][i]);
    EXPECT_TRUE(seen[1][6] > seen[0][6]);
    EXPECT_EQ(seen[1][7], 0); /* DR0 to DR3 */
    EXPECT_TRUE(smp_call(last, check_apic, 0));
    EXPECT_EQ(rdmsr(MSR_PAT), pat);
}
