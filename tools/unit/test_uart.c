/* The 16550A, through the steps of Linux's 8250 driver: autoconfig(), startup, transmit
 * and receive interrupts; then the rules of the data sheet that they do not touch. */
#include "vmm/dev/uart.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { RX, IER, IIR, LCR, MCR, LSR, MSR, SCR, TX = 0, FCR = 2 };

/* autoconfig(), step by step: the port is there, and it is a 16550A with 16 bytes. */
static void test_linux_autoconfig(void **state)
{
    (void)state;
    struct uart u;
    uart_reset(&u);
    uart_write(&u, IER, 0);
    assert_int_equal(uart_read(&u, IER) & 0x0f, 0);
    uart_write(&u, IER, 0x0f);
    assert_int_equal(uart_read(&u, IER) & 0x0f, 0x0f);
    uart_write(&u, IER, 0);
    uart_write(&u, MCR, 0x10 | 0x0a);
    assert_int_equal(uart_read(&u, MSR) & 0xf0, 0x90);
    uart_write(&u, MCR, 0);
    uart_write(&u, LCR, 0xbf);
    uart_write(&u, FCR, 0); /* EFR of other chips */
    uart_write(&u, LCR, 0);
    uart_write(&u, FCR, 1);
    assert_int_equal(uart_read(&u, IIR) & 0xc0, 0xc0); /* FIFOs that work */
    /* autoconfig_16550a(): none of its successors. */
    uart_write(&u, LCR, 0x80);
    assert_int_not_equal(uart_read(&u, 2), 0);
    uart_write(&u, LCR, 0xbf);
    assert_int_not_equal(uart_read(&u, 2), 0);
    uart_write(&u, LCR, 0);
    const u8 mcr = uart_read(&u, MCR);
    uart_write(&u, LCR, 0xe0);
    assert_int_equal((uart_read(&u, 2) ^ mcr) & 0x10, 0);
    uart_write(&u, LCR, 0);
    uart_write(&u, MCR, mcr ^ 0x10);
    uart_write(&u, LCR, 0xe0);
    const u8 excr1 = uart_read(&u, 2);
    uart_write(&u, LCR, 0);
    uart_write(&u, MCR, mcr);
    assert_int_equal((excr1 ^ mcr) & 0x10, 0); /* not an NS16C552 */
    uart_write(&u, FCR, 0x21);
    assert_int_equal(uart_read(&u, IIR) & 0xe0, 0xc0); /* not 64 bytes */
    uart_write(&u, LCR, 0x80);
    uart_write(&u, FCR, 0x21);
    assert_int_equal(uart_read(&u, IIR) & 0xe0, 0xc0);
    uart_write(&u, LCR, 0);
    uart_write(&u, IER, 0x40);
    assert_int_equal(uart_read(&u, IER) & 0x40, 0); /* not an XScale */
}

/* serial8250_do_startup(): the THRE test must see its interrupt twice, the TXEN test once. */
static void test_linux_startup(void **state)
{
    (void)state;
    struct uart u;
    uart_reset(&u);
    uart_write(&u, FCR, 0x01);
    uart_write(&u, FCR, 0x07);
    uart_write(&u, FCR, 0);
    assert_int_not_equal(uart_read(&u, LSR), 0xff);
    assert_int_equal(uart_read(&u, LSR), 0x60);
    for (unsigned i = 0; i < 2; i++) {
        uart_write(&u, IER, 2);
        assert_int_equal(uart_read(&u, IIR), 0x02);
        uart_write(&u, IER, 0);
    }
    uart_write(&u, LCR, 0x03);
    uart_write(&u, MCR, 0x08);
    uart_write(&u, IER, 2);
    assert_true(u.irq);
    assert_int_equal(uart_read(&u, LSR) & 0x40, 0x40);
    assert_int_equal(uart_read(&u, IIR) & 1, 0);
    assert_false(u.irq); /* told */
    assert_int_equal(uart_read(&u, IIR), 0x01);
}

static void test_transmit(void **state)
{
    (void)state;
    struct uart u;
    u8 byte = 0;
    uart_reset(&u);
    uart_write(&u, FCR, 1);
    uart_write(&u, MCR, 8);
    uart_write(&u, IER, 2);
    (void)uart_read(&u, IIR);
    for (u8 i = 0; i < 20; i++) /* four too many are lost */
        uart_write(&u, TX, i);
    assert_int_equal(uart_read(&u, LSR), 0);
    assert_false(u.irq);
    for (u8 i = 0; i < 16; i++) {
        assert_false(u.irq);
        assert_true(uart_tx_take(&u, &byte));
        assert_int_equal(byte, i);
    }
    assert_true(u.irq); /* empty: not before */
    assert_int_equal(uart_read(&u, LSR), 0x60);
    assert_false(uart_tx_take(&u, &byte));
    uart_write(&u, TX, 'x');
    assert_false(u.irq); /* writing takes the request back */
    uart_write(&u, FCR, 3);
    assert_false(u.irq); /* clearing the receiver's FIFO is not ours */
    uart_write(&u, FCR, 5);
    assert_true(u.irq); /* clearing the FIFO empties it */
    assert_false(uart_tx_take(&u, &byte));
}

