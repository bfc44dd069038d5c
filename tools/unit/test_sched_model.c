/* The run queue against a model that decides anew at each tick (sched_dumb.h): looked at only when
 * sched.h's contract says so, it gives the same schedule, to the tick. */
#include "sched_dumb.h"
#include "vmm/sched.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OPERATIONS 1200000u

struct pair {
    struct sched_queue q;
    struct sched_entity e[DUMB_MAX];
    struct dumb d;
    u64 armed; /* the CPU's timer */
    bool look;
    u64 picks, done[8];
};

static u64 rnd(void)
{
    static u64 x = 0x9e3779b97f4a7c15ull;

    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x >> 8;
}

static u64 up_to(u64 most)
{
    return rnd() % (most + 1);
}

static void set_up(struct pair *p)
{
    const u64 levels = 1 + up_to(3), now = up_to(1000), slice = up_to(299);

    memset(p, 0, sizeof(*p));
    p->d.now = now;
    p->d.running = -1;
    p->armed = SCHED_NEVER;
    sched_queue_init(&p->q, slice, now);
    for (int i = 0; i < DUMB_MAX; i++) {
        const u64 period = up_to(2) ? 0 : 1 + up_to(300);
        p->e[i] = (struct sched_entity){.priority = (u8)(7 - up_to(levels) * 7 / levels),
                                        .weight = (u32)(1 + up_to(up_to(3) ? 20 : 150)),
                                        .period = period,
                                        .budget = period ? up_to(period) : 0};
        p->d.e[i] = (struct dumb_entity){.priority = p->e[i].priority,
                                         .quantum = (i64)(MAX(slice / 100, 1) * p->e[i].weight),
                                         .period = (i64)period,
                                         .budget = (i64)p->e[i].budget};
    }
}

static void do_one(struct pair *p, int i, u64 now)
{
    struct sched_entity *e = &p->e[i];
    const u64 op = up_to(7), wake = up_to(2) ? now + up_to(150) : SCHED_NEVER;
    const bool in_use = e->state != SCHED_OFF;

    p->done[op]++;
    switch (op) {
    case 0: /* the one that runs sleeps */
        if (!p->q.running)
            return;
        i = (int)(p->q.running - p->e);
        e = p->q.running;
        /* fallthrough */
    case 1:
        if (e->state == SCHED_OFF || (op == 1 && up_to(3)))
            return;
        sched_block(&p->q, e, wake, now);
        dumb_block(&p->d, i, wake);
        p->look = true;
        return;
    case 2:
        sched_yield_turn(&p->q, now);
        dumb_yield(&p->d);
        p->look = true;
        return;
    case 3: {
        const bool done = sched_yield_to(&p->q, e, now);
        assert_int_equal(done, dumb_yield_to(&p->d, i));
        p->look |= done;
        return;
    }
    case 4:
        if (in_use && up_to(15) == 0) {
            sched_remove(&p->q, e, now);
            dumb_remove(&p->d, i);
            p->look = true;
        } else if (!in_use && p->d.e[i].left && up_to(1)) {
            assert_int_equal(sched_join(&p->q, e, now), OK);
            dumb_join(&p->d, i);
        } else if (!in_use) {
            assert_int_equal(sched_add(&p->q, e, now), OK);
            dumb_add(&p->d, i);
        }
        return;
    default:
        if (in_use) {
            p->look |= sched_wake(&p->q, e, now);
            dumb_wake(&p->d, i);
        }
        return;
    }
}

/* Quanta of those that want to run and use what they get. */
static u64 load(const struct dumb *d)
{
    u64 sum = 0;

    for (int i = 0; i < DUMB_MAX; i++)
        if (d->e[i].state == DUMB_READY || d->e[i].state == DUMB_RUNNING)
            sum += d->e[i].hungry ? (u64)d->e[i].quantum : 0;
    return sum;
}

static void compare(const struct pair *p, u64 now, bool looked)
{
    const int running = p->q.running ? (int)(p->q.running - p->e) : -1;

    assert_int_equal(running, p->d.running);
    if (looked)
        assert_int_equal(sched_load(&p->q, 7) * p->q.unit, load(&p->d));
    if (!looked)
        return; /* the accounts are those of before */
    for (int i = 0; i < DUMB_MAX; i++) {
        const struct sched_entity *e = &p->e[i];
        const struct dumb_entity *d = &p->d.e[i];
        const u64 waits = e->state == SCHED_READY ? now - e->ready_since : 0;
        assert_int_equal((int)e->state, (int)d->state);
        assert_int_equal(e->ran, d->ran);
        assert_int_equal(e->waited + waits, d->waited);
        assert_true(e->credit == d->credit && e->floor == d->floor);
        assert_true(e->state != SCHED_RUNNING || e->budget % MAX(e->period, 1) == 0 ||
                    e->tokens == d->tokens);
    }
}

static void tick(struct pair *p)
{
    dumb_tick(&p->d);
    const u64 now = p->d.now;

    for (u64 n = up_to(7) ? 0 : 1 + up_to(2); n; n--)
        do_one(p, (int)up_to(DUMB_MAX - 1), now);
    const bool look = p->look || now >= p->armed || up_to(60) == 0; /* the last changes nothing */
    if (look) {
        (void)sched_pick(&p->q, now);
        p->armed = sched_deadline(&p->q, now);
        p->look = false;
        p->picks++;
    }
    (void)dumb_pick(&p->d);
    compare(p, now, look);
}

static void test_same_schedule(void **state)
{
    static struct pair p;
    u64 done[8] = {0}, all = 0, ticks = 0, picks = 0, ran = 0;

    (void)state;
    while (all < OPERATIONS) {
        set_up(&p);
        for (u64 n = 200 + up_to(4000); n; n--, ticks++)
            tick(&p);
        for (int op = 0; op < 8; op++)
            done[op] += p.done[op], all += p.done[op];
        for (int i = 0; i < DUMB_MAX; i++)
            ran += p.e[i].ran;
        picks += p.picks;
    }
    for (int op = 0; op < 8; op++)
        assert_true(done[op] > OPERATIONS / 10);
    /* The contract is of use, and the CPU was not idle. */
    assert_true(picks * 3 < ticks && ran * 2 > ticks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
