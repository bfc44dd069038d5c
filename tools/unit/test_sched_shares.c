/* What the run queue promises in the long run: shares, caps, no starvation, no inversion, with
 * random lateness, sleep and yields. */
#include "vmm/sched.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MOST  100
#define SLICE 10000ull

struct load {
    struct sched_queue q;
    struct sched_entity e[MOST];
    int count;
    u64 now, late; /* ticks that the CPU looks too late, at most */
    u64 longest;   /* wait for the CPU */
};

static u64 rnd(void)
{
    static u64 x = 0x2545f4914f6cdd1dull;

    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x >> 8;
}

static u64 up_to(u64 most)
{
    return rnd() % (most + 1);
}

static void start_load(struct load *l, int count)
{
    memset(l, 0, sizeof(*l));
    l->count = count;
    sched_queue_init(&l->q, SLICE, 0);
    for (int i = 0; i < count; i++)
        l->e[i] = (struct sched_entity){.priority = 3, .weight = SCHED_WEIGHT_DEFAULT};
}

static void wake_all(struct load *l)
{
    for (int i = 0; i < l->count; i++) {
        assert_int_equal(sched_add(&l->q, &l->e[i], 0), OK);
        (void)sched_wake(&l->q, &l->e[i], 0);
    }
}

/* Time goes on to where the CPU looks next, but to `most` at most. */
static struct sched_entity *look(struct load *l, u64 most)
{
    const u64 end = sched_deadline(&l->q, l->now);
    const u64 late = l->late && up_to(9) == 0 ? up_to(10 * l->late) : up_to(l->late);

    l->now = end > most ? most : end + late;
    struct sched_entity *e = sched_pick(&l->q, l->now);
    for (int i = 0; i < l->count; i++) {
        const struct sched_entity *other = &l->e[i];
        if (other->state != SCHED_READY)
            continue;
        assert_true(e && e->priority >= other->priority); /* no inversion */
        if (e->priority == other->priority)
            l->longest = MAX(l->longest, l->now - other->ready_since);
    }
    return e;
}

/* `ran` of the first n is as their weights, within a per cent. */
static void assert_shares(const struct load *l, int n)
{
    u64 ran = 0, weights = 0;

    for (int i = 0; i < n; i++)
        ran += l->e[i].ran, weights += l->e[i].weight;
    for (int i = 0; i < n; i++) {
        const u64 fair = ran / weights * l->e[i].weight;
        assert_in_range(l->e[i].ran, fair * 99 / 100, fair * 101 / 100);
    }
}

static void test_shares_with_lateness(void **state)
{
    static const u32 counts[] = {2, 3, 7, MOST};

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(counts); n++) {
        static struct load l;
        start_load(&l, (int)counts[n]);
        for (int i = 0; i < l.count; i++)
            l.e[i].weight = (u32)(1 + up_to(i % 2 ? 999 : 99));
        wake_all(&l);
        l.late = 5 * SLICE;
        while (l.now < 100000 * SLICE * counts[n])
            (void)look(&l, SCHED_NEVER);
        assert_shares(&l, l.count);
    }
}

/* Others sleep and wake, at the same and at other priorities, with caps; yields to anybody. */
static void test_shares_among_sleepers(void **state)
{
    static struct load l;
    u64 given = 0;

    (void)state;
    start_load(&l, 16);
    for (int i = 0; i < l.count; i++) {
        l.e[i].weight = (u32)(10 + up_to(400));
        if (i >= 10)
            l.e[i].priority = (u8)(i % 8);
        if (i >= 14)
            l.e[i].budget = SLICE, l.e[i].period = 20 * SLICE;
    }
    wake_all(&l);
    l.late = SLICE / 4;
    while (l.now < 2000000 * SLICE) {
        const struct sched_entity *e = look(&l, l.now + up_to(SLICE / 2));
        const int i = e ? (int)(e - l.e) : 0, other = (int)up_to(15);
        if (i >= 6 && up_to(2))
            sched_block(&l.q, &l.e[i], up_to(1) ? l.now + up_to(9 * SLICE) : SCHED_NEVER, l.now);
        else if (i < 6 && up_to(5) == 0)
            given += sched_yield_to(&l.q, &l.e[up_to(9)], l.now);
        if (other >= 6)
            (void)sched_wake(&l.q, &l.e[other], l.now);
    }
    assert_true(given > 100000);
    assert_shares(&l, 6);
    for (int i = 6; i < 16; i++)
        assert_true((l.e[i].ran > 0) == (l.e[i].priority >= 3));
    for (int i = 6; i < 10; i++) /* a sleeper gets no more than its share */
        assert_true(l.e[i].ran * l.e[0].weight <= l.e[0].ran * l.e[i].weight);
}

