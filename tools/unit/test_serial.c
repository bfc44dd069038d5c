/* drivers/io/serial.c against Lintel's own model of the 16550A (vmm/dev/uart.c). */
#include "drivers/io/serial.h"
#include "tools/unit/fake_io.h"
#include "vmm/dev/uart.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BASE 0x3f8u
#define LINE 4u

static struct fake_io io;
static struct uart u;
static struct serial s;
static bool absent, deaf; /* deaf: the transmitter is never empty */
static u8 line_errors;

static u32 model_read(struct fake_io *f, bool ports, u64 at, u32 width)
{
    (void)f;
    assert_true(ports && width == 1 && at >= BASE && at < BASE + 8);
    if (absent)
        return 0xff;
    u8 value = uart_read(&u, (unsigned)(at - BASE));
    if (at == BASE + 5)
        value = (u8)((deaf ? value & ~0x60 : value) | line_errors);
    return value;
}

static void model_write(struct fake_io *f, bool ports, u64 at, u32 width, u32 value)
{
    (void)f;
    assert_true(ports && width == 1 && at >= BASE && at < BASE + 8);
    if (!absent)
        uart_write(&u, (unsigned)(at - BASE), (u8)value);
}

static int setup(void **state)
{
    (void)state;
    absent = deaf = false;
    line_errors = 0;
    uart_reset(&u);
    fake_io_open(&io, &u);
    io.read = model_read;
    io.write = model_write;
    assert_int_equal(serial_start(&s, &io.env, BASE, LINE, 9600), OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    serial_stop(&s);
    assert_int_equal(u.ier, 0);
    assert_true(fake_io_close(&io));
    return 0;
}

static void test_start(void **state)
{
    struct serial other;

    (void)state;
    assert_int_equal(u.lcr, 3);
    assert_int_equal(u.dll, 12);
    assert_int_equal(u.dlm, 0);
    assert_int_equal(u.mcr, 0x0b);
    assert_int_equal(u.fcr & 1, 1);
    assert_int_equal(serial_start(&other, &io.env, BASE, LINE, 0), E_INVAL);
    assert_int_equal(serial_start(&other, &io.env, BASE, LINE, 110), E_INVAL);
    assert_int_equal(serial_start(&other, &io.env, BASE, LINE, 230400), E_INVAL);
    absent = true;
    assert_int_equal(serial_start(&other, &io.env, BASE, LINE, 9600), E_NOENT);
    absent = false;
    assert_int_equal(serial_start(&other, &io.env, BASE, LINE, 300), OK);
    assert_int_equal(u.dlm << 8 | u.dll, 384);
}

static u32 take_all(u8 *bytes)
{
    u32 n = 0;

    while (uart_tx_take(&u, bytes + n))
        n++;
    return n;
}

static void test_send(void **state)
{
    u8 bytes[2000], out[2000];
    u32 n = 0;

    (void)state;
    for (u32 i = 0; i < sizeof(bytes); i++)
        bytes[i] = (u8)(i * 7);
    u32 taken = serial_write(&s, bytes, sizeof(bytes));
    assert_int_equal(taken, SERIAL_RING); /* the rest has to wait */
    while (n < sizeof(bytes)) {
        n += take_all(out + n);
        assert_true(n <= taken);
        (void)serial_poll(&s);
        taken += serial_write(&s, bytes + taken, (u32)sizeof(bytes) - taken);
    }
    assert_memory_equal(out, bytes, sizeof(bytes));
    assert_int_equal(s.counts.sent, 2000);
    assert_int_equal(serial_poll(&s), IO_NEVER);
}

static void test_receive(void **state)
{
    u8 bytes[64];

    (void)state;
    for (u32 i = 0; i < 40; i++) {
        uart_rx_put(&u, (u8)i);
        if (i % 16 == 15)
            (void)serial_poll(&s);
    }
    (void)serial_poll(&s);
    assert_int_equal(serial_read(&s, bytes, 10), 10);
    assert_int_equal(serial_read(&s, bytes + 10, 54), 30);
    for (u32 i = 0; i < 40; i++)
        assert_int_equal(bytes[i], i);
    assert_int_equal(s.counts.overruns, 0);
    for (u32 i = 0; i < 17; i++) /* one more than the FIFO holds */
        uart_rx_put(&u, (u8)i);
    (void)serial_poll(&s);
    assert_int_equal(s.counts.overruns, 1);
    uart_rx_put(&u, 'x');
    line_errors = 0x08; /* framing */
    (void)serial_poll(&s);
    line_errors = 0;
    assert_int_equal(s.counts.bad, 1);
}

/* By interrupts alone, both ways. */
static void test_interrupts(void **state)
{
    u8 bytes[100] = {0}, out[200];
    u32 n;

    (void)state;
    serial_interrupts(&s, true);
    assert_int_equal(fake_line(&io, LINE), 0);
    uart_rx_put(&u, 'a');
    assert_true(u.irq);
    assert_int_equal(fake_line(&io, LINE), 1);
    assert_false(u.irq);
    assert_int_equal(serial_read(&s, bytes, 10), 1);
    assert_int_equal(bytes[0], 'a');
    for (u32 i = 0; i < sizeof(bytes); i++)
        bytes[i] = (u8)i;
    assert_int_equal(serial_write(&s, bytes, sizeof(bytes)), sizeof(bytes));
    n = take_all(out);
    while (u.irq) {
        assert_int_equal(fake_line(&io, LINE), 1);
        n += take_all(out + n);
    }
    assert_int_equal(n, sizeof(bytes));
    assert_memory_equal(out, bytes, sizeof(bytes));
    assert_int_equal(u.ier, 5); /* nothing to send: not asked for */
    assert_true(s.counts.interrupts >= 7);
}

/* A port that takes nothing loses bytes, not its user. */
static void test_stuck(void **state)
{
    const u8 bytes[100] = {0};
    u8 out[200];

    (void)state;
    deaf = true;
    assert_int_equal(serial_write(&s, bytes, 100), 100);
    const u64 when = serial_poll(&s);
    assert_true(when > io.now && when < io.now + 2000000);
    io.now = when;
    assert_int_equal(serial_poll(&s), IO_NEVER);
    assert_int_equal(s.counts.given_up, 100);
    assert_string_equal(io.log, "serial port: takes no bytes any more\n");
    deaf = false;
    assert_int_equal(serial_write(&s, bytes, 10), 10);
    assert_int_equal(take_all(out), 10);
    absent = true; /* reads as ones: neither ready nor full of bytes */
    assert_int_equal(serial_write(&s, bytes, 10), 10);
    (void)serial_poll(&s);
    assert_int_equal(s.counts.received, 0);
    absent = false;
}

static void test_lost(void **state)
{
    u8 bytes[SERIAL_RING];

    (void)state;
    for (u32 i = 0; i < SERIAL_RING + 5; i++) {
        uart_rx_put(&u, (u8)i);
        (void)serial_poll(&s);
    }
    assert_int_equal(s.counts.lost, 5);
    assert_int_equal(serial_read(&s, bytes, SERIAL_RING), SERIAL_RING);
    for (u32 i = 0; i < SERIAL_RING; i++)
        assert_int_equal(bytes[i], (u8)i);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_start),      CASE(test_send),  CASE(test_receive),
        CASE(test_interrupts), CASE(test_stuck), CASE(test_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
