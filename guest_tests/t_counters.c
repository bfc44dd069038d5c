/* A guest that tries to spoil the measurements: it exits in every way that it can, takes
 * interrupts, turns its clocks back and forth, sleeps, and marks operations without any sense, for
 * as long as the command line says (ticks=N of the TSC).  At its end Lintel's counters must agree
 * with each other, and what is marked properly after all that must be counted exactly
 * (guest_tests/list.txt). */
#include "abi/errors.h"
#include "abi/ledger.h"
#include "guest_tests/rt/guest.h"
#include "guest_tests/rt/lapic.h"

#define TICKS_DEFAULT  20000000ull
#define PM_TIMER       0x608u
#define PM_HZ          3579545u
#define PM_MASK        0xffffffu
#define BATCH          64u /* operations between two looks at the time */
#define OUTS_COUNT     7u

#define MSR_TSC        0x10u
#define MSR_TSC_ADJUST 0x3bu

/* Operations with this bit are never marked but by still_exact. */
#define SPARED 4ull

enum { BEGIN = 1, END = 2 }; /* include/abi/hypercalls.def */

static u8 noise[64];
static u64 tsc_hz;

static void spoil_cpuid(u64 r)
{
    (void)cpuid((u32)r, (u32)(r >> 32) & 0xf);
}

static void spoil_vmcall(u64 r)
{
    (void)FAULTS((void)vmcall(r & BIT(40) ? r : r & 3, r >> 8, r >> 16));
}

static void spoil_clock(u64 r)
{
    (void)wrmsr_safe(r & BIT(50) ? MSR_TSC : MSR_TSC_ADJUST, r & BIT(51) ? r : 0 - (r >> 20));
}

static void spoil_msr(u64 r)
{
    u64 value = 0;

    (void)rdmsr_safe(0x170 + ((u32)r & 0x1ff), &value);
    (void)wrmsr_safe(0xc0000000 + ((u32)(r >> 12) & 0x3f) + 0x100, r);
}

static void spoil_marks(u64 r)
{
    const u64 op = r & ~SPARED;

    if (r & BIT(40))
        (void)vmcall(r & BIT(41) ? BEGIN : END, r & BIT(42) ? op : op & 0x1f, r >> 44);
    else if (r & BIT(41))
        outl(LEDGER_PORT, (u32)op);
    else
        outb(LEDGER_PORT, (u8)op);
}

/* Many marks in one exit. */
static void spoil_many_marks(u64 r)
{
    const u8 *at = noise;
    u64 count = OUTS_COUNT;

    for (u32 i = 0; i < OUTS_COUNT; i++)
        noise[i] = (u8)(r >> 8 * i) & 0x9f & (u8)~SPARED;
    __asm__ volatile("rep outsb" : "+S"(at), "+c"(count) : "d"(LEDGER_PORT) : "memory");
}

static void spoil_port(u64 r)
{
    static const u16 ports[] = {0x21, 0x61, 0x64, 0x71, 0x80, 0xa1, 0x3fd, 0x604, 0xcfc, 0x1234};
    const u16 port = ports[r % ARRAY_LEN(ports)];

    (void)(r & BIT(40) ? inl(port) : inb(port));
    outb(0x80, (u8)r);
}

static void spoil_memory(u64 r)
{
    *(volatile u32 *)(0xa0000 + (r & 0x1fffc)) = (u32)r;
    (void)lapic_get(r & BIT(40) ? VERSION : 0x3f0);
    lapic_put(EOI, 0);
}

static void spoil_cr(u64 r)
{
    const u64 cr0 = read_cr0(), cr4 = read_cr4();
    const u64 keep = BIT(17) | BIT(20) | BIT(21); /* PCIDE; SMEP, SMAP: pages here are the user's */

    if (write_cr0_safe(cr0 ^ BIT(r & 63)))
        write_cr0(cr0);
    if (write_cr4_safe(cr4 ^ (BIT(r >> 8 & 63) & ~keep)))
        write_cr4(cr4);
}

