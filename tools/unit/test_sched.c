/* The run queue: small schedules, to the tick, with their reasons.  A slice of 100 ticks: an entity
 * may run as many ticks in a round as its weight says. */
#include "tools/unit/sched_small.h"

static void test_empty(void **state)
{
    (void)state;
    fresh();
    assert_null(sched_pick(&q, 0));
    assert_int_equal(sched_deadline(&q, 0), SCHED_NEVER);
    sched_yield_turn(&q, 1);
    assert_false(sched_yield_to(&q, &e[A], 1));
    assert_false(sched_wake(&q, &e[A], 1)); /* it is on no queue */
    sched_block(&q, &e[A], 5, 1);
    sched_remove(&q, &e[A], 1);
    assert_null(sched_pick(&q, 10));
    assert_int_equal(q.count, 0);
}

static void test_add_judges(void **state)
{
    // clang-format off
    static const struct { u8 priority; u32 weight; u64 budget, period; err_t result; } cases[] = {
        { 7, 1,    0,   0,                   OK      },
        { 0, 1000, 1,   1,                   OK      },
        { 0, 1000, 5,   SCHED_TICKS_MAX,     OK      },
        { 8, 100,  0,   0,                   E_RANGE },
        { 0, 0,    0,   0,                   E_RANGE },
        { 0, 1001, 0,   0,                   E_RANGE },
        { 0, 100,  1,   0,                   E_RANGE },
        { 0, 100,  2,   1,                   E_RANGE },
        { 0, 100,  5,   SCHED_TICKS_MAX + 1, E_RANGE },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fresh();
        e[A].priority = cases[i].priority, e[A].weight = cases[i].weight;
        e[A].budget = cases[i].budget, e[A].period = cases[i].period;
        assert_int_equal(sched_add(&q, &e[A], 0), cases[i].result);
        assert_int_equal(q.count, cases[i].result == OK);
        assert_int_equal(sched_add(&q, &e[A], 0), cases[i].result == OK ? E_EXIST : E_RANGE);
    }
}

/* A guest with a CPU of its own: no deadline at all, however long it runs. */
static void test_alone(void **state)
{
    (void)state;
    fresh();
    e[A].budget = e[A].period = 100; /* no cap */
    add(A, 0);
    assert_true(sched_alone(&q, &e[A]) && !sched_alone(&q, &e[B]));
    assert_null(sched_pick(&q, 5)); /* it has to be woken */
    assert_true(sched_wake(&q, &e[A], 10));
    assert_false(sched_wake(&q, &e[A], 10)); /* it is awake */
    assert_runs_until(A, 12, SCHED_NEVER);
    assert_int_equal(e[A].waited, 2);
    assert_runs_until(A, 1000000, SCHED_NEVER);
    assert_int_equal(e[A].ran, 1000000 - 12);
    add(B, 1000000);
    assert_false(sched_alone(&q, &e[A]));
    assert_int_equal(sched_deadline(&q, 1000001), SCHED_NEVER);
    sched_remove(&q, &e[A], 1000002);
    assert_true(sched_alone(&q, &e[B]) && !sched_alone(&q, &e[A]));
    assert_null(sched_pick(&q, 1000002));
}

/* A's round is where it would be if somebody had looked at each tick: 1050 = 10 * 100 + 50. */
static void test_mate_comes_late(void **state)
{
    (void)state;
    fresh();
    start(A, 0);
    assert_runs(A, 0);
    add(B, 1050);
    assert_true(sched_wake(&q, &e[B], 1050)); /* A's turn has an end from now on */
    assert_runs_until(A, 1050, 1100);
    assert_runs_until(B, 1100, 1200);
    assert_int_equal(e[B].waited, 50);
    assert_runs_until(A, 1200, 1300);
    add(C, 1210);
    assert_false(sched_wake(&q, &e[C], 1210)); /* the end is known */
    assert_runs_until(B, 1300, 1400); /* C has used nothing of the round, but is the last */
    assert_runs_until(C, 1400, 1500);
}

static void test_weights(void **state)
{
    (void)state;
    fresh();
    e[A].weight = 10, e[B].weight = 30, e[C].weight = 1000;
    start(A, 0), start(B, 0), start(C, 0);
    for (u64 t = 0; t < 3120; t += 1040) {
        assert_runs_until(A, t, t + 10);
        assert_runs_until(B, t + 10, t + 40);
        assert_runs_until(C, t + 40, t + 1040);
    }
}

