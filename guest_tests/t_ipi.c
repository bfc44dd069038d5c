/* Interprocessor interrupts: who gets them, when, and that none is lost.
 * SDM Vol. 3A, "Issuing Interprocessor Interrupts", "Handling NMIs". */
#include "guest_tests/rt/lapic.h"
#include "guest_tests/rt/smp.h"
#include "lib/atomic.h"

#define LDR           0x0d0u
#define DFR           0x0e0u
#define FLAT          0xffffffffu
#define CLUSTER       0x0fffffffu
#define TO_ALL_XAPIC  0xffu
#define TO_ALL_X2APIC 0xffffffffu
#define APIC_TPR      TPR
#define ROUNDS_MAX    100000u
#define ROUNDS_MIN    20u
#define MS_MAX        400u /* of a loop; `long` on the command line: no end before ROUNDS_MAX */
#define ARBITRATIONS  64u

static volatile u64 got[SMP_MAX]; /* interrupts, by who got them */
static volatile u64 got_nmi[SMP_MAX];
static volatile u64 order[SMP_MAX]; /* a byte for each, the last one lowest */

static void count_ipi(struct frame *f)
{
    const u32 self = smp_self();

    order[self] = order[self] << 8 | f->vector;
    (void)atomic_add(&got[self], 1);
    apic_put(APIC_EOI, 0);
}

static void count_nmi(struct frame *f)
{
    (void)f;
    (void)atomic_add(&got_nmi[smp_self()], 1);
}

static u64 total(const volatile u64 of[SMP_MAX])
{
    u64 sum = 0;

    for (u32 cpu = 0; cpu < smp_count(); cpu++)
        sum += of[cpu];
    return sum;
}

/* All sleep in HLT with interrupts on, but for this one. */
static bool fresh(void)
{
    if (smp_count() == 0)
        (void)smp_boot();
    lapic_fresh();
    on_vector(LOW, count_ipi), on_vector(MIDDLE, count_ipi), on_vector(HIGH, count_ipi);
    on_vector(VEC_NMI, count_nmi);
    for (u32 cpu = 0; cpu < SMP_MAX; cpu++)
        got[cpu] = got_nmi[cpu] = order[cpu] = 0;
    return smp_count() > 1;
}

/* Interrupts come in: this processor's at once, the others' soon. */
static void settle(void)
{
    cpu_sti();
    for (const u64 begin = rdtsc(); rdtsc() - begin < tsc_ms(1);)
        cpu_pause();
    cpu_cli();
}

/* Until so many have come in all, then a little longer: no more may. */
static void await(const volatile u64 of[SMP_MAX], u64 count)
{
    cpu_sti();
    for (const u64 begin = rdtsc(); total(of) < count && rdtsc() - begin < tsc_ms(2000);)
        cpu_pause();
    settle();
    EXPECT_EQ(total(of), count);
}

/* Exactly these got one more. */
static void expect_got(volatile u64 of[SMP_MAX], u32 set)
{
    u64 count = 0;

    for (u32 left = set; left != 0; left &= left - 1)
        count++;
    await(of, count);
    for (u32 cpu = 0; cpu < smp_count(); cpu++) {
        EXPECT_EQ(of[cpu], set >> cpu & 1);
        of[cpu] = 0;
    }
}

static u32 everybody(void)
{
    return BIT32(smp_count()) - 1;
}

GUEST_TEST(physical)
{
    EXPECT_TRUE(fresh());
    for (u32 cpu = 0; cpu < smp_count(); cpu++) {
        apic_ipi(cpu, LOW | ICR_ASSERT);
        expect_got(got, BIT32(cpu));
    }
    apic_ipi(SMP_MAX + 3, LOW | ICR_ASSERT); /* nobody */
    expect_got(got, 0);
    apic_ipi(TO_ALL_XAPIC, LOW | ICR_ASSERT);
    expect_got(got, everybody());
}