/* One lends its turns to one friend, always. */
static void test_yield_to_changes_no_share(void **state)
{
    static struct load l;

    (void)state;
    start_load(&l, 5);
    l.e[1].weight = 300, l.e[4].weight = 20;
    wake_all(&l);
    while (l.now < 50000 * SLICE) {
        if (look(&l, l.now + 1 + up_to(SLICE / 3)) == &l.e[0])
            (void)sched_yield_to(&l.q, &l.e[4], l.now);
    }
    assert_shares(&l, 5);
}

static void test_nobody_starves(void **state)
{
    static struct load l;
    u64 round = 0;

    (void)state;
    start_load(&l, 12);
    for (int i = 0; i < l.count; i++) {
        l.e[i].weight = (u32)(1 + up_to(300));
        round += l.e[i].weight * SLICE / 100;
    }
    wake_all(&l);
    for (u64 n = 0; n < 300000; n++) {
        const struct sched_entity *e = look(&l, l.now + up_to(SLICE));
        l.now += up_to(20);
        if (e == &l.e[0] || e == &l.e[1]) /* two that give the CPU to each other for ever */
            (void)sched_yield_to(&l.q, &l.e[e == l.e], l.now);
        else if (e && e - l.e > 6 && up_to(1))
            sched_block(&l.q, &l.e[e - l.e], l.now + up_to(SLICE), l.now);
        (void)sched_wake(&l.q, &l.e[up_to(11)], l.now);
    }
    /* At worst: the rest of a round with everybody's advance on the next one, one round to pay an
     * advance back, and one more, in which it is the last. */
    assert_true(l.longest <= 4 * round);
    assert_true(l.longest > round / 4);
}

/* In any window of ten periods no more than eleven budgets, and what was too late; on average it
 * gets what it may have, since nobody else wants the CPU. */
static void test_caps(void **state)
{
    (void)state;
    for (u64 late = 0; late <= 40000; late += 20000) {
        static struct load l;
        static u64 seen[2][4000000 / 100]; /* ran at the begin of each period */
        u64 at = 0;
        start_load(&l, 3);
        for (int i = 0; i < 2; i++)
            l.e[i].priority = 5, l.e[i].period = 100000, l.e[i].budget = i ? 30000 : 7000;
        wake_all(&l);
        l.late = late / 10;
        while (at < 4000) {
            (void)look(&l, (at + 1) * 100000);
            for (; at < l.now / 100000 && at < 4000; at++)
                for (int i = 0; i < 2; i++)
                    seen[i][at] = l.e[i].ran;
        }
        for (int i = 0; i < 2; i++) {
            const u64 budget = l.e[i].budget;
            for (u64 from = 0; from + 10 < at; from++) {
                const u64 most = 11 * budget + late;
                assert_true(seen[i][from + 10] - seen[i][from] <= most);
            }
            assert_in_range(seen[i][at - 1], at * budget * 99 / 100, at * budget * 101 / 100);
        }
        assert_true(l.e[2].ran > l.now / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_with_lateness),
        cmocka_unit_test(test_shares_among_sleepers),
        cmocka_unit_test(test_yield_to_changes_no_share),
        cmocka_unit_test(test_nobody_starves),
        cmocka_unit_test(test_caps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