/* Seen 250 ticks too late, A has run three and a half turns, and sits out until that is paid. */
static void test_overrun_is_paid_back(void **state)
{
    (void)state;
    fresh();
    start(A, 0), start(B, 0);
    assert_runs_until(A, 0, 100);
    assert_runs_until(B, 350, 450);
    assert_int_equal(e[A].ran, 350);
    assert_runs_until(B, 450, 550); /* A: -150 */
    assert_runs_until(B, 550, 650); /* A: -50 */
    assert_runs_until(A, 650, 700); /* A: 50 left in this round */
    assert_runs_until(B, 700, 800);
    assert_int_equal(e[A].ran, e[B].ran + 100); /* which B has left */
}

/* Everybody has a debt: as many rounds begin as the first one needs. */
static void test_all_in_debt(void **state)
{
    (void)state;
    fresh();
    e[A].weight = 10;
    start(A, 0), start(B, 0);
    assert_runs(A, 0);
    assert_runs(B, 1000);               /* A: -990 */
    assert_runs_until(B, 10000, 10100); /* B: -8900, so 90 rounds: A would need 100 */
    for (u64 t = 10100; t < 11000; t += 100)
        assert_runs_until(B, t, t + 100);
    assert_runs_until(A, 11000, 11010);
}

static void test_priorities(void **state)
{
    (void)state;
    fresh();
    e[A].priority = 0, e[B].priority = 7, e[C].priority = 7;
    start(A, 0);
    assert_runs_until(A, 0, SCHED_NEVER);
    add(B, 10);
    assert_int_equal(sched_deadline(&q, 10), SCHED_NEVER);
    assert_true(sched_wake(&q, &e[B], 20));
    assert_int_equal(sched_deadline(&q, 20), 20);
    assert_runs_until(B, 20, SCHED_NEVER); /* A's waiting ends nothing */
    start(C, 30);
    assert_runs_until(B, 30, 120);
    sched_block(&q, &e[B], SCHED_NEVER, 50);
    assert_runs_until(C, 50, SCHED_NEVER);
    sched_block(&q, &e[C], 60, 52);
    assert_runs_until(A, 52, 60);
    assert_int_equal(e[A].ran, 20);
    assert_int_equal(e[A].waited, 32);
    assert_runs_until(C, 60, SCHED_NEVER);
    assert_false(sched_wake(&q, &e[A], 61)); /* READY */
    sched_block(&q, &e[A], SCHED_NEVER, 62); /* it need not run for that */
    sched_block(&q, &e[C], SCHED_NEVER, 63);
    assert_null(sched_pick(&q, 63));
    assert_false(sched_wake(&q, &e[C], 64) && sched_wake(&q, &e[A], 64) &&
                 e[A].state != SCHED_READY);
}

/* Preempted by a higher priority, A goes on before its mates, with what is left. */
static void test_preempted_goes_on(void **state)
{
    (void)state;
    fresh();
    e[D].priority = 4;
    start(A, 0), start(B, 0);
    assert_runs_until(A, 0, 100);
    start(D, 30);
    assert_runs(D, 30);
    sched_block(&q, &e[D], SCHED_NEVER, 500);
    assert_runs_until(A, 500, 570);
    assert_runs_until(B, 570, 670);
}

static void test_wake_by_itself(void **state)
{
    (void)state;
    fresh();
    e[C].priority = 2, e[D].priority = 4;
    start(A, 0), add(B, 0), add(C, 0), add(D, 0);
    sched_block(&q, &e[B], 70, 0);
    sched_block(&q, &e[C], 40, 0);
    sched_block(&q, &e[D], 80, 0);
    assert_runs_until(A, 0, 70);     /* C's priority is lower: that is no reason to look */
    assert_runs_until(A, 70, 80);    /* then D comes; and at 100 A's turn would end */
    assert_runs_until(D, 90, ~0ull); /* late */
    assert_int_equal(e[D].waited, 10);
    assert_int_equal(e[B].ready_since, 70);
    assert_int_equal(e[C].ready_since, 40); /* whenever that was seen */
    sched_block(&q, &e[D], SCHED_NEVER, 95);
    assert_runs_until(A, 95, 105); /* 90 of 100 ran */
    assert_runs_until(B, 105, 205);
    sched_block(&q, &e[B], 50, 110); /* long due */
    assert_runs_until(B, 110, 205);  /* so at once, and A is through with this round */
    sched_block(&q, &e[A], 150, 120);
    assert_runs(B, 120);
    sched_block(&q, &e[B], 140, 121);
    assert_runs_until(C, 121, 140);
    sched_block(&q, &e[C], SCHED_NEVER, 122);
    assert_null(sched_pick(&q, 122));
    assert_int_equal(sched_deadline(&q, 122), 140);
    sched_block(&q, &e[B], 145, 130); /* once more, to another time */
    assert_int_equal(sched_deadline(&q, 131), 145);
    assert_runs_until(B, 145, 150);
}