GUEST_TEST(shorthands)
{
    EXPECT_TRUE(fresh());
    apic_ipi(1, LOW | ICR_TO_SELF);
    expect_got(got, 1);
    apic_ipi(1, LOW | ICR_TO_ALL | ICR_ASSERT);
    expect_got(got, everybody());
    apic_ipi(1, LOW | ICR_TO_OTHERS | ICR_ASSERT);
    expect_got(got, everybody() & ~1u);
    apic_ipi(1, ICR_NMI | ICR_TO_OTHERS | ICR_ASSERT);
    expect_got(got_nmi, everybody() & ~1u);
}

static void set_logical(u64 model)
{
    const u32 self = smp_self();

    lapic_put(DFR, (u32)model);
    /* flat: a bit each; cluster: two each in a cluster */
    lapic_put(LDR, model == FLAT ? BIT32(24 + self) : (self / 2) << 28 | BIT32(24 + self % 2));
}

GUEST_TEST(logical_flat)
{
    EXPECT_TRUE(fresh());
    EXPECT_TRUE(smp_all(set_logical, FLAT));
    for (u32 set = 0; set<256; set += smp_count()> 4 ? 37 : 5) {
        apic_ipi(set, LOW | ICR_LOGICAL | ICR_ASSERT);
        expect_got(got, set & everybody());
    }
    apic_ipi(0xff, LOW | ICR_LOGICAL | ICR_ASSERT);
    expect_got(got, everybody());
}

GUEST_TEST(logical_cluster)
{
    EXPECT_TRUE(fresh());
    EXPECT_TRUE(smp_all(set_logical, CLUSTER));
    for (u32 cluster = 0; cluster < 4; cluster++)
        for (u32 set = 0; set < 4; set++) {
            apic_ipi(cluster << 4 | set, LOW | ICR_LOGICAL | ICR_ASSERT);
            expect_got(got, (set << 2 * cluster) & everybody());
        }
    apic_ipi(0xff, LOW | ICR_LOGICAL | ICR_ASSERT);
    expect_got(got, everybody());
    EXPECT_TRUE(smp_all(set_logical, FLAT));
}

static void set_tpr(u64 value)
{
    apic_put(APIC_TPR, (u32)value);
}

/* One takes it, and it is one of the set; the least busy one, where there is a difference. */
GUEST_TEST(lowest_priority)
{
    const u32 set = everybody() & ~1u;

    EXPECT_TRUE(fresh());
    EXPECT_TRUE(smp_all(set_logical, FLAT));
    for (u32 i = 0; i < ARBITRATIONS; i++) {
        apic_ipi(set, LOW | ICR_LOWEST | ICR_LOGICAL | ICR_ASSERT);
        await(got, i + 1);
        EXPECT_EQ(got[0], 0);
    }
    EXPECT_TRUE(fresh());
    for (u32 cpu = 1; cpu + 1 < smp_count(); cpu++)
        EXPECT_TRUE(smp_call(cpu, set_tpr, 0x30));
    apic_ipi(set, LOW | ICR_LOWEST | ICR_LOGICAL | ICR_ASSERT);
    expect_got(got, BIT32(smp_count() - 1));
    EXPECT_TRUE(smp_all(set_tpr, 0));
}

/* ---- NMI ---- */

static volatile u64 stop;

static void run_until_stopped(u64 arg)
{
    (void)arg;
    while (stop == 0)
        cpu_pause();
}

static volatile u64 nmi_gate;

/* NMIs are blocked in here; of those that come, one stays pending. */
static void slow_nmi(struct frame *f)
{
    (void)f;
    if (atomic_add(&got_nmi[smp_self()], 1) == 0) {
        nmi_gate = 1;
        while (nmi_gate == 1)
            cpu_pause();
    }
}

