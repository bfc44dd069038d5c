/* drivers/io/ps2.c against a model of the 8042 and a keyboard. */
#include "drivers/io/ps2.h"
#include "tools/unit/fake_io.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct fake_io io;
static struct ps2 p;

static struct {
    u8 out[64];
    u32 head, tail;
    u8 config, command; /* that waits for its byte */
    bool keyboard, scanning;
    bool absent, busy, no_answer, endless;
    u8 self_test, keyboard_test;
    u8 extra_status;
    u32 resends;
} k;

static void out(u8 byte)
{
    k.out[k.head++ % 64] = byte;
}

static u32 model_read(struct fake_io *f, bool ports, u64 at, u32 width)
{
    (void)f;
    assert_true(ports && width == 1 && (at == 0x60 || at == 0x64));
    if (k.absent)
        return 0xff;
    if (at == 0x60)
        return k.head == k.tail ? 0 : k.out[k.tail++ % 64];
    return (k.busy ? 2u : 0) | (k.head != k.tail || k.endless ? 1u : 0) | k.extra_status;
}

static void keyboard(u8 value)
{
    if (!k.keyboard || k.no_answer)
        return;
    if (k.resends > 0) {
        k.resends--;
        out(0xfe);
        return;
    }
    out(0xfa);
    if (value == 0xff)
        out(0xaa);
    k.scanning = value == 0xf4;
}

static void model_write(struct fake_io *f, bool ports, u64 at, u32 width, u32 value)
{
    (void)f;
    assert_true(ports && width == 1);
    assert_false(k.busy);
    if (at == 0x60) {
        if (k.command == 0x60)
            k.config = (u8)value;
        else
            keyboard((u8)value);
        k.command = 0;
        return;
    }
    k.command = (u8)value;
    switch (value) {
    case 0x20: out(k.config); break;
    case 0xaa:
        out(k.self_test);
        k.config = 0x30;
        break;
    case 0xab: out(k.keyboard_test); break;
    case 0xad: k.config |= 0x10; break;
    case 0xae: k.config &= (u8)~0x10; break;
    default: break;
    }
}

static int setup(void **state)
{
    (void)state;
    memset(&k, 0, sizeof(k));
    k.config = 0x47;
    k.keyboard = true;
    k.self_test = 0x55;
    fake_io_open(&io, &k);
    io.read = model_read;
    io.write = model_write;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ps2_stop(&p);
    assert_true(fake_io_close(&io));
    return 0;
}

static void test_start(void **state)
{
    (void)state;
    out(0x1e); /* left over */
    assert_int_equal(ps2_start(&p, &io.env), OK);
    assert_true(k.scanning);
    assert_int_equal(k.config & 0x73, 0x60); /* translated, no interrupts, no mouse */
    assert_int_equal(k.head, k.tail);
    k.resends = 2;
    assert_int_equal(ps2_start(&p, &io.env), OK);
}

static void test_not_there(void **state)
{
    (void)state;
    k.absent = true;
    assert_int_equal(ps2_start(&p, &io.env), E_NOENT);
    k.absent = false;
    k.keyboard = false;
    assert_int_equal(ps2_start(&p, &io.env), E_NOENT);
    k.keyboard = true;
    k.self_test = 0xfc;
    assert_int_equal(ps2_start(&p, &io.env), E_IO);
    k.self_test = 0x55;
    k.keyboard_test = 1;
    assert_int_equal(ps2_start(&p, &io.env), E_IO);
    k.keyboard_test = 0;
    k.busy = true;
    u64 before = io.now;
    assert_int_equal(ps2_start(&p, &io.env), E_IO);
    assert_true(io.now - before < 2000000);
    k.busy = false;
    k.resends = 100;
    assert_int_equal(ps2_start(&p, &io.env), E_NOENT);
    k.resends = 0;
    k.no_answer = true;
    before = io.now;
    assert_int_equal(ps2_start(&p, &io.env), E_NOENT);
    assert_true(io.now - before < 2000000);
    k.no_answer = false;
}

