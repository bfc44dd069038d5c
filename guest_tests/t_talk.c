/* A guest to talk with, for tools/testing/consoles.py and monitor.py: "NAME" or "NAME flood" on the
 * command line.  It says a line about ten times a second, says which characters it gets, and does
 * what some of them are for; else it sleeps.  Without a name it ends soon. */
#include "guest_tests/rt/guest.h"

#define COM1       0x3f8
#define DATA_READY 1u
#define IRQ_TIMER  0u
#define IRQ_COM1   4u
#define IRQ_SCI    9u
#define VEC_SCI    (VEC_IRQ8 + IRQ_SCI - 8)
#define PM1_STATUS 0x600
#define PM1_ENABLE 0x602
#define PM1_CNT    0x604
#define PWRBTN     0x100u
#define SLEEP_S5   0x3400u       /* SLP_EN, and what the DSDT has for S5 */
#define A_LINE     2u            /* turns of the PIT, 55 ms each */
#define SOME       300u          /* lines */
#define MANY       1500u         /* more than Lintel keeps for a guest that nobody looks at */
#define UNMAPPED   0xc0000000ull /* 3 GiB: no memory of this guest */

/* A typed character, or 0. */
static u8 typed(void)
{
    return inb(COM1 + 5) & DATA_READY ? inb(COM1) : 0;
}

static void flood(u32 lines)
{
    for (u32 i = 0; i < lines; i++)
        say("# flood %06u\n", i);
}

static volatile u32
    pressed; /* PM1 status when the button was pressed, as the interrupt has seen it */

/* The line is up until the status is cleared. */
static void on_sci(struct frame *f)
{
    (void)f;
    pressed = inw(PM1_STATUS);
    outw(PM1_STATUS, PWRBTN);
    pic_eoi(IRQ_SCI);
}

static void listen_to_the_power_button(void)
{
    on_vector(VEC_SCI, on_sci);
    pic_unmask(IRQ_SCI);
    outw(PM1_ENABLE, PWRBTN);
}

/* What it says then nobody may see: it ends so only if all is as it should be. */
static void power_off_if_asked(void)
{
    if (pressed == PWRBTN && inw(PM1_STATUS) == 0)
        outw(PM1_CNT, SLEEP_S5);
}

/* True: the end. */
static bool obey(u8 byte)
{
    say("# %s got %02x\n", cmdline, byte);
    switch (byte) {
    case 'b': listen_to_the_power_button(); break;
    case 'f': flood(SOME); break;
    case 'r': outb(0xcf9, 0x06); break;
    case 's': *(volatile u32 *)UNMAPPED = 1; break;
    case 'x': return true;
    }
    return false;
}

static void wake_for_input_and_time(void)
{
    outb(COM1 + 4, 0x0b); /* DTR, RTS, and OUT2, which lets the interrupt out */
    outb(COM1 + 1, 1);
    pit_periodic(0);
    pic_unmask(IRQ_TIMER);
    pic_unmask(IRQ_COM1);
}

static void talk(bool named)
{
    u32 lines = 0;
    u8 byte;

    for (u64 turn = 0; named || turn < 4;) {
        if (vector_count[VEC_IRQ0 + IRQ_TIMER] >= turn) {
            say("# %s tick %u\n", cmdline, lines++);
            turn = vector_count[VEC_IRQ0 + IRQ_TIMER] + A_LINE;
        }
        while ((byte = typed()) != 0)
            if (obey(byte))
                return;
        power_off_if_asked();
        __asm__ volatile("sti; hlt; cli");
    }
}

GUEST_TEST(talk)
{
    const bool named = cmdline[0] != '\0';
    char *second = cmdline;

    while (*second && *second != ' ')
        second++;
    if (*second) {
        *second++ = '\0';
        EXPECT_EQ(strcmp(second, "flood"), 0);
        flood(MANY);
    }
    wake_for_input_and_time();
    talk(named);
    pit_stop();
    outb(COM1 + 1, 0);
    outb(COM1 + 4, 3);
    EXPECT_TRUE(vector_count[VEC_IRQ0 + IRQ_TIMER] > 0);
}