GUEST_TEST(nmi)
{
    EXPECT_TRUE(fresh());
    apic_ipi(1, ICR_NMI | ICR_ASSERT); /* in HLT */
    expect_got(got_nmi, 2);
    stop = 0;
    smp_start(1, run_until_stopped, 0); /* with interrupts off */
    settle();
    apic_ipi(1, ICR_NMI | ICR_ASSERT);
    expect_got(got_nmi, 2);
    stop = 1;
    EXPECT_TRUE(smp_wait(1));
    apic_ipi(0, ICR_NMI | ICR_ASSERT); /* to oneself, by its ID */
    expect_got(got_nmi, 1);
}

GUEST_TEST(one_nmi_stays_pending)
{
    EXPECT_TRUE(fresh());
    on_vector(VEC_NMI, slow_nmi);
    nmi_gate = 0;
    apic_ipi(1, ICR_NMI | ICR_ASSERT);
    EXPECT_TRUE(smp_wait_value(&nmi_gate, 1, tsc_ms(2000)));
    for (u32 i = 0; i < 3; i++) {
        apic_ipi(1, ICR_NMI | ICR_ASSERT);
        settle();
    }
    EXPECT_EQ(got_nmi[1], 1);
    nmi_gate = 2;
    await(got_nmi, 2);
}

/* ---- priorities ---- */

static void window(u64 arg)
{
    (void)arg;
    irq_window();
}

GUEST_TEST(tpr_holds_back)
{
    EXPECT_TRUE(fresh());
    EXPECT_TRUE(smp_call(1, set_tpr, MIDDLE & 0xf0));
    apic_ipi(1, LOW | ICR_ASSERT);
    apic_ipi(1, MIDDLE | ICR_ASSERT);
    settle();
    EXPECT_EQ(total(got), 0);
    apic_ipi(1, HIGH | ICR_ASSERT);
    await(got, 1);
    EXPECT_EQ(order[1], HIGH);
    /* The wake-up of a call is above it. */
    EXPECT_TRUE(smp_call(1, set_tpr, 0));
    EXPECT_TRUE(smp_call(1, window, 0));
    await(got, 3);
    EXPECT_EQ(order[1], HIGH << 16 | MIDDLE << 8 | LOW);
}

static void wait_for_all_three(u64 arg)
{
    (void)arg;
    stop = 1;
    while (!lapic_has(IRR, LOW) || !lapic_has(IRR, MIDDLE) || !lapic_has(IRR, HIGH))
        cpu_pause();
    irq_window();
}

GUEST_TEST(highest_first)
{
    EXPECT_TRUE(fresh());
    stop = 0;
    smp_start(1, wait_for_all_three, 0);
    EXPECT_TRUE(smp_wait_value(&stop, 1, tsc_ms(2000)));
    apic_ipi(1, LOW | ICR_ASSERT);
    apic_ipi(1, HIGH | ICR_ASSERT);
    apic_ipi(1, MIDDLE | ICR_ASSERT);
    EXPECT_TRUE(smp_wait(1));
    EXPECT_EQ(order[1], HIGH << 16 | MIDDLE << 8 | LOW);
}

/* ---- none is lost ---- */

static bool time_is_up(u64 begin)
{
    return strcmp(cmdline, "long") != 0 && rdtsc() - begin > tsc_ms(MS_MAX);
}

static volatile u64 acknowledged[SMP_MAX];
static volatile u64 asked[SMP_MAX];
static volatile u64 finished;

/* The handler of all: takes what others asked of this one. */
static void acknowledge(struct frame *f)
{
    const u32 self = smp_self();

    (void)f;
    apic_put(APIC_EOI, 0);
    (void)atomic_add(&got[self], 1);
    acknowledged[self] = load_acquire(&asked[self]);
}

