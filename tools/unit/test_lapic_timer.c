/* The local APIC's timer: all divisors and the ends of the ranges against arithmetic, then random
 * operations against a model that counts every tick of the clock. */
#include "lapic_regs.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_divisors(void **state)
{
    (void)state;
    static const u8 shifts[16] = {1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 0, 5, 6, 7, 0};
    static const u32 counts[] = {1, 2, 3, 1000, 0x7fffffff, 0x80000000, 0xffffffff};
    for (u32 d = 0; d < 16; d++) {
        for (unsigned i = 0; i < ARRAY_LEN(counts); i++) {
            struct lapic l = fresh();
            const u64 start = 0x123456789abcull, one = (u64)counts[i] << shifts[d];
            wr(&l, TDCR, d);
            wr(&l, TIMER, 0x40);
            lapic_write(&l, TMICT, counts[i], start);
            assert_true(l.deadline == start + one);
            assert_int_equal(lapic_read(&l, TMCCT, start), counts[i]);
            assert_int_equal(lapic_read(&l, TMCCT, start - 9),
                             counts[i]); /* a clock stepped back */
            assert_int_equal(lapic_read(&l, TMCCT, start + one - 1), 1);
            const u64 at = one / 3;
            assert_int_equal(lapic_read(&l, TMCCT, start + at), counts[i] - (u32)(at >> shifts[d]));
            lapic_tick(&l, start + one - 1);
            assert_int_equal(lapic_pending(&l), LAPIC_NO_VECTOR);
            lapic_tick(&l, start + one);
            assert_int_equal(lapic_ack(&l), 0x40);
            assert_true(l.deadline == NEVER);
            assert_int_equal(lapic_read(&l, TMCCT, start + one), 0);
            assert_int_equal(rd(&l, TMICT), counts[i]);
        }
    }
}

/* Late by any number of periods: one interrupt, the phase stays. */
static void test_late_periodic(void **state)
{
    (void)state;
    static const u64 late[] = {0, 1, 999, 1000, 1001, 1999, 2000, 123456789, 1ull << 62};
    for (unsigned i = 0; i < ARRAY_LEN(late); i++) {
        struct lapic l = fresh();
        wr(&l, TDCR, 0xb);
        wr(&l, TIMER, PERIODIC | 0x40);
        lapic_write(&l, TMICT, 1000, 77);
        const u64 now = 77 + 1000 + late[i];
        lapic_tick(&l, now);
        assert_int_equal(lapic_ack(&l), 0x40);
        wr(&l, EOI, 0);
        lapic_tick(&l, now);
        assert_int_equal(lapic_pending(&l), LAPIC_NO_VECTOR);
        assert_true(l.deadline == now + 1000 - late[i] % 1000);
        assert_int_equal(lapic_read(&l, TMCCT, now), 1000 - late[i] % 1000);
    }
}

static void test_end_of_time(void **state)
{
    (void)state;
    struct lapic l = fresh();
    wr(&l, TIMER, PERIODIC | 0x40);
    wr(&l, TDCR, 0xa); /* by 128 */
    for (u64 now = NEVER - 64; now != 0; now++) {
        lapic_write(&l, TMICT, 0xffffffff, now);
        assert_true(l.deadline == NEVER);
        lapic_tick(&l, NEVER);
        assert_int_equal(lapic_read(&l, TMCCT, now), 0xffffffff);
        assert_int_equal(lapic_pending(&l), LAPIC_NO_VECTOR);
    }
}

#define DEADLINE 0x40000u

static struct lapic armed(u64 deadline, u64 guest_now, u64 now)
{
    struct lapic l = fresh();
    wr(&l, TIMER, DEADLINE | 0x40);
    lapic_set_tsc_deadline(&l, deadline, guest_now, now);
    return l;
}

static void assert_fires(struct lapic *l, u64 at)
{
    assert_true(l->deadline == at);
    lapic_tick(l, at - 1);
    assert_int_equal(lapic_pending(l), LAPIC_NO_VECTOR);
    lapic_tick(l, at);
    assert_int_equal(lapic_ack(l), 0x40);
    wr(l, EOI, 0);
    assert_true(l->deadline == NEVER);
    assert_int_equal(lapic_tsc_deadline(l, at), 0);
    lapic_tick(l, at + 1000000);
    assert_int_equal(lapic_pending(l), LAPIC_NO_VECTOR);
}

/* SDM Vol. 3A, "TSC-Deadline Mode". */
static void test_tsc_deadline(void **state)
{
    (void)state;
    struct lapic l = armed(700, 500, 10000);
    assert_true(lapic_tsc_deadline(&l, 10199) == 700);
    assert_fires(&l, 10200);
    l = armed(500, 500, 10000); /* at once */
    assert_fires(&l, 10000);
    l = armed(1, 500, 10000); /* long ago */
    assert_fires(&l, 10000);
    l = armed(700, 500, 10000);
    lapic_set_tsc_deadline(&l, 0, 500, 10000);
    assert_true(l.deadline == NEVER);
    assert_true(lapic_tsc_deadline(&l, 10000) == 0);
    l = armed(NEVER, 500, 10000); /* beyond the end of the clock */
    assert_true(l.deadline == NEVER);
    assert_true(lapic_tsc_deadline(&l, NEVER - 1) == NEVER);
    lapic_set_tsc_deadline(&l, 600, 500, 10000); /* the last one counts */
    lapic_tsc_moved(&l, 570, 10000);
    assert_fires(&l, 10030);
    lapic_tsc_moved(&l, 0, 10000); /* it has fired: nothing to move */
    assert_true(l.deadline == NEVER);
}

