/* What is said of a guest's exits: the figures in the log are those in the counters. */
#include "tools/unit/fake_cpu.h"
#include "tools/unit/said.h"
#include "vmm/stats_report.h"
#include "vmm/vm.h"
#include <stdlib.h>

static struct config_guest config = {.name = "g"};
static struct vm *vm;
static struct vcpu *v;

static int setup(void **state)
{
    (void)state;
    vm = calloc(1, sizeof(*vm));
    vm->config = &config;
    v = calloc(1, sizeof(*v));
    v->vm = vm;
    v->stats = calloc(1, sizeof(*v->stats));
    exit_stats_reset(v->stats);
    said_nothing();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(v->stats);
    free(v);
    free(vm);
    return 0;
}

static void add(u32 reason, u64 ticks, u64 times)
{
    struct exit_stat *r = &v->stats->reason[reason];

    for (u64 i = 0; i < times; i++) {
        r->count++;
        r->sum += ticks;
        r->min = MIN(r->min, ticks);
        r->max = MAX(r->max, ticks);
        hist_add(&r->hist, ticks);
    }
}

static void test_table(void **state)
{
    (void)state;
    add(EXIT_CPUID, 100, 30);
    add(EXIT_IO, 10, 60);
    add(EXIT_HLT, 400, 10);
    v->stats->start = 1000;
    v->stats->end = 101000;
    v->stats->waiting = 50000;
    v->msr_refused = 5;
    vm->board.refused = 7;
    stats_report(v, false);
    expect_said("guest g: 100 exits; MSR accesses refused: 5, ports: 7\n");
    expect_said(
        "  exit                        count  share     mean   median      p99        max   "
        "time\n"
        "  IO                             60  60.0%       10       10       10         10   "
        "7.9%\n"
        "  CPUID                          30  30.0%      100      100      100        100  "
        "39.5%\n"
        "  HLT                            10  10.0%      400      400      400        400  "
        "52.6%\n"
        "  of 100000 ticks: guest 42.4%, Lintel 7.6%, waiting 50.0%, for others 0.0%\n");
    expect_said("LINTEL-STATS-CHECK guest=g ok\n");
    assert_null(strstr(said, "LINTEL-STATS guest"));
    assert_null(strstr(said, "LINTEL-HIST"));
}

static void test_lines(void **state)
{
    (void)state;
    add(EXIT_CPUID, 7, 3);
    add(EXIT_CPUID, 200, 2);
    v->stats->start = 1;
    fake_cpu.tsc = 1001; /* it still runs */
    stats_report(v, true);
    expect_said(
        "LINTEL-STATS guest=g reason=CPUID count=5 sum=421 min=7 median=7 p99=192 max=200\n");
    expect_said("LINTEL-HIST guest=g reason=CPUID 7:3 192:2\n");
    expect_said("LINTEL-TIMES guest=g total=1000 lintel=421 waiting=0 guest=579 stolen=0 vcpu=0\n");
    expect_said("LINTEL-STATS-CHECK guest=g ok\n");
}

/* However many buckets there are: all of them, each in one line, and no line is too long. */
static void test_long_histogram(void **state)
{
    u64 buckets = 0;

    (void)state;
    for (u32 i = 0; i < 200; i++)
        add(EXIT_IO, hist_bucket_first(i), 1);
    v->stats->start = 1;
    v->stats->end = ~0ull;
    stats_report(v, true);
    for (const char *at = said; (at = strstr(at, "LINTEL-HIST ")); at++)
        for (const char *c = at; *c != '\n'; c++)
            buckets += *c == ':';
    assert_int_equal(buckets, 200);
    expect_said(" 240:1 ");
}

static void test_nothing(void **state)
{
    (void)state;
    fake_cpu.tsc = 5;
    stats_report(v, true);
    expect_said("guest g: 0 exits;");
    expect_said("LINTEL-TIMES guest=g total=0 lintel=0 waiting=0 guest=0 stolen=0 vcpu=0\n");
    assert_null(strstr(said, "LINTEL-STATS guest"));
}

static void test_wrong(void **state)
{
    (void)state;
    add(EXIT_IO, 10, 6);
    v->stats->start = 1;
    v->stats->end = 1000;
    v->stats->reason[EXIT_IO].count++;
    stats_report(v, false);
    expect_said("LINTEL-STATS-CHECK guest=g wrong: IO: the histogram");
    assert_null(strstr(said, "CHECK guest=g ok"));

    v->stats->reason[EXIT_IO].count--;
    v->stats->waiting = 2000;
    stats_report(v, false);
    expect_said("LINTEL-STATS-CHECK guest=g wrong: times: the parts");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_histogram, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