static void test_keys(void **state)
{
    struct key_event event;

    (void)state;
    assert_int_equal(ps2_start(&p, &io.env), OK);
    assert_false(ps2_take(&p, &event));
    out(0x1e);
    out(0x9e);
    ps2_poll(&p);
    assert_true(ps2_take(&p, &event));
    assert_int_equal(event.character, 'a');
    assert_true(event.pressed);
    assert_true(ps2_take(&p, &event));
    assert_false(event.pressed);
    assert_false(ps2_take(&p, &event));
    ps2_interrupts(&p, true);
    assert_int_equal(k.config & 1, 1);
    assert_int_equal(fake_line(&io, 1), 0);
    out(0x30);
    assert_int_equal(fake_line(&io, 1), 1);
    assert_int_equal(p.interrupts, 1);
    assert_true(ps2_take(&p, &event));
    assert_int_equal(event.character, 'b');
    ps2_interrupts(&p, false);
    assert_int_equal(k.config & 1, 0);
}

/* Whoever wants is told; the next owner finds the keyboard as it is. */
static u32 told;

static void tell(struct ps2 *who)
{
    assert_ptr_equal(who, &p);
    told++;
}

static void test_next_owner(void **state)
{
    struct key_event event;

    (void)state;
    k.absent = true;
    assert_int_equal(ps2_go_on(&p, &io.env), E_NOENT);
    k.absent = false;
    assert_int_equal(ps2_start(&p, &io.env), OK);
    p.told = tell;
    ps2_interrupts(&p, true);
    assert_int_equal(fake_line(&io, 1), 0);
    assert_int_equal(told, 0);
    out(0x1e);
    assert_int_equal(fake_line(&io, 1), 1);
    assert_int_equal(told, 1);
    out(0x1f);   /* nobody takes it */
    io.irqs = 0; /* it has died */
    assert_int_equal(ps2_go_on(&p, &io.env), OK);
    assert_true(k.scanning);
    assert_false(ps2_take(&p, &event));
    p.told = tell;
    ps2_interrupts(&p, true);
    assert_int_equal(k.config & 0x73, 0x61);
    out(0x30);
    assert_int_equal(fake_line(&io, 1), 1);
    assert_int_equal(told, 2);
    assert_true(ps2_take(&p, &event));
    assert_int_equal(event.character, 'b');
}

static void test_bad_bytes(void **state)
{
    struct key_event event;

    (void)state;
    assert_int_equal(ps2_start(&p, &io.env), OK);
    k.extra_status = 0x20; /* the mouse's */
    out(0x1e);
    ps2_poll(&p);
    k.extra_status = 0x80; /* parity */
    out(0x2a);
    ps2_poll(&p);
    k.extra_status = 0;
    out(0x2a);
    out(0xff); /* overrun: Shift may have been let go */
    out(0x1e);
    ps2_poll(&p);
    assert_int_equal(p.bad, 2);
    assert_true(ps2_take(&p, &event));
    assert_int_equal(event.key, KEY_SHIFT);
    assert_true(ps2_take(&p, &event));
    assert_int_equal(event.character, 'a');
    assert_false(ps2_take(&p, &event));
}

/* Nobody takes keys; and a controller that is never empty does not hold anybody up. */
static void test_full(void **state)
{
    struct key_event event;
    u32 taken = 0;

    (void)state;
    assert_int_equal(ps2_start(&p, &io.env), OK);
    for (u32 i = 0; i < PS2_EVENTS + 10; i++) {
        out(0x1e);
        ps2_poll(&p);
    }
    assert_int_equal(p.lost, 10);
    while (ps2_take(&p, &event))
        taken++;
    assert_int_equal(taken, PS2_EVENTS);
    k.endless = true;
    ps2_poll(&p);
    k.endless = false;
    assert_true(p.bad > 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_start),     CASE(test_not_there), CASE(test_keys),
        CASE(test_bad_bytes), CASE(test_full),      CASE(test_next_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