/* Sleeping longer than a round gives no more than one round's credit, and forgives debts as
 * time does; sleeping within a round gives nothing. */
static void test_no_hoarding(void **state)
{
    (void)state;
    fresh();
    start(A, 0), start(B, 0);
    assert_runs(A, 0);
    sched_block(&q, &e[A], SCHED_NEVER, 60);
    assert_runs_until(B, 60, SCHED_NEVER);
    (void)sched_wake(&q, &e[A], 100);
    assert_runs_until(B, 100, 160);
    assert_runs_until(A, 160, 200); /* its remaining 40 */
    sched_block(&q, &e[A], SCHED_NEVER, 180);
    assert_runs(B, 180);
    (void)sched_wake(&q, &e[A], 100190); /* a thousand rounds later */
    assert_runs_until(B, 100190, 100280);
    assert_runs_until(A, 100280, 100380);
}

static void test_yield(void **state)
{
    (void)state;
    fresh();
    e[C].priority = 2;
    start(A, 0), start(C, 0);
    assert_runs(A, 0);
    sched_yield_turn(&q, 10); /* nobody of its priority: nothing */
    assert_runs_until(A, 10, SCHED_NEVER);
    start(B, 20);
    assert_runs_until(A, 20, 100);
    sched_yield_turn(&q, 30);
    assert_int_equal(sched_deadline(&q, 30), 30);
    assert_runs_until(B, 30, 130);
    sched_yield_turn(&q, 40);
    assert_runs_until(A, 40, 140); /* a new round, and B's 90 are gone */
    assert_runs_until(B, 140, 240);
}

static void test_yield_to(void **state)
{
    (void)state;
    fresh();
    e[D].priority = 2;
    start(A, 0), start(B, 0), start(C, 0), start(D, 0);
    assert_runs(A, 0);
    assert_false(sched_yield_to(&q, &e[A], 10)); /* it runs */
    assert_false(sched_yield_to(&q, &e[D], 10)); /* lower */
    assert_true(sched_yield_to(&q, &e[C], 40));
    assert_int_equal(sched_deadline(&q, 40), 40);
    assert_runs_until(C, 40, 100);  /* no longer than A's turn */
    assert_runs_until(A, 100, 160); /* A has lost nothing ... */
    assert_runs_until(B, 160, 260);
    assert_runs_until(C, 260, 300); /* ... and C has won nothing */
    assert_runs_until(A, 300, 400);
}

/* An advance on the next round, but not on the one after that. */
static void test_yield_to_is_bounded(void **state)
{
    (void)state;
    fresh();
    start(A, 0), start(B, 0), start(C, 0);
    assert_runs(A, 0);
    assert_true(sched_yield_to(&q, &e[C], 0));
    assert_runs_until(C, 0, 100);
    assert_runs_until(A, 100, 200);
    assert_true(sched_yield_to(&q, &e[C], 110));
    assert_runs_until(C, 110, 200); /* A's 90 */
    assert_runs_until(A, 200, 290);
    assert_true(sched_yield_to(&q, &e[C], 200));
    assert_runs_until(C, 200, 210); /* 10 are left of the advance */
    assert_runs_until(A, 210, 300);
    assert_false(sched_yield_to(&q, &e[C], 220));
    assert_runs_until(A, 220, 300);
    assert_runs_until(B, 300, 400);
    assert_runs_until(A, 400, 500); /* C pays */
    assert_runs_until(B, 500, 600);
    assert_runs_until(C, 600, 700);
    assert_runs_until(A, 700, 800);
}

