/* Guests with several processors that end in a special way: the command line says how, list.txt
 * what must come of it.  Getting to the end of the test is the failure. */
#include "guest_tests/rt/smp.h"

static void die(u64 arg)
{
    (void)arg;
    for (;;)
        __asm__ volatile("cli; hlt");
}

static void triple_fault(u64 arg)
{
    const struct table_pointer none = {0, 0};

    (void)arg;
    __asm__ volatile("lidt %0; ud2" : : "m"(none));
}

static void power_off(u64 arg)
{
    (void)arg;
    for (u16 type = 0; type < 8; type++)
        outw(0x604, (u16)(BIT(13) | (u32)type << 10));
}

static void reset(u64 arg)
{
    (void)arg;
    outb(0xcf9, 0x02);
    outb(0xcf9, 0x06);
}

static void init_first(u64 arg)
{
    (void)arg;
    apic_ipi(0, ICR_INIT | ICR_ASSERT);
}

static void debug_exit(u64 arg)
{
    (void)arg;
    guest_exit(43);
}

/* On which processor; the others sleep in HLT with interrupts on, the first one in here. */
static const struct {
    const char *name;
    smp_function run;
    u32 cpu;
} ends[] = {
    {"triple-fault", triple_fault, 1}, {"poweroff", power_off, 2},    {"cf9", reset, 3},
    {"init-first", init_first, 1},     {"debug-exit", debug_exit, 3},
};

/* Nobody can ever be woken: the others die, some of them wait for STARTUP, then the first. */
static void all_dead(void)
{
    for (u32 cpu = 1; cpu < smp_count(); cpu++) {
        if (cpu % 2)
            smp_start(cpu, die, 0);
        else
            apic_ipi(cpu, ICR_INIT | ICR_ASSERT);
    }
    die(0);
}

GUEST_TEST(end)
{
    EXPECT_EQ(smp_boot(), 4);
    if (strcmp(cmdline, "dead") == 0)
        all_dead();
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (strcmp(cmdline, ends[i].name) == 0)
            smp_start(ends[i].cpu, ends[i].run, 0);
    for (const u64 begin = rdtsc(); rdtsc() - begin < tsc_ms(4000);)
        cpu_pause();
    FAIL("'%s' did not end the guest", cmdline);
}
