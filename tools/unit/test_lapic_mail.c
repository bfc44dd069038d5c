/* A local APIC's mailbox, without a second thread: tsan_lapic_mail.c has those. */
#include "lapic_regs.h"
#include "vmm/dev/lapic_mail.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct lapic_mail mail;
static struct lapic l;

static int setup(void **state)
{
    (void)state;
    memset(&mail, 0, sizeof(mail));
    l = fresh();
    return 0;
}

static bool post(u8 mode, u8 vector, bool level)
{
    return mail_post(&mail, &(struct apic_message){.mode = mode, .vector = vector, .level = level});
}

static void test_vectors(void **state)
{
    (void)state;
    assert_false(mail_take(&mail, &l));
    for (u32 v = 16; v < 256; v++) {
        const bool level = v % 3 == 0;

        assert_true(post(v % 2, (u8)v, level));
        assert_false(post(v % 2, (u8)v, level)); /* told already */
        assert_false(post(DELIVER_FIXED, 0x55, false));
        assert_true(mail_take(&mail, &l));
        assert_false(mail_take(&mail, &l));
        assert_int_equal(rd(&l, IRR + v / 32 * 16) >> v % 32 & 1, 1);
        assert_int_equal(rd(&l, TMR + v / 32 * 16) >> v % 32 & 1, level && v != 0x55);
        assert_int_equal(rd(&l, IRR + 0x20) >> 0x15 & 1, 1);
        l = fresh();
    }
}

/* Of an edge and a level at once, the level's EOI must not get lost. */
static void test_edge_and_level(void **state)
{
    (void)state;
    assert_true(post(DELIVER_FIXED, 0x66, true));
    assert_false(post(DELIVER_FIXED, 0x66, false));
    assert_true(mail_take(&mail, &l));
    assert_int_equal(rd(&l, TMR + 0x30), 1 << 6);
    assert_int_equal(lapic_ack(&l), 0x66);
    wr(&l, EOI, 0);
    assert_int_equal(l.eoi, 0x66);
    assert_int_equal(lapic_pending(&l), LAPIC_NO_VECTOR);
}

static void test_illegal_vectors(void **state)
{
    (void)state;
    assert_true(post(DELIVER_FIXED, 3, false));
    assert_true(mail_take(&mail, &l));
    assert_int_equal(errors(&l), RECEIVED_ILLEGAL);
    assert_false(lapic_has_requests(&l));
}

static void test_modes(void **state)
{
    (void)state;
    assert_true(post(DELIVER_NMI, 0x44, false));
    assert_false(post(DELIVER_EXTINT, 0x45, false));
    assert_true(mail_take(&mail, &l));
    assert_true(l.nmi && l.extint && !l.init && !l.sipi);
    assert_false(lapic_has_requests(&l)); /* their vectors mean nothing */
    assert_false(post(DELIVER_SMI, 0x44, false));
    assert_false(post(3, 0x44, false));
    assert_false(mail_take(&mail, &l));
}

static void test_init_and_startup(void **state)
{
    (void)state;
    assert_true(post(DELIVER_INIT, 0, false));
    assert_false(post(DELIVER_STARTUP, 0x9a, false));
    assert_false(post(DELIVER_STARTUP, 0x9b, false)); /* the first one counts */
    assert_true(mail_take(&mail, &l));
    assert_true(l.init && l.sipi && !l.nmi);
    assert_int_equal(l.sipi_vector, 0x9a);
    l = fresh();
    assert_true(post(DELIVER_STARTUP, 0x9a, false));
    assert_false(post(DELIVER_INIT, 0, false)); /* after it: void */
    assert_true(mail_take(&mail, &l));
    assert_true(l.init && !l.sipi);
    l = fresh();
    assert_true(post(DELIVER_STARTUP, 0, false)); /* vector 0 is one */
    assert_true(mail_take(&mail, &l));
    assert_true(l.sipi);
    assert_int_equal(l.sipi_vector, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_vectors, setup),
        cmocka_unit_test_setup(test_edge_and_level, setup),
        cmocka_unit_test_setup(test_illegal_vectors, setup),
        cmocka_unit_test_setup(test_modes, setup),
        cmocka_unit_test_setup(test_init_and_startup, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
