/* When a vCPU that has rung a doorbell lends its turn to the control partition. */
#include "tools/unit/fake_guest.h"
#include "tools/unit/quiet_console.h"
#include "vmm/cpu_share.h"
#include "vmm/todo.h"

#define NOW    1001000u
#define LATER  1005000u /* the end of its turn, had it not rung */
#define VECTOR 0x51u

static struct vcpu control;

/* It has rung, and the time that it may go on for is over. */
static int rung(void **state)
{
    (void)state;
    guest_new(LONG);
    lapic_reset(&v->lapic, 0);
    gs_set(&v->vmx.guest, GS_RFLAGS, gs_get(&v->vmx.guest, GS_RFLAGS) | RFLAGS_IF);
    fake_cpu.tsc = NOW;
    fake_cpu.serves_until = LATER;
    fake_cpu.wanted = true;
    cpu_share[0].soon = &control;
    v->turn_ends = NOW;
    v->todo = TODO_BOARD;
    return 0;
}

static void test_goes_on_until_its_turn_ends(void **state)
{
    (void)state;
    assert_true(vcpu_prepare(v, &x));
    assert_int_equal(fake_cpu.serves, 1);
    assert_int_equal(v->deadline, LATER);
    assert_int_equal(v->todo, 0);
    fake_cpu.tsc = LATER;
    fake_cpu.serves_until = 0;
    v->todo = TODO_BOARD;
    assert_false(vcpu_prepare(v, &x));
    assert_int_equal(v->leave, LEAVE_TURN_OVER);
}

static void test_leaves_if_nobody_takes_it(void **state)
{
    (void)state;
    fake_cpu.serves_until = 0;
    assert_false(vcpu_prepare(v, &x));
    assert_int_equal(v->leave, LEAVE_TURN_OVER);
}

/* Its CPU has something else to do. */
static void test_leaves_if_told(void **state)
{
    (void)state;
    v->todo = TODO_RESCHED;
    assert_false(vcpu_prepare(v, &x));
    assert_int_equal(v->leave, LEAVE_TURN_OVER);
    assert_int_equal(fake_cpu.serves, 0);
}

static void test_before_it_sleeps(void **state)
{
    (void)state;
    v->turn_ends = LATER;
    v->todo = TODO_HALT;
    assert_false(vcpu_prepare(v, &x));
    assert_int_equal(fake_cpu.serves, 1); /* and not again, since nobody waits for it */
    assert_int_equal(v->leave, LEAVE_ASLEEP);
}

/* What it was to sleep for has come before it slept. */
static void test_does_not_sleep(void **state)
{
    const struct apic_message m = {.destination = 0, .vector = VECTOR, .mode = DELIVER_FIXED};

    (void)state;
    assert_true(mail_post(&v->mail, &m));
    fake_cpu.serves_bits = TODO_MAIL;
    v->turn_ends = LATER;
    v->todo = TODO_HALT;
    assert_true(vcpu_prepare(v, &x));
    assert_int_equal(fake_cpu.serves, 1);
    assert_false(v->asleep);
    assert_int_equal(v->stats->injected, 1);
}

static void test_sleeps_at_once_if_it_has_not_rung(void **state)
{
    (void)state;
    cpu_share[0].soon = NULL;
    v->turn_ends = LATER;
    v->todo = TODO_HALT;
    assert_false(vcpu_prepare(v, &x));
    assert_int_equal(fake_cpu.serves, 0);
    assert_int_equal(v->leave, LEAVE_ASLEEP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_goes_on_until_its_turn_ends, rung),
        cmocka_unit_test_setup(test_leaves_if_nobody_takes_it, rung),
        cmocka_unit_test_setup(test_leaves_if_told, rung),
        cmocka_unit_test_setup(test_before_it_sleeps, rung),
        cmocka_unit_test_setup(test_does_not_sleep, rung),
        cmocka_unit_test_setup(test_sleeps_at_once_if_it_has_not_rung, rung),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
