/* Threats S13, S16 and S19: all processors do at once whatever can be done to devices, MSRs and
 * each other.  The command line has the number of ticks (default TICKS). */
#include "guest_tests/rt/lapic.h"
#include "guest_tests/rt/smp.h"
#include "lib/atomic.h"

#define TICKS        20000000u
#define IOAPIC       0xfec00000ull
#define VGA_TEXT     0xb8000ull
#define VGA_HOLE     0xa0000ull
#define PAGES_FIRST  0x1000u
#define CANARY_BYTES 0x10000u
#define REWRITES     2000000u
#define EAX_BEFORE   0x12345678u
#define FIRST_IRQ    0x20u
#define REG_ENTRIES  0x10u
#define PINS         24u

static volatile u64 deadline;
static volatile bool
    with_nmi; /* else with INIT and STARTUP: an NMI on the way to 64-bit mode kills */
static volatile u64 steps[SMP_MAX], nmis;
static u64 canary[CANARY_BYTES / 8];

static u64 draw(u64 *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}

/* ---- one thing at a time ---- */

/* None that resets or ends the guest, or takes the console away; no ICW1, which moves vectors. */
static void port(u64 r)
{
    static const u16 read[] = {0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x40,  0x41,  0x42,  0x43, 0x61,
                               0x60, 0x64, 0x70, 0x71, 0x3fa, 0x3fd, 0x3fe, 0x3ff, 0x80, 0x1234};
    static const u16 write[] = {0x21, 0xa1, 0x4d0, 0x40,  0x41, 0x42,  0x43,
                                0x61, 0x70, 0x71,  0x3ff, 0x80, 0x1234};

    switch (r >> 8 & 3) {
    case 0: outb(write[(r >> 16) % ARRAY_LEN(write)], (u8)r); break;
    case 1: outb(r & 0x100000 ? PIC1_CMD : PIC2_CMD, (u8)(r & ~0x10ull)); break;
    case 2:
        outl(0xcf8, (u32)r);
        (void)inl(0xcfc);
        break;
    default: (void)inb(read[(r >> 16) % ARRAY_LEN(read)]); break;
    }
}

static u32 any_vector(u64 r)
{
    return r & 0x100 ? (u32)r & 0xf : MAX((u32)r & 0xff, FIRST_IRQ);
}

static void ioapic(u64 r)
{
    static const u32 modes[] = {0x000, 0x100, 0x200, 0x700, 0x800, 0x900};
    u32 low = (u32)(r >> 32 & 0x16000) | modes[(r >> 24) % ARRAY_LEN(modes)] | any_vector(r);

    if (with_nmi && (r >> 48 & 7) == 0)
        low = ICR_NMI;
    *(volatile u32 *)IOAPIC =
        r & 0x4000000 ? REG_ENTRIES + (u32)(r >> 16) % (2 * PINS) : (u32)(r >> 16) & 0xff;
    if (r & 0x8000000)
        *(volatile u32 *)(IOAPIC + 0x10) = low;
    else
        (void)*(volatile u32 *)(IOAPIC + 0x10);
}

static void hole(u64 r)
{
    volatile u32 *at = (volatile u32 *)((r & 1 ? VGA_TEXT : VGA_HOLE) + (r >> 8 & 0xffc));

    if (r & 2)
        *at = (u32)r;
    else
        (void)*at;
}

/* Not those that the test itself needs: the TSC, the local APIC's mode. */
static void msr(u64 r, u64 value)
{
    static const u32 named[] = {0xc0000080, 0xc0000081, 0xc0000082, 0xc0000084, 0xc0000100,
                                0xc0000102, 0xc0000103, 0x174,      0x176,      0x277,
                                0x2ff,      0x200,      0x6e0,      0x1a0,      0x3a,
                                0x802,      0x830};
    const u32 number = r & 1 ? named[(r >> 8) % ARRAY_LEN(named)] : (u32)(r >> 8) & 0x3fff;
    u64 read;

    if (r & 2)
        (void)rdmsr_safe(number, &read);
    else if (number != 0x10 && number != 0x1b && number != 0x3b && number != 0x1d9)
        (void)wrmsr_safe(number, value);
}