/* A deadline that comes while the entry is masked is over; the counting registers sleep. */
static void test_tsc_deadline_masked(void **state)
{
    (void)state;
    struct lapic l = armed(700, 500, 10000);
    lapic_write(&l, TIMER, MASKED | DEADLINE | 0x40, 10001);
    assert_true(l.deadline == NEVER);
    assert_true(lapic_tsc_deadline(&l, 10100) == 700);
    lapic_write(&l, TIMER, DEADLINE | 0x40, 10101);
    assert_true(l.deadline == 10200);
    lapic_write(&l, TIMER, MASKED | DEADLINE | 0x40, 10102);
    lapic_write(&l, TIMER, DEADLINE | 0x40, 10200);
    assert_true(l.deadline == NEVER);
    lapic_write(&l, TMICT, 5, 10200);
    lapic_write(&l, TDCR, 0xb, 10200);
    assert_int_equal(lapic_read(&l, TMICT, 10200), 0);
    assert_int_equal(lapic_read(&l, TMCCT, 10200), 0);
    assert_true(l.deadline == NEVER);
}

static void test_tsc_deadline_changes_mode(void **state)
{
    (void)state;
    struct lapic l = armed(700, 500, 10000);
    wr(&l, TIMER, 0x40); /* one-shot: disarmed */
    assert_true(l.deadline == NEVER);
    assert_int_equal(lapic_tsc_deadline(&l, 0), 0);
    lapic_set_tsc_deadline(&l, 700, 500, 10000);
    assert_true(l.deadline == NEVER);
    wr(&l, TMICT, 1000);
    assert_true(l.deadline == 2000);
    wr(&l, TIMER, DEADLINE | 0x40); /* and back: the count is disarmed, too */
    assert_true(l.deadline == NEVER);
    assert_int_equal(rd(&l, TMCCT), 0);
    wr(&l, TIMER, PERIODIC | 0x40);
    assert_true(l.deadline == NEVER);
    assert_int_equal(rd(&l, TMCCT), 0);
}

/* The timer, one TSC tick after the other. */
struct dumb_timer {
    u32 initial, count, prescaler, divisor;
    bool periodic, masked, fired;
};

static void dumb_clock(struct dumb_timer *t)
{
    if (t->count == 0 || ++t->prescaler < t->divisor)
        return;
    t->prescaler = 0;
    if (--t->count)
        return;
    t->fired |= !t->masked;
    if (t->periodic)
        t->count = t->initial;
}

static void check_timer(struct lapic *l, struct dumb_timer *t, u64 now)
{
    assert_int_equal(lapic_pending(l), t->fired ? 0x40 : LAPIC_NO_VECTOR);
    if (t->fired) {
        lapic_ack(l);
        lapic_write(l, EOI, 0, now);
    }
    t->fired = false;
    if (t->masked || t->count == 0)
        assert_true(l->deadline == NEVER);
    else
        assert_true(l->deadline == now + (u64)t->count * t->divisor - t->prescaler);
}

static void test_timer_against_ticks(void **state)
{
    (void)state;
    static const u8 divisors[8] = {2, 4, 8, 16, 32, 64, 128, 1};
    struct lapic l = fresh();
    struct dumb_timer t = {.divisor = 2, .masked = true};
    u64 now = 0; /* also a start reckoned to lie before time 0 */
    srand(11);
    for (unsigned i = 0; i < 300000; i++) {
        for (unsigned n = (unsigned)rand() % (rand() % 16 ? 40 : 700); n; n--, now++)
            dumb_clock(&t);
        const u32 r = (u32)rand();
        switch (rand() % 6) {
        case 0:
            t.initial = t.count = r % 8 ? r / 8 % 30 : 0;
            t.prescaler = 0;
            lapic_write(&l, TMICT, t.initial, now);
            break;
        case 1:
            t.divisor = divisors[r & 7];
            t.prescaler = 0;
            lapic_write(&l, TDCR, (r & 3) | (r & 4) << 1, now);
            break;
        case 2:
            t.masked = r % 3 == 0;
            t.periodic = r / 3 & 1;
            lapic_write(&l, TIMER, 0x40 | (t.masked ? MASKED : 0) | (t.periodic ? PERIODIC : 0),
                        now);
            break;
        case 3: assert_int_equal(lapic_read(&l, TMCCT, now), t.count); break;
        case 4: lapic_write(&l, LINT1, r & 0xffff, now); break;
        default: lapic_tick(&l, now); break;
        }
        check_timer(&l, &t, now);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_divisors),
        cmocka_unit_test(test_late_periodic),
        cmocka_unit_test(test_end_of_time),
        cmocka_unit_test(test_tsc_deadline),
        cmocka_unit_test(test_tsc_deadline_masked),
        cmocka_unit_test(test_tsc_deadline_changes_mode),
        cmocka_unit_test(test_timer_against_ticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
