/* What it takes to give an entity from one run queue to another: which is the better one, and that
 * none gains by it.  A slice of 100 ticks. */
#include "tools/unit/sched_small.h"

/* Who comes from another queue has had his round there: he waits for the next one here, and for
 * what he owes. */
static void test_join(void **state)
{
    (void)state;
    fresh();
    start(A, 0);
    start(B, 0);
    assert_runs_until(A, 0, 100);
    e[C].credit = -30;
    assert_int_equal(sched_join(&q, &e[C], 50), OK);
    assert_int_equal(sched_join(&q, &e[C], 50), E_EXIST);
    (void)sched_wake(&q, &e[C], 50);
    assert_runs_until(B, 100, 200);
    assert_runs_until(C, 200, 270);
    /* Credit that it did not use stays behind; what is left of a budget comes along. */
    e[D].credit = 80, e[D].budget = 10, e[D].period = 1000;
    e[D].tokens = 4, e[D].refill = 1020;
    assert_int_equal(sched_join(&q, &e[D], 210), OK);
    assert_int_equal(e[D].credit, 0);
    for (int i = A; i <= C; i++)
        sched_remove(&q, &e[i], 220);
    (void)sched_wake(&q, &e[D], 300);
    assert_runs_until(D, 300, 304);
    assert_null(sched_pick(&q, 304));
    assert_int_equal(sched_deadline(&q, 304), 1020);
}

/* Only who has used most of a round when he left the CPU counts, and only while he wants to run. */
static void test_load(void **state)
{
    (void)state;
    fresh();
    e[B].weight = 250, e[C].priority = 4;
    start(A, 0);
    start(B, 0);
    add(D, 0);
    assert_runs(A, 0);
    assert_int_equal(sched_load(&q, 3), 0); /* nobody knows yet */
    assert_runs(B, 100);
    assert_int_equal(sched_load(&q, 3), 100);
    assert_runs(A, 350);
    assert_int_equal(sched_load(&q, 3), 350);
    assert_int_equal(sched_load(&q, 2), SCHED_NEVER);
    sched_block(&q, &e[A], SCHED_NEVER, 399); /* one tick less than half */
    assert_runs(B, 399);
    assert_int_equal(sched_load(&q, 3), 250);
    (void)sched_wake(&q, &e[A], 400);
    assert_int_equal(sched_load(&q, 3), 250);
    start(C, 401); /* READY and above 3 */
    assert_int_equal(sched_load(&q, 3), SCHED_NEVER);
    assert_int_equal(sched_load(&q, 4), 250);
    assert_runs(C, 401);
    assert_int_equal(sched_load(&q, 3), SCHED_NEVER);
    sched_block(&q, &e[C], SCHED_NEVER, 452); /* more than half */
    (void)sched_wake(&q, &e[C], 460);
    assert_int_equal(sched_load(&q, 4), 350);
}

/* However often one goes to and fro between two queues, each with another that computes: it gets
 * what each of these gets, and not more. */
static void test_no_gain(void **state)
{
    struct sched_queue queues[2];
    struct sched_entity *mover = &e[C];
    u32 at = 0;

    (void)state;
    fresh();
    for (u32 i = 0; i < 2; i++) {
        sched_queue_init(&queues[i], 100, 0);
        assert_int_equal(sched_add(&queues[i], &e[i], 0), OK);
        (void)sched_wake(&queues[i], &e[i], 0);
    }
    assert_int_equal(sched_add(&queues[at], mover, 0), OK);
    (void)sched_wake(&queues[at], mover, 0);
    for (u64 now = 0; now < 100000; now++) {
        const bool ran = queues[at].running == mover;
        for (u32 i = 0; i < 2; i++)
            (void)sched_pick(&queues[i], now);
        if (!ran || queues[at].running == mover)
            continue; /* its turn is not over */
        sched_remove(&queues[at], mover, now);
        at = 1 - at;
        assert_int_equal(sched_join(&queues[at], mover, now), OK);
        (void)sched_wake(&queues[at], mover, now);
    }
    assert_in_range(mover->ran, 40000, 51000);
    assert_in_range(e[A].ran, 74000, 80000);
    assert_in_range(e[B].ran, 74000, 80000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_no_gain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
