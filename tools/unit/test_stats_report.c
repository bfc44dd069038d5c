/* What is said of a guest's exits: the figures in the log are those in the counters. */
#include "arch/x86_64/log.h"
#include "lib/fmt.h"
#include "tools/unit/fake_cpu.h"
#include "vmm/stats_report.h"
#include "vmm/vm.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINE_MAX 400u /* of arch/x86_64/log.c */

static char said[1 << 16];
static size_t said_len;

void log_line(enum log_level level, const char *format, ...)
{
    va_list args;

    (void)level;
    va_start(args, format);

    const size_t len = fmt_vbuf(said + said_len, sizeof(said) - said_len, format, args);

    va_end(args);
    assert_true(len < LINE_MAX - 32); /* a prefix comes before it */
    said_len += len;
    assert_true(said_len + 2 < sizeof(said));
    said[said_len++] = '\n';
    said[said_len] = '\0';
}

static struct config_guest config = {.name = "g"};
static struct vm *vm;

static int setup(void **state)
{
    (void)state;
    vm = calloc(1, sizeof(*vm));
    vm->config = &config;
    vm->vcpu.vm = vm;
    vm->vcpu.stats = &vm->stats;
    exit_stats_reset(&vm->stats);
    said_len = 0;
    said[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(vm);
    return 0;
}

static void add(u32 reason, u64 ticks, u64 times)
{
    struct exit_stat *r = &vm->stats.reason[reason];

    for (u64 i = 0; i < times; i++) {
        r->count++;
        r->sum += ticks;
        r->min = MIN(r->min, ticks);
        r->max = MAX(r->max, ticks);
        hist_add(&r->hist, ticks);
    }
}

static void expect(const char *text)
{
    if (!strstr(said, text))
        fail_msg("not said: %s\nbut\n%s", text, said);
}

static void test_table(void **state)
{
    (void)state;
    add(EXIT_CPUID, 100, 30);
    add(EXIT_IO, 10, 60);
    add(EXIT_HLT, 400, 10);
    vm->stats.start = 1000;
    vm->stats.end = 101000;
    vm->stats.waiting = 50000;
    vm->vcpu.msr_refused = 5;
    vm->board.refused = 7;
    stats_report(&vm->vcpu, false);
    expect("guest g: 100 exits; MSR accesses refused: 5, ports: 7\n");
    expect("  exit                        count  share     mean   median      p99        max   "
           "time\n"
           "  IO                             60  60.0%       10       10       10         10   "
           "7.9%\n"
           "  CPUID                          30  30.0%      100      100      100        100  "
           "39.5%\n"
           "  HLT                            10  10.0%      400      400      400        400  "
           "52.6%\n"
           "  of 100000 ticks: guest 42.4%, Lintel 7.6%, waiting 50.0%\n");
    expect("LINTEL-STATS-CHECK guest=g ok\n");
    assert_null(strstr(said, "LINTEL-STATS guest"));
    assert_null(strstr(said, "LINTEL-HIST"));
}

static void test_lines(void **state)
{
    (void)state;
    add(EXIT_CPUID, 7, 3);
    add(EXIT_CPUID, 200, 2);
    vm->stats.start = 1;
    fake_cpu.tsc = 1001; /* it still runs */
    stats_report(&vm->vcpu, true);
    expect("LINTEL-STATS guest=g reason=CPUID count=5 sum=421 min=7 median=7 p99=192 max=200\n");
    expect("LINTEL-HIST guest=g reason=CPUID 7:3 192:2\n");
    expect("LINTEL-TIMES guest=g total=1000 lintel=421 waiting=0 guest=579\n");
    expect("LINTEL-STATS-CHECK guest=g ok\n");
}

/* However many buckets there are: all of them, each in one line, and no line is too long. */
static void test_long_histogram(void **state)
{
    u64 buckets = 0;

    (void)state;
    for (u32 i = 0; i < 300; i++)
        add(EXIT_IO, hist_bucket_first(i), 1);
    vm->stats.start = 1;
    vm->stats.end = ~0ull;
    stats_report(&vm->vcpu, true);
    for (const char *at = said; (at = strstr(at, "LINTEL-HIST ")); at++)
        for (const char *c = at; *c != '\n'; c++)
            buckets += *c == ':';
    assert_int_equal(buckets, 300);
    expect(" 240:1 ");
}

static void test_nothing(void **state)
{
    (void)state;
    fake_cpu.tsc = 5;
    stats_report(&vm->vcpu, true);
    expect("guest g: 0 exits;");
    expect("LINTEL-TIMES guest=g total=0 lintel=0 waiting=0 guest=0\n");
    assert_null(strstr(said, "LINTEL-STATS guest"));
}

static void test_wrong(void **state)
{
    (void)state;
    add(EXIT_IO, 10, 6);
    vm->stats.start = 1;
    vm->stats.end = 1000;
    vm->stats.reason[EXIT_IO].count++;
    stats_report(&vm->vcpu, false);
    expect("LINTEL-STATS-CHECK guest=g wrong: IO: the histogram");
    assert_null(strstr(said, "CHECK guest=g ok"));

    vm->stats.reason[EXIT_IO].count--;
    vm->stats.waiting = 2000;
    stats_report(&vm->vcpu, false);
    expect("LINTEL-STATS-CHECK guest=g wrong: times: the parts");
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