static void spoil_interrupts(u64 r)
{
    lapic_send(r & 1 ? LOW : HIGH);
    irq_window();
    lapic_put(INITIAL_COUNT, (u32)(r >> 32) & 0x3ff);
    irq_window();
}

/* One of 64: the emulator and the clock go on meanwhile. */
static void spoil_sleep(u64 r)
{
    if (r & 0x3f)
        return;
    lapic_put(INITIAL_COUNT, 0x2000);
    cpu_sti_hlt();
    cpu_cli();
}

static void spoil_faults(u64 r)
{
    switch (r & 7) {
    case 0: (void)FAULTS(__asm__ volatile("vmxoff")); break;
    case 1: (void)FAULTS(__asm__ volatile("rdpmc" : : "c"(0) : "rax", "rdx")); break;
    case 2: (void)FAULTS(__asm__ volatile("monitor" : : "a"(noise), "c"(0), "d"(0))); break;
    case 3: (void)FAULTS(__asm__ volatile("int1")); break;
    case 4: (void)FAULTS(__asm__ volatile("getsec" : : "a"(0))); break;
    case 5: (void)FAULTS(xsetbv((u32)(r >> 40 & 1), r >> 8 & 0xff)); break;
    case 6: __asm__ volatile("wbinvd" ::: "memory"); break;
    default: __asm__ volatile("invd" ::: "memory"); break;
    }
}

static void (*const ways[])(u64 r) = {
    spoil_cpuid, spoil_vmcall, spoil_clock, spoil_msr,        spoil_marks, spoil_many_marks,
    spoil_port,  spoil_memory, spoil_cr,    spoil_interrupts, spoil_sleep, spoil_faults,
};

static u64 ticks_wanted(void)
{
    static const char key[] = "ticks=";
    u64 ticks = 0;

    if (strncmp(cmdline, key, sizeof(key) - 1) != 0)
        return TICKS_DEFAULT;
    for (const char *c = cmdline + sizeof(key) - 1; *c >= '0' && *c <= '9'; c++)
        ticks = ticks * 10 + (u64)(*c - '0');
    return ticks;
}

/* TSC ticks of `pm` ticks of the PM timer, by which time goes here: the TSC is among the spoiled.
 */
static u64 tsc_of(u64 pm)
{
    return pm * (tsc_hz / 1000) / (PM_HZ / 1000);
}

GUEST_TEST(spoil)
{
    const u64 wanted = ticks_wanted();
    u64 passed = 0, operations = 0;
    u32 last = inl(PM_TIMER);

    tsc_hz = tsc_ms(1000);
    random_seed(0x5eed0007);
    lapic_fresh();
    lapic_put(LVT_TIMER, TIMER);
    write_cr4(read_cr4() | CR4_OSXSAVE);
    while (tsc_of(passed) < wanted) {
        for (u32 i = 0; i < BATCH; i++, operations++) {
            const u64 r = random_u64();

            ways[(r >> 56) % ARRAY_LEN(ways)](r);
        }

        const u32 now = inl(PM_TIMER);

        passed += (now - last) & PM_MASK;
        last = now;
    }
    lapic_fresh();
    say("# %llu operations in %llu ticks\n", (unsigned long long)operations,
        (unsigned long long)tsc_of(passed));
    EXPECT_TRUE(operations >= wanted / 50000);
}

/* Whatever is open is ended; then a thousand are a thousand. */
GUEST_TEST(still_exact)
{
    for (u64 op = 0; op < LEDGER_OPS; op++)
        (void)vmcall(END, op, 1);
    EXPECT_EQ(vmcall(BEGIN, LEDGER_OP_user7, 0), ABI_OK);
    for (u32 i = 0; i < 1000; i++)
        (void)cpuid(0, 0);
    EXPECT_EQ(vmcall(END, LEDGER_OP_user7, 1000), ABI_OK);
}
