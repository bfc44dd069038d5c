/* Histograms and the counters of exits: every value in the right bucket, sums that equal totals. */
#include "vmm/exit_stats.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void buckets_cover_every_value(void **state)
{
    u64 next = 0;

    (void)state;
    for (u32 i = 0; i < HIST_BUCKETS; i++) {
        const u64 first = hist_bucket_first(i);
        const u64 last = i + 1 < HIST_BUCKETS ? hist_bucket_first(i + 1) - 1 : UINT32_MAX;

        assert_int_equal(first, next);
        assert_int_equal(hist_bucket(first), i);
        assert_int_equal(hist_bucket(last), i);
        assert_true((last - first) <= first / 8); /* 12.5 % */
        next = last + 1;
    }
    assert_int_equal(next, UINT32_MAX + 1ull);
}

static void quantiles(void **state)
{
    struct hist h = {0};

    (void)state;
    assert_int_equal(hist_quantile(&h, 500), 0);
    for (u64 i = 1; i <= 1000; i++)
        hist_add(&h, i);
    assert_int_equal(hist_count(&h), 1000);
    assert_int_equal(hist_quantile(&h, 0), 1);
    assert_int_equal(hist_quantile(&h, 500), hist_bucket_first(hist_bucket(500)));
    assert_int_equal(hist_quantile(&h, 990), hist_bucket_first(hist_bucket(990)));
    assert_int_equal(hist_quantile(&h, 1000), hist_bucket_first(hist_bucket(1000)));
}

static void add(struct exit_stats *s, u32 reason, u64 ticks)
{
    struct exit_stat *r = &s->reason[reason];

    r->count++;
    r->sum += ticks;
    r->min = MIN(r->min, ticks);
    r->max = MAX(r->max, ticks);
    hist_add(&r->hist, ticks);
}

static void times_add_up(void **state)
{
    struct exit_stats *s = malloc(sizeof(*s));
    struct exit_times t;
    u32 reason;

    (void)state;
    exit_stats_reset(s);
    assert_int_equal(exit_stats_times(s, 1000).total, 0);
    s->start = 1000;
    s->waiting = 50;
    add(s, EXIT_CPUID, 100);
    add(s, EXIT_CPUID, 120);
    add(s, EXIT_IO, 7);
    t = exit_stats_times(s, 2000);
    assert_int_equal(t.total, 1000);
    assert_int_equal(t.lintel, 227);
    assert_int_equal(t.guest, 1000 - 227 - 50);
    s->end = 1500;
    assert_int_equal(exit_stats_times(s, 2000).total, 500);
    assert_int_equal(exit_stats_count(s), 3);
    assert_null(exit_stats_check(s, 2000, &reason));
    free(s);
}

/* Each way in which a counter could be wrong is seen. */
static void check_finds_what_is_wrong(void **state)
{
    struct exit_stats *s = malloc(sizeof(*s));
    struct exit_stat *r = &s->reason[EXIT_CPUID];
    u32 reason;

    (void)state;
#define WRONG(change)                                                                              \
    do {                                                                                           \
        exit_stats_reset(s);                                                                       \
        s->start = 1;                                                                              \
        s->end = 1000;                                                                             \
        add(s, EXIT_CPUID, 100);                                                                   \
        add(s, EXIT_CPUID, 200);                                                                   \
        assert_null(exit_stats_check(s, 0, &reason));                                              \
        change;                                                                                    \
        assert_non_null(exit_stats_check(s, 0, &reason));                                          \
    } while (0)
    WRONG(r->count++);
    WRONG(r->hist.bucket[3]++);
    WRONG(r->sum = 50);
    WRONG(r->sum = 600);
    WRONG(r->min = 300);
    WRONG(r->min = 50);
    WRONG(r->max = 500);
    WRONG(s->end = 200);
    WRONG(s->waiting = 800);
    WRONG(s->waiting = ~0ull);
    WRONG(s->stolen = 800);
    WRONG(s->stolen = ~0ull);
    WRONG(s->reason[EXIT_HLT].sum = 1);
#undef WRONG
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_cover_every_value),
        cmocka_unit_test(quantiles),
        cmocka_unit_test(times_add_up),
        cmocka_unit_test(check_finds_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
