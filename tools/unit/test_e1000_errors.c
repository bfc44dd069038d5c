/* drivers/io/e1000*.c when things go wrong: bad frames, silence, resets, a card that is pulled out.
 */
#include "tools/unit/e1000_user.h"

static void test_no_start(void **state)
{
    struct e1000 other;

    (void)state;
    m.no_eeprom = true;
    assert_int_equal(e1000_start(&other, &m.function, "x"), E_IO);
    m.no_eeprom = false;
    m.eeprom[0] |= 1; /* a group's address */
    assert_int_equal(e1000_start(&other, &m.function, "x"), E_IO);
    m.eeprom[0] &= 0xfffe;
    m.stays_reset = true;
    assert_int_equal(e1000_start(&other, &m.function, "x"), E_IO);
    m.stays_reset = false;
    m.gone = true;
    assert_int_equal(e1000_start(&other, &m.function, "x"), E_NOENT);
    m.gone = false;
    m.io.allocations_left = 1;
    assert_int_equal(e1000_start(&other, &m.function, "x"), E_NOMEM);
    assert_int_equal(m.io.blocks, 2 + BUFFERS);
    assert_true(other.nic.lost);
    nic_stop(&other.nic);
    m.reg[M_TCTL] = 0;
}

static void test_receive_errors(void **state)
{
    u8 bytes[2048] = {0};

    (void)state;
    post_all();
    assert_true(e1000_model_part(&m, bytes, 60, 3, 0x01)); /* CRC */
    assert_true(e1000_model_part(&m, bytes, 2048, 1, 0));  /* three buffers long */
    assert_true(e1000_model_part(&m, bytes, 2048, 1, 0));
    assert_true(e1000_model_part(&m, bytes, 100, 3, 0));
    assert_true(e1000_model_part(&m, bytes, 2049, 3, 0));  /* cannot be */
    assert_true(e1000_model_part(&m, bytes, 13, 3, 0));    /* nor this */
    assert_true(e1000_model_part(&m, bytes, 60, 3, 0x20)); /* a checksum: not ours to judge */
    (void)nic_poll(&e.nic);
    for (u32 i = 0; i < 6; i++)
        expect_back(i, 0, IO_ERROR);
    expect_back(6, 60, IO_DONE);
    assert_int_equal(buffers[7].back, 0);
    assert_int_equal(e.nic.counts.errors, 4);
    assert_int_equal(e.nic.counts.nonsense, 2);
    assert_int_equal(e.nic.counts.received, 1);
}

/* A frame that is late: a reset; the buffers stay posted and go on receiving. */
static void test_timeout(void **state)
{
    struct frame f;
    u8 bytes[60] = {0};

    (void)state;
    post_all();
    assert_true(e1000_model_receive(&m, bytes, 60));
    (void)nic_poll(&e.nic);
    open_frame(&f, 60, 1);
    assert_int_equal(nic_send(&e.nic, &f.f), OK);
    nic_kick(&e.nic);
    m.silent = true;
    e1000_model_send(&m, ~0u);
    m.io.now += NIC_TIMEOUT_US - 100;
    (void)nic_poll(&e.nic);
    assert_int_equal(f.sent, 0);
    m.io.now += 100;
    (void)nic_poll(&e.nic);
    assert_int_equal(f.sent, 1);
    assert_int_equal(f.result, IO_TIMEOUT);
    assert_int_equal(m.resets, 2);
    assert_int_equal(e.nic.counts.timeouts, 1);
    assert_int_equal(e.nic.counts.resets, 1);
    m.silent = false;
    assert_int_equal(e.rx.used, BUFFERS - 1);
    assert_true(e1000_model_receive(&m, bytes, 60));
    (void)nic_poll(&e.nic);
    expect_back(1, 60, IO_DONE);
    f.sent = 0;
    assert_int_equal(nic_send(&e.nic, &f.f), OK);
    nic_kick(&e.nic);
    e1000_model_send(&m, ~0u);
    (void)nic_poll(&e.nic);
    assert_int_equal(f.result, IO_DONE);
    close_frame(&f);
}

static void test_reset(void **state)
{
    struct frame f;

    (void)state;
    post_all();
    open_frame(&f, 60, 1);
    assert_int_equal(nic_send(&e.nic, &f.f), OK);
    nic_kick(&e.nic);
    assert_int_equal(nic_reset(&e.nic), OK);
    assert_int_equal(f.result, IO_RESET);
    for (u32 i = 0; i < BUFFERS; i++)
        expect_back(i, 0, IO_RESET);
    assert_int_equal(m.reg[M_RCTL] & 2, 0);
    m.stays_reset = true;
    assert_int_equal(nic_reset(&e.nic), E_IO);
    assert_int_equal(losses, 1);
    assert_int_equal(nic_send(&e.nic, &f.f), E_IO);
    m.stays_reset = false;
    m.reg[M_CTRL] = 0;
    close_frame(&f);
}

/* Pulled out: everything comes back, and bus mastering is off. */
static void test_gone(void **state)
{
    struct frame f;

    (void)state;
    post_all();
    open_frame(&f, 60, 1);
    assert_int_equal(nic_send(&e.nic, &f.f), OK);
    m.reg[M_ICR] = m.reg[M_STATUS] = ~0u;
    assert_int_equal(fake_line(&m.io, E1000_LINE), 1);
    assert_int_equal(f.result, IO_GONE);
    expect_back(0, 0, IO_GONE);
    assert_true(e.nic.lost);
    assert_int_equal(losses, 1);
    assert_int_equal(m.config[PCI_COMMAND] & 4, 0);
    assert_int_equal(nic_poll(&e.nic), IO_NEVER);
    close_frame(&f);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_no_start), CASE(test_receive_errors), CASE(test_timeout),
        CASE(test_reset),    CASE(test_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