static void local_apic(u64 r)
{
    static const u32 offsets[] = {TPR,           EOI,    0x0d0, 0x0e0, ESR,   LVT_TIMER, LVT_ERROR,
                                  INITIAL_COUNT, DIVIDE, ID,    PPR,   0x3f0, 0x400};
    const u32 offset = offsets[(r >> 8) % ARRAY_LEN(offsets)];

    if (r & 1)
        (void)lapic_get(offset);
    else
        lapic_put(offset, offset >= LVT_TIMER && offset <= LVT_ERROR
                              ? (u32)(r >> 32 & 0x30000) | any_vector(r >> 16)
                              : (u32)(r >> 32));
}

static void ipi(u64 r)
{
    static const u32 modes[] = {0, ICR_LOWEST, 0x200, 0x300};
    u32 low = modes[r >> 8 & 3] | any_vector(r >> 16) | (u32)(r >> 32 & 0xc8800);

    if (with_nmi && (r >> 12 & 7) == 0)
        low = ICR_NMI | (u32)(r >> 32 & 0x40000);
    apic_ipi((u32)(r >> 56), low | ICR_ASSERT);
}

/* The first processor's INIT would end the guest. */
static void start_or_stop(u64 r)
{
    const u32 cpu = 1 + (u32)(r >> 8) % (smp_count() - 1);
    const u32 page =
        PAGES_FIRST / 0x1000 + (u32)(r >> 16) % ((SMP_PAGE_END - PAGES_FIRST) / 0x1000);

    if ((r & 7) == 0)
        apic_ipi(cpu, ICR_INIT | ICR_ASSERT);
    else
        apic_ipi(cpu, ICR_STARTUP | ICR_ASSERT | page);
}

static void step(u64 r, u64 value)
{
    switch (r >> 60) {
    case 0:
    case 1: port(r); break;
    case 2:
    case 3: ioapic(r); break;
    case 4: hole(r); break;
    case 5:
    case 6: msr(r, value); break;
    case 7: (void)cpuid((u32)r & 0x8000001f, (u32)value & 3); break;
    case 8: (void)vmcall(r & 0xff, value, r); break;
    case 9:
    case 10: local_apic(r); break;
    case 11:
    case 12: ipi(r); break;
    case 13:
        if (!with_nmi)
            start_or_stop(r);
        break;
    case 14: irq_window(); break;
    default: cpu_sti(); break;
    }
}

/* ---- all together ---- */

static void hammer(u64 seed)
{
    const u32 self = smp_self();
    u64 state = seed | 1;

    while (rdtsc() < deadline) {
        const u64 r = draw(&state);

        if (FAULTS(step(r, draw(&state))))
            FAIL("CPU %u: fault %u by 0x%llx", self, fault.vector, (unsigned long long)r);
        steps[self]++;
        if (self == 0)
            return;
    }
}

static void end_of_interrupt(struct frame *f)
{
    (void)f;
    lapic_put(EOI, 0);
}

static void count_nmi(struct frame *f)
{
    (void)f;
    (void)atomic_add(&nmis, 1);
}

/* Whoever was started anew has nothing to do. */
static void referee(u64 *state)
{
    const u32 cpu = 1 + (u32)draw(state) % (smp_count() - 1);

    if (smp_is_idle(cpu))
        smp_start(cpu, hammer, draw(state));
    else if (!with_nmi)
        apic_ipi(cpu, ICR_STARTUP | ICR_ASSERT | SMP_PAGE >> 12);
}

static void quiet(void)
{
    for (u32 i = 0; i < PINS; i++) {
        *(volatile u32 *)IOAPIC = REG_ENTRIES + 2 * i;
        *(volatile u32 *)(IOAPIC + 0x10) = MASKED;
    }
    pic_init();
    pit_stop();
    lapic_fresh();
}

static void say_hello(u64 arg)
{
    (void)atomic_add(&steps[0], arg);
}

