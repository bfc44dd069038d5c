/* The 16550 behind COM1: identification, loop-back, and its interrupts.
 * The test's own output goes through the same UART, so nothing prints while it is changed. */
#include "guest_tests/rt/guest.h"

#define COM1     0x3f8
#define UART_IRQ 4

static void drain(void)
{
    while ((inb(COM1 + 5) & 0x40) == 0)
        ;
}

GUEST_TEST(registers)
{
    u8 scratch = 0, divisor = 0, lcr = 0, iir = 0;

    drain();
    outb(COM1 + 7, 0xa5);
    scratch = inb(COM1 + 7);
    lcr = inb(COM1 + 3);
    outb(COM1 + 3, lcr | 0x80);
    divisor = inb(COM1);
    outb(COM1 + 3, lcr);
    iir = inb(COM1 + 2);
    EXPECT_EQ(scratch, 0xa5);
    EXPECT_EQ(divisor, 1);
    EXPECT_EQ(lcr, 3);
    EXPECT_EQ(iir & 0xc0, 0xc0); /* FIFOs on */
}

GUEST_TEST(loop_back)
{
    static const u8 bytes[] = {0x55, 0xaa, 0x00, 0xff};
    u8 got[sizeof(bytes)] = {0};
    u8 modem = 0;

    drain();
    outb(COM1 + 4, 0x1b); /* loop, OUT2, RTS, DTR */
    modem = inb(COM1 + 6);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        outb(COM1, bytes[i]);
        for (u32 spin = 0; spin < 100000 && (inb(COM1 + 5) & 1) == 0; spin++)
            ;
        got[i] = inb(COM1);
    }
    outb(COM1 + 4, 0x03);
    EXPECT_EQ(modem & 0xf0, 0xb0); /* DCD, DSR, CTS follow OUT2, DTR, RTS */
    for (size_t i = 0; i < sizeof(bytes); i++)
        EXPECT_EQ(got[i], bytes[i]);
}

static volatile u8 last_iir;

static void on_uart(struct frame *f)
{
    (void)f;
    last_iir = inb(COM1 + 2);
    pic_eoi(UART_IRQ);
}

/* Enabling the interrupt while the holding register is empty raises it at once: Linux tests that.
 */
GUEST_TEST(thre_interrupt)
{
    u64 count = 0;

    drain();
    on_vector(VEC_IRQ0 + UART_IRQ, on_uart);
    vector_count[VEC_IRQ0 + UART_IRQ] = 0;
    outb(COM1 + 4, 0x0b);
    pic_unmask(UART_IRQ);
    outb(COM1 + 1, 0x02);
    (void)wait_for(&vector_count[VEC_IRQ0 + UART_IRQ], 1, tsc_ms(20));
    outb(COM1 + 1, 0x00);
    count = vector_count[VEC_IRQ0 + UART_IRQ];
    outb(COM1 + 4, 0x03);
    EXPECT_EQ(count, 1);
    EXPECT_EQ(last_iir & 0x0f, 0x02);
}

/* In loop-back, OUT2 is inactive at its pin and a PC's interrupt line with it: so by IIR. */
GUEST_TEST(received_data_is_pending)
{
    u8 iir = 0, got = 0, after = 0;

    drain();
    outb(COM1 + 2, 0x07); /* FIFOs empty, trigger at one byte */
    outb(COM1 + 4, 0x1b);
    outb(COM1 + 1, 0x01);
    outb(COM1, 0x3c);
    for (u32 spin = 0; spin < 100000 && (inb(COM1 + 5) & 1) == 0; spin++)
        ;
    iir = inb(COM1 + 2);
    got = inb(COM1);
    after = inb(COM1 + 2);
    outb(COM1 + 1, 0x00);
    outb(COM1 + 4, 0x03);
    EXPECT_EQ(iir & 0x0f, 0x04);
    EXPECT_EQ(got, 0x3c);
    EXPECT_EQ(after & 0x0f, 0x01);
}

/* Linux's size_fifo() and autoconfig probe the same way. */
GUEST_TEST(fifo_is_16_deep)
{
    u32 got = 0;

    drain();
    outb(COM1 + 2, 0x07);
    outb(COM1 + 4, 0x10);
    for (u32 i = 0; i < 40; i++) {
        outb(COM1, (u8)i);
        pit_wait(120); /* a character takes 104 PIT ticks */
    }
    while (inb(COM1 + 5) & 1) {
        (void)inb(COM1);
        got++;
    }
    outb(COM1 + 2, 0x07);
    outb(COM1 + 4, 0x03);
    EXPECT_EQ(got, 16);
}
