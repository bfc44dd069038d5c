/* A guest that means others no good.  Processor 0 sleeps and counts the time: after ticks=N it ends
 * the guest, and every each=N ticks it lets processor 1 do the next of modes=A,B,... for ever.
 * INIT and STARTUP bring processor 1 out of any of them.  (threats.md, S02) */
#include "guest_tests/rt/cmdline.h"
#include "guest_tests/rt/smp.h"

#define AC_STORM_PAGE    0x9000u
#define SELF             1u /* the processor that does it */
#define ABSENT           7u
#define VEC_IPI          0xe0u
#define VEC_TIMER        0xe1u
#define MSR_TSC_DEADLINE 0x6e0u
#define LVT_TIMER        0x320u
#define INITIAL_COUNT    0x380u
#define DIVIDE           0x3e0u
#define BY_1             0xbu
#define PERIODIC         0x20000u
#define TSC_DEADLINE     0x40000u
#define NOBODYS          0x8000000000ull /* no page there */
#define IOAPIC           0xfec00000ull
#define VGA              0xa0000ull
#define STARTS_MAX       500u /* the boot CPU makes guests meanwhile: seconds */
#define OUTS             65536ull
#define UNKNOWN_PORT     0x1234

extern const u8 ac_storm[], ac_storm_end[];
extern u8 _guest_end[];

/* ---------------------------------------------------------------- storms of exits */
static void storm_cpuid(void)
{
    (void)cpuid(0, 0);
}

static void storm_port(void)
{
    (void)inb(UNKNOWN_PORT);
    outb(0x80, 1);
}

static void storm_outs(void)
{
    const void *from = _guest_end;
    u64 times = OUTS;

    __asm__ volatile("rep outsb" : "+S"(from), "+c"(times) : "d"(UNKNOWN_PORT) : "memory");
}

static void storm_mmio(void)
{
    *(volatile u32 *)IOAPIC = 0x10;
    (void)*(volatile u32 *)(IOAPIC + 0x10);
}

static void storm_msr(void)
{
    wrmsr(0x1b, rdmsr(0x1b));
}

static void storm_vmcall(void)
{
    (void)FAULTS((void)vmcall(~0ull, 0, 0));
}

static void storm_xsetbv(void)
{
    write_cr4(read_cr4() | CR4_OSXSAVE);
    xsetbv(0, 1);
    xsetbv(0, 3);
}

static void storm_cr(void)
{
    write_cr0(read_cr0() | CR0_CD);
    write_cr4(read_cr4() ^ CR4_PGE);
    write_cr0(read_cr0() & ~CR0_CD);
    write_cr4(read_cr4() ^ CR4_TSD);
}

/* Every page once, and then the window that is nobody's. */
static void storm_touch(void)
{
    static u64 page;

    if (page == 0)
        page = ALIGN_UP((u64)_guest_end, PAGE_SIZE);
    (void)*(volatile u8 *)(page < machine.memory ? page : VGA);
    page += PAGE_SIZE;
}

/* Near misses: pulses and resets that are none. */
static void storm_reset(void)
{
    outb(0xcf9, 0x02);
    outb(0x92, 0x02);
    outb(0x64, 0xff);
}

/* ---------------------------------------------------------------- without exits */
static void spin(void)
{
    for (;;)
        ;
}

static void spin_closed(void)
{
    cpu_cli();
    spin();
}

static void take_and_return(struct frame *f)
{
    (void)f;
}

/* The handler returns, and the access faults again. */
static void page_faults(void)
{
    on_vector(VEC_PF, take_and_return);
    (void)*(volatile u8 *)NOBODYS;
}

/* ---------------------------------------------------------------- exceptions in their own delivery
 */
static volatile u64 flags_slot; /* where RFLAGS goes when #DB is delivered */

static void find_slot(struct frame *f)
{
    flags_slot = (u64)&f->rflags;
}

/* Delivering #DB writes to a watched word, which raises #DB. */
static void debug_faults(void)
{
    on_vector(VEC_DB, find_slot);
    __asm__ volatile("int1");
    on_vector(VEC_DB, take_and_return);
    write_dr0(flags_slot);
    write_dr7(0x400 | 1 | 1 << 16 | 2 << 18); /* writes of 8 bytes */
    for (;;)
        __asm__ volatile("int1");
}

static void align_faults(void)
{
    memcpy((void *)(u64)AC_STORM_PAGE, ac_storm, (u64)(ac_storm_end - ac_storm));
    apic_ipi(SELF, ICR_INIT | ICR_ASSERT); /* processor 0 sends the STARTUP */
    spin();
}

/* ---------------------------------------------------------------- interrupts */
static void acknowledge(struct frame *f)
{
    (void)f;
    apic_put(APIC_EOI, 0);
}

static void storm_ipi(void)
{
    on_vector(VEC_IPI, acknowledge);
    apic_ipi(0, ICR_TO_SELF | VEC_IPI);
    apic_ipi(0, ICR_TO_ALL | VEC_IPI);
    apic_ipi(0, ICR_TO_OTHERS | VEC_IPI);
    apic_ipi(SELF, VEC_IPI);
    apic_ipi(ABSENT, VEC_IPI);
    apic_ipi(0xff, ICR_LOWEST | ICR_LOGICAL | VEC_IPI);
}

static void storm_nmi(void)
{
    on_vector(VEC_NMI, take_and_return);
    apic_ipi(SELF, ICR_NMI | ICR_ASSERT);
    apic_ipi(ABSENT, ICR_NMI | ICR_ASSERT);
}