static void test_receive(void **state)
{
    (void)state;
    struct uart u;
    uart_reset(&u);
    uart_write(&u, MCR, 8);
    uart_write(&u, IER, 1);
    uart_write(&u, FCR, 0x81); /* trigger at 8 */
    for (u8 i = 0; i < 16; i++) {
        assert_true(uart_rx_room(&u));
        uart_rx_put(&u, i);
        assert_true(u.irq);
        assert_int_equal(uart_read(&u, IIR), i < 7 ? 0xcc : 0xc4); /* time-out below the trigger */
    }
    assert_false(uart_rx_room(&u));
    for (u8 i = 0; i < 16; i++) {
        assert_int_equal(uart_read(&u, LSR), 0x61);
        assert_int_equal(uart_read(&u, RX), i);
    }
    assert_int_equal(uart_read(&u, LSR), 0x60);
    assert_false(u.irq);
    assert_int_equal(uart_read(&u, RX), 0); /* nothing there */
}

static void test_overrun_and_priorities(void **state)
{
    (void)state;
    struct uart u;
    uart_reset(&u);
    uart_write(&u, MCR, 8);
    (void)uart_read(&u, MSR);
    uart_rx_put(&u, 'a');
    assert_false(uart_rx_room(&u)); /* no FIFO: one character */
    uart_rx_put(&u, 'b');
    uart_write(&u, MCR, 0x18); /* loop-back: the peer's lines fall */
    uart_write(&u, MCR, 0x08);
    uart_write(&u, IER, 0x0f);
    assert_int_equal(uart_read(&u, IIR), 0x06);
    assert_int_equal(uart_read(&u, LSR), 0x63);
    assert_int_equal(uart_read(&u, LSR), 0x61); /* the error is read once */
    assert_int_equal(uart_read(&u, IIR), 0x04);
    assert_int_equal(uart_read(&u, RX), 'a');
    assert_int_equal(uart_read(&u, IIR), 0x02);
    assert_int_equal(uart_read(&u, IIR), 0x00);
    assert_int_equal(uart_read(&u, MSR), 0xb3);
    assert_int_equal(uart_read(&u, MSR), 0xb0);
    assert_int_equal(uart_read(&u, IIR), 0x01);
    assert_false(u.irq);
}

static void test_loopback(void **state)
{
    (void)state;
    struct uart u;
    uart_reset(&u);
    uart_write(&u, FCR, 1);
    uart_write(&u, MCR, 0x1e);
    assert_int_equal(uart_read(&u, MSR) >> 4, 0xd);
    uart_write(&u, MCR, 0x1a); /* RI falls: its trailing edge */
    assert_int_equal(uart_read(&u, MSR), 0x94);
    uart_write(&u, MCR, 0x1e); /* its leading edge is not reported */
    assert_int_equal(uart_read(&u, MSR), 0xd0);
    assert_false(uart_rx_room(&u));
    uart_write(&u, TX, 0x5a);
    assert_int_equal(uart_read(&u, LSR), 0x61);
    uart_write(&u, IER, 1);
    assert_false(u.irq); /* OUT2 is cut off */
    assert_int_equal(uart_read(&u, RX), 0x5a);
    u8 byte;
    assert_false(uart_tx_take(&u, &byte));
    uart_write(&u, IER, 2);
    (void)uart_read(&u, IIR);
    uart_write(&u, TX, 1);
    assert_int_equal(uart_read(&u, IIR), 0xc2); /* sent: empty again */
    (void)uart_read(&u, RX);
    for (unsigned i = 0; i < 17; i++)
        uart_write(&u, TX, (u8)i);
    assert_int_equal(uart_read(&u, LSR) & 2, 2);
}

static void test_registers(void **state)
{
    (void)state;
    struct uart u;
    uart_reset(&u);
    uart_write(&u, SCR, 0xa5);
    assert_int_equal(uart_read(&u, SCR), 0xa5);
    uart_write(&u, LCR, 0x83);
    uart_write(&u, 0, 0x12);
    uart_write(&u, 1, 0x34);
    assert_int_equal(uart_read(&u, 0), 0x12);
    assert_int_equal(uart_read(&u, 1), 0x34);
    uart_write(&u, LCR, 0x03);
    assert_int_equal(uart_read(&u, 1), 0);
    assert_int_equal(uart_read(&u, LCR), 0x03);
    uart_write(&u, MCR, 0xff);
    assert_int_equal(uart_read(&u, MCR), 0x1f);
    /* FCR's bits count only with bit 0; switching the FIFOs clears them. */
    uart_reset(&u);
    uart_rx_put(&u, 'a');
    uart_write(&u, FCR, 0x06);
    assert_int_equal(uart_read(&u, LSR) & 1, 1);
    uart_write(&u, FCR, 0x01);
    assert_int_equal(uart_read(&u, LSR) & 1, 0);
    uart_rx_put(&u, 'b');
    uart_write(&u, FCR, 0x01);
    assert_int_equal(uart_read(&u, LSR) & 1, 1);
    uart_write(&u, FCR, 0x03);
    assert_int_equal(uart_read(&u, LSR) & 1, 0);
    uart_rx_put(&u, 'c');
    uart_write(&u, FCR, 0x00);
    assert_int_equal(uart_read(&u, LSR) & 1, 0);
    assert_int_equal(uart_read(&u, IIR), 0x01);
    /* Without OUT2 nothing reaches the bus. */
    uart_write(&u, IER, 2);
    assert_false(u.irq);
    uart_write(&u, MCR, 8);
    assert_true(u.irq);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linux_autoconfig),
        cmocka_unit_test(test_linux_startup),
        cmocka_unit_test(test_transmit),
        cmocka_unit_test(test_receive),
        cmocka_unit_test(test_overrun_and_priorities),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