/* Each asks its neighbour, and waits until that has seen it. */
static void storm(u64 arg)
{
    const u32 self = smp_self(), next = (self + 1) % smp_count();
    const u64 begin = rdtsc();
    u64 i = 0;

    (void)arg;
    cpu_sti();
    do {
        store_release(&asked[next], ++i);
        apic_ipi(next, MIDDLE | ICR_ASSERT);
        if (!smp_wait_value(&acknowledged[next], i, tsc_ms(8000))) {
            FAIL("CPU %u: round %u is lost", self, (u32)i);
            break;
        }
    } while (i < ROUNDS_MAX && !time_is_up(begin));
    (void)atomic_add(&finished, 1);
    (void)smp_wait_value(&finished, smp_count(), tsc_ms(8000)); /* others still ask */
    cpu_cli();
}

GUEST_TEST(storm_among_all)
{
    EXPECT_TRUE(fresh());
    on_vector(MIDDLE, acknowledge);
    finished = 0;
    for (u32 cpu = 0; cpu < SMP_MAX; cpu++)
        asked[cpu] = acknowledged[cpu] = 0;
    EXPECT_TRUE(smp_all(storm, 0));
    for (u32 cpu = 0; cpu < smp_count(); cpu++)
        EXPECT_TRUE(got[cpu] >= ROUNDS_MIN && acknowledged[cpu] == asked[cpu]);
}

static void sleep_for_interrupts(u64 arg)
{
    (void)arg;
    while (stop == 0) {
        cpu_sti_hlt();
        cpu_cli();
    }
}

/* STI; HLT with the interrupt at any moment: it wakes. */
GUEST_TEST(no_wake_up_is_lost)
{
    const u64 begin = rdtsc();
    u64 i = 0;

    EXPECT_TRUE(fresh());
    random_seed(7);
    stop = 0;
    smp_start(1, sleep_for_interrupts, 0);
    do {
        const u64 delay = random_u64() % 2000;

        for (const u64 from = rdtsc(); rdtsc() - from < delay;)
            ;
        apic_ipi(1, LOW | ICR_ASSERT);
        if (!EXPECT_TRUE(smp_wait_value(&got[1], ++i, tsc_ms(8000))))
            break;
    } while (i < ROUNDS_MAX && !time_is_up(begin));
    stop = 1;
    apic_ipi(1, LOW | ICR_ASSERT);
    EXPECT_TRUE(smp_wait(1));
    EXPECT_TRUE(i >= ROUNDS_MIN);
    EXPECT_TRUE(smp_wait_value(&got[1], i + 1, tsc_ms(8000)));
}

/* ---- x2APIC mode ---- */

GUEST_TEST(x2apic)
{
    EXPECT_TRUE(fresh());
    if (!(cpuid(1, 0).ecx & BIT(21)) || !(cpuid(1, 0).ecx & BIT(31)))
        SKIP("no x2APIC mode that can be left again");
    EXPECT_TRUE(smp_all(lapic_to_x2apic, 0));
    for (u32 cpu = 0; cpu < smp_count(); cpu++) {
        apic_ipi(cpu, LOW | ICR_ASSERT);
        expect_got(got, BIT32(cpu));
        apic_ipi(BIT32(cpu), LOW | ICR_LOGICAL | ICR_ASSERT); /* cluster 0 */
        expect_got(got, BIT32(cpu));
        apic_ipi(1u << 16 | BIT32(cpu), LOW | ICR_LOGICAL | ICR_ASSERT);
        expect_got(got, 0);
    }
    apic_ipi(TO_ALL_X2APIC, LOW | ICR_ASSERT);
    expect_got(got, everybody());
    apic_ipi(TO_ALL_X2APIC, LOW | ICR_LOGICAL | ICR_ASSERT);
    expect_got(got, everybody());
    apic_ipi(0xff, LOW | ICR_ASSERT); /* an ID here */
    expect_got(got, 0);
    apic_ipi(0, LOW | ICR_TO_OTHERS | ICR_ASSERT);
    expect_got(got, everybody() & ~1u);
    apic_ipi(everybody() & ~1u, LOW | ICR_LOWEST | ICR_LOGICAL | ICR_ASSERT);
    await(got, 1);
    EXPECT_EQ(got[0], 0);
    EXPECT_TRUE(smp_all(lapic_to_xapic, 0));
}