static void storm_init(void)
{
    apic_ipi(SELF, ICR_STARTUP | ICR_ASSERT | SMP_PAGE >> 12);
    apic_ipi(ABSENT, ICR_INIT | ICR_ASSERT);
    apic_ipi(0xff, ICR_INIT | ICR_LEVEL); /* de-assert */
    apic_ipi(SELF, ICR_INIT | ICR_ASSERT);
}

static void storm_timer(void)
{
    on_vector(VEC_TIMER, acknowledge);
    apic_put(LVT_TIMER, TSC_DEADLINE | VEC_TIMER);
    wrmsr(MSR_TSC_DEADLINE, 1);
}

static void storm_periodic(void)
{
    on_vector(VEC_TIMER, acknowledge);
    apic_put(LVT_TIMER, PERIODIC | VEC_TIMER);
    apic_put(DIVIDE, BY_1);
    apic_put(INITIAL_COUNT, 1);
    spin();
}

static void storm_pit(void)
{
    pit_periodic(1);
    (void)inb(0x40);
}

static void storm_hlt(void)
{
    on_vector(VEC_TIMER, acknowledge);
    cpu_cli();
    apic_put(LVT_TIMER, TSC_DEADLINE | VEC_TIMER);
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + 1);
    cpu_sti_hlt();
}

/* ---------------------------------------------------------------- the modes */
static const struct mode {
    const char *name;
    void (*once)(void); /* again and again */
    bool restarts;      /* processor 0 starts it over and over */
    u32 page;           /* where; 0: as always */
} modes[] = {
    {"cpuid", storm_cpuid, false, 0},
    {"port", storm_port, false, 0},
    {"outs", storm_outs, false, 0},
    {"mmio", storm_mmio, false, 0},
    {"msr", storm_msr, false, 0},
    {"vmcall", storm_vmcall, false, 0},
    {"xsetbv", storm_xsetbv, false, 0},
    {"cr", storm_cr, false, 0},
    {"touch", storm_touch, false, 0},
    {"reset", storm_reset, false, 0},
    {"spin", spin, false, 0},
    {"cli", spin_closed, false, 0},
    {"pause", cpu_pause, false, 0},
    {"page", page_faults, false, 0},
    {"db", debug_faults, false, 0},
    {"ac", align_faults, false, AC_STORM_PAGE},
    {"ipi", storm_ipi, false, 0},
    {"nmi", storm_nmi, false, 0},
    {"init", storm_init, true, 0},
    {"timer", storm_timer, false, 0},
    {"periodic", storm_periodic, false, 0},
    {"pit", storm_pit, false, 0},
    {"hlt", storm_hlt, false, 0},
};

static void do_mode(u64 which)
{
    cpu_sti();
    for (;;)
        modes[which].once();
}

/* The mode that the name at `text` means. */
static u32 mode_at(const char *text)
{
    for (u32 i = 0; i < ARRAY_LEN(modes); i++) {
        const size_t len = strlen(modes[i].name);

        if (strncmp(text, modes[i].name, len) == 0 &&
            (text[len] == ',' || text[len] == 0 || text[len] == ' '))
            return i;
    }
    FAIL("no mode: %s", text);
    return 0;
}

/* The next name in the list, or its first one again. */
static const char *next_name(const char *text)
{
    static const char *first;

    if (text == NULL) {
        for (const char *c = cmdline; *c != 0; c++)
            if (strncmp(c, "modes=", 6) == 0)
                return first = c + 6;
        return first = "cpuid";
    }
    while (*text != ',' && *text != ' ' && *text != 0)
        text++;
    return *text == ',' ? text + 1 : first;
}

/* ---------------------------------------------------------------- processor 0 */
static void sleep_until(u64 tsc)
{
    while (rdtsc() < tsc) {
        cpu_cli();
        wrmsr(MSR_TSC_DEADLINE, tsc);
        cpu_sti_hlt();
    }
}

static bool comes_back(void)
{
    for (u32 i = 0; i < STARTS_MAX; i++)
        if (smp_restart(SELF, SMP_PAGE))
            return true;
    return false;
}

static void begin(u32 which)
{
    const struct mode *m = &modes[which];

    EXPECT_TRUE(comes_back());
    smp_start(SELF, do_mode, which);
    if (m->page) {
        sleep_until(rdtsc() + tsc_ms(10)); /* it prepares that */
        apic_ipi(SELF, ICR_STARTUP | ICR_ASSERT | m->page >> 12);
    }
}

static void let_it(u32 which, u64 until)
{
    begin(which);
    while (modes[which].restarts && rdtsc() < until) {
        sleep_until(rdtsc() + tsc_ms(1));
        begin(which);
    }
    sleep_until(until);
}

GUEST_TEST(does_what_it_likes)
{
    const u64 start = rdtsc(), ticks = cmdline_number("ticks=", 20000000);
    const u64 each = cmdline_number("each=", ticks);
    const char *name = NULL;

    for (u32 i = 0; i < STARTS_MAX && smp_count() < 2; i++)
        (void)smp_boot(); /* it waits a fixed time, in which processor 1 may have no turn */
    EXPECT_EQ(smp_count(), 2);
    on_vector(VEC_TIMER, acknowledge);
    apic_put(LVT_TIMER, TSC_DEADLINE | VEC_TIMER);
    pic_unmask(0);
    cpu_sti(); /* Bochs interrupts no guest that was entered with IF=0 (docs/caveats.md) */
    while (rdtsc() - start < ticks) {
        const u32 which = mode_at(name = next_name(name));

        say("# %s at %llu\n", modes[which].name, (unsigned long long)rdtsc());
        let_it(which, MIN(rdtsc() + each, start + ticks));
        pit_stop();
    }
    EXPECT_TRUE(comes_back());
}