static void test_cap(void **state)
{
    (void)state;
    fresh();
    e[A].budget = 30, e[A].period = 100;
    start(A, 0);
    assert_runs_until(A, 0, 30);
    assert_null(sched_pick(&q, 30));
    assert_int_equal(e[A].state, SCHED_THROTTLED);
    assert_int_equal(sched_deadline(&q, 30), 100);
    assert_false(sched_wake(&q, &e[A], 31)); /* that is no way out */
    assert_null(sched_pick(&q, 99));
    assert_runs_until(A, 100, 130);
    assert_null(sched_pick(&q, 200 - 1)); /* late: 99 of 30, a debt of 69 */
    assert_int_equal(sched_deadline(&q, 199), 400);
    assert_runs_until(A, 400, 421); /* 3 * 30 - 69 */
    assert_int_equal(e[A].waited, 0);
    sched_block(&q, &e[A], SCHED_NEVER, 410);
    assert_true(sched_wake(&q, &e[A], 495)); /* 11 left, then the next 30 */
    assert_runs_until(A, 495, 530);
    sched_block(&q, &e[A], SCHED_NEVER, 530);
    assert_null(sched_pick(&q, 530));
    assert_true(sched_wake(&q, &e[A], 540)); /* nothing left: the CPU has to look at 600 */
    assert_null(sched_pick(&q, 540));
    assert_int_equal(sched_deadline(&q, 540), 600);
    sched_block(&q, &e[A], 550, 545); /* a throttled one sleeps */
    assert_null(sched_pick(&q, 550));
    assert_int_equal(sched_deadline(&q, 550), 600);
    sched_block(&q, &e[A], 10000, 560);
    assert_null(sched_pick(&q, 9999));
    assert_runs_until(A, 10000, 10030); /* one budget, not a hundred */
    sched_block(&q, &e[A], SCHED_NEVER, 10010);
    start(B, 10030);
    assert_runs_until(B, 10030, SCHED_NEVER);
    assert_true(sched_wake(&q, &e[A], 10040));
    assert_runs_until(B, 10040, 10130); /* its turn's end: A is READY, with 20 ticks */
    sched_block(&q, &e[B], SCHED_NEVER, 10080);
    assert_runs_until(A, 10080, 10130); /* they last to the new period, and so on to its budget */
    sched_block(&q, &e[A], SCHED_NEVER, 10130);
    start(C, 10135);
    assert_runs(C, 10135), (void)sched_wake(&q, &e[B], 10136);
    assert_true(sched_wake(&q, &e[A], 10140)); /* throttled until 10200: a reason to look */
    assert_runs_until(C, 10140, 10200);
}

/* Seen after a whole period and a half, a capped one has used it all. */
static void test_cap_far_too_late(void **state)
{
    (void)state;
    fresh();
    e[A].budget = 30, e[A].period = 100, e[B].priority = 0;
    start(A, 50), start(B, 50);
    assert_runs_until(A, 90, 120);
    assert_runs(B, 390); /* 300 ticks; a budget at 150, 250 and 350: the first is lost but for 30 */
    assert_int_equal(e[A].tokens, 30 - 60 + 30 - 100 + 30 - 100 + 30 - 40);
    assert_int_equal(e[A].wake, 450 + 600);
    assert_int_equal(sched_deadline(&q, 400), 1050);
    assert_runs_until(A, 1050, 1050 + 30);
}

static void test_time_goes_back(void **state)
{
    (void)state;
    fresh();
    start(A, 1000), start(B, 1000);
    assert_runs_until(A, 1000, 1100);
    assert_false(sched_wake(&q, &e[B], 900)); /* another CPU's TSC */
    assert_runs_until(A, 990, 1100);
    assert_int_equal(e[A].ran, 0);
    assert_int_equal(sched_deadline(&q, 1200), 1200); /* long since due */
    e[C].budget = 10, e[C].period = 50;
    add(C, 900);
    assert_int_equal(e[C].refill, 1050);
}

static void test_end_of_time(void **state)
{
    (void)state;
    for (u64 first = 0; first < 2; first++) {
        fresh();
        e[A].budget = 1, e[A].period = SCHED_TICKS_MAX;
        e[B].weight = 1, e[C].weight = 1000, e[D].budget = 30, e[D].period = 31;
        for (int i = 0; i < ALL; i++)
            start(i, first ? ~0ull - 5 : 0);
        assert_int_equal(e[A].refill, first ? ~0ull : SCHED_TICKS_MAX);
        for (int n = 0; n < 8; n++) {
            assert_true(sched_deadline(&q, ~0ull - 3) >= ~0ull - 3);
            assert_non_null(sched_pick(&q, n < 4 ? ~0ull - 3 : ~0ull));
            sched_yield_turn(&q, ~0ull);
        }
        sched_block(&q, &e[C], ~0ull - 1, ~0ull);
        assert_non_null(sched_pick(&q, ~0ull));
        assert_int_not_equal(e[C].state, SCHED_BLOCKED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_add_judges),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_mate_comes_late),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_overrun_is_paid_back),
        cmocka_unit_test(test_all_in_debt),
        cmocka_unit_test(test_priorities),
        cmocka_unit_test(test_preempted_goes_on),
        cmocka_unit_test(test_wake_by_itself),
        cmocka_unit_test(test_no_hoarding),
        cmocka_unit_test(test_yield),
        cmocka_unit_test(test_yield_to),
        cmocka_unit_test(test_yield_to_is_bounded),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_cap_far_too_late),
        cmocka_unit_test(test_time_goes_back),
        cmocka_unit_test(test_end_of_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