static void everybody_hammers(bool nmi, u64 seed)
{
    const char *c = cmdline;
    u64 ticks = 0, state = seed;

    while (*c >= '0' && *c <= '9')
        ticks = ticks * 10 + (u64)(*c++ - '0');
    random_seed(seed);
    with_nmi = nmi;
    nmis = 0;
    for (u32 i = 0; i < ARRAY_LEN(canary); i++)
        canary[i] = i * 0x9e3779b97f4a7c15ull;
    for (u32 page = PAGES_FIRST; page < SMP_PAGE_END; page += PAGE_SIZE)
        smp_page_make(page);
    EXPECT_TRUE(smp_boot() > 1);
    for (u32 v = FIRST_IRQ; v < 256; v++)
        on_vector(v, end_of_interrupt);
    on_vector(VEC_NMI, count_nmi);
    deadline = rdtsc() + (ticks ? ticks : TICKS);
    for (u32 cpu = 0; cpu < SMP_MAX; cpu++)
        steps[cpu] = 0;
    while (rdtsc() < deadline) {
        referee(&state);
        hammer(draw(&state));
    }
    cpu_cli();
    quiet();
}

/* All come back, and nothing is broken. */
static void check_all(u32 count)
{
    for (u32 cpu = 0; cpu < count; cpu++)
        EXPECT_TRUE(steps[cpu] > 0);
    EXPECT_EQ(smp_boot(), count);
    steps[0] = 0;
    EXPECT_TRUE(smp_all(say_hello, 1));
    EXPECT_EQ(steps[0], count);
    for (u32 i = 0; i < ARRAY_LEN(canary); i++)
        if (canary[i] != i * 0x9e3779b97f4a7c15ull) {
            FAIL("memory has changed at word %u", i);
            break;
        }
}

GUEST_TEST(hammer_with_init_and_startup)
{
    everybody_hammers(false, 0x5eed0001);
    check_all(smp_count());
}

GUEST_TEST(hammer_with_nmi)
{
    everybody_hammers(true, 0x5eed0002);
    EXPECT_TRUE(nmis > 0);
    check_all(smp_count());
}

/* ---- an instruction that changes between its exit and its fetch ---- */

static u8 code[64] __attribute__((aligned(64)));
static volatile bool rewriting;

/* Each has two bytes; EAX tells which was executed: a read of nobody's memory, of four bytes or
 * one, gives ones. */
static void rewrite(u64 arg)
{
    static const u16 instructions[] = {0x078b, 0x0789, 0x078a, 0x0788, 0x9066};
    u64 state = arg;

    while (rewriting)
        *(volatile u16 *)code = instructions[(draw(&state) >> 32) % ARRAY_LEN(instructions)];
}

GUEST_TEST(rewritten_instruction)
{
    const u64 begin = rdtsc();
    u64 of[3] = {0};

    *(volatile u16 *)code = 0x078b; /* mov (%rdi), %eax */
    code[2] = 0xc3;                 /* ret */
    rewriting = true;
    smp_start(1, rewrite, 0x5eed0003);
    while (rdtsc() - begin < REWRITES || /* then until each was seen */
           ((of[0] == 0 || of[1] == 0 || of[2] == 0) && rdtsc() - begin < tsc_ms(8000))) {
        u32 eax = EAX_BEFORE;

        __asm__ volatile("call *%1" : "+a"(eax) : "r"(code), "D"(VGA_HOLE) : "memory");
        if (eax == ~0u)
            of[0]++;
        else if (eax == EAX_BEFORE)
            of[1]++;
        else if (eax == (EAX_BEFORE | 0xff))
            of[2]++;
        else
            FAIL("EAX 0x%x", eax);
    }
    rewriting = false;
    EXPECT_TRUE(smp_wait(1));
    EXPECT_TRUE(of[0] > 0 && of[1] > 0 && of[2] > 0);
    say("# read %llu, wrote or did nothing %llu, read a byte %llu\n", (unsigned long long)of[0],
        (unsigned long long)of[1], (unsigned long long)of[2]);
}
