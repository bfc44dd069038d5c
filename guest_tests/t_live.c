/* A guest to be looked at by the shell's live view (tools/testing/live.py): exits in known
 * proportions, a timer's interrupts, and a line now and then.  It says which characters it gets,
 * and ends at an 'x'; without "wait" on the command line it ends soon. */
#include "guest_tests/rt/guest.h"
#include "guest_tests/rt/lapic.h"

#define ROUNDS     100u
#define A_LINE     50u /* rounds */
#define SPIN       300u
#define PERIOD     50000u
#define COM1       0x3f8
#define DATA_READY 1u
#define CPUIDS     3u /* to one IN and one RDMSR */

/* A typed character, or 0. */
static u8 typed(void)
{
    return inb(COM1 + 5) & DATA_READY ? inb(COM1) : 0;
}

/* Time for itself, as guests have it. */
static void spin(void)
{
    for (u32 i = 0; i < SPIN; i++)
        __asm__ volatile("pause");
}

/* The instruction whose RIP the view must show first. */
static NOINLINE void many_cpuids(void)
{
    for (u32 i = 0; i < 40 * CPUIDS; i++) {
        (void)cpuid(0, 0);
        spin();
    }
}

static void round_of_exits(void)
{
    many_cpuids();
    for (u32 i = 0; i < 40; i++) {
        (void)inb(PIC1_DATA);
        spin();
        (void)rdmsr(0x1b);
        spin();
    }
    irq_window();
}

GUEST_TEST(live)
{
    const bool wait = strcmp(cmdline, "wait") == 0;
    u32 lines = 0;

    lapic_fresh();
    lapic_put(LVT_TIMER, PERIODIC | TIMER);
    lapic_put(DIVIDE, 0xb); /* by 1 */
    lapic_put(INITIAL_COUNT, PERIOD);
    say("# cpuid at %llx\n", (unsigned long long)(uintptr_t)many_cpuids);
    for (u32 i = 0; wait || i < ROUNDS; i++) {
        const u8 byte = typed();

        round_of_exits();
        if (byte)
            say("# got %02x\n", byte);
        if (byte == 'x')
            break;
        if (i % A_LINE == 0)
            say("# line %u\n", lines++);
    }
    lapic_fresh();
    EXPECT_TRUE(lines > 0);
}
