/* The live view's rows: the figures of two samples, and of a trace ring. */
#include "lib/fmt.h"
#include "vmm/dashboard.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HZ    1000000ull
#define START 5000000ull

static struct exit_stats *stats;
static struct trace_ring *ring;
static struct dashboard d;
static struct dashboard_sample before, after;
static struct dashboard_guest guest = {.name = "g", .tsc_hz = HZ, .start = START, .vcpus = 1};

static int setup(void **state)
{
    (void)state;
    stats = calloc(1, sizeof(*stats));
    ring = calloc(1, sizeof(*ring));
    memset(&d, 0x55, sizeof(d));
    memset(&before, 0, sizeof(before));
    memset(&after, 0, sizeof(after));
    guest.rings = 1;
    guest.ring[0] = ring;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(stats);
    free(ring);
    return 0;
}

static void exits(u32 reason, u64 count, u64 ticks)
{
    stats->reason[reason].count += count;
    stats->reason[reason].sum += ticks;
}

static void record(u64 tsc, u16 event, u64 rip)
{
    struct trace_record *r = &ring->record[ring->written++ % TRACE_RECORDS];

    *r = (struct trace_record){.tsc = tsc, .event = event, .b = rip};
}

static void take_asleep(struct dashboard_sample *s, bool asleep, u64 now)
{
    dashboard_begin(s, now);
    dashboard_add(s, &(struct dashboard_vcpu){.stats = stats, .ring = ring, .asleep = asleep});
}

static void take(struct dashboard_sample *s, u64 now)
{
    take_asleep(s, false, now);
}

static void draw(void)
{
    dashboard_draw(&d, &guest, &before, &after);
    for (u32 row = 0; row < DASHBOARD_ROWS; row++)
        assert_non_null(memchr(d.row[row], 0, sizeof(d.row[row])));
}

static void row_is(u32 row, const char *want)
{
    assert_string_equal(d.row[row], want);
}

static void test_second(void **state)
{
    (void)state;
    exits(EXIT_HLT, 100, 7000);
    stats->injected = 3;
    stats->waiting = 900;
    take(&before, START + 10 * HZ);
    exits(EXIT_CPUID, 3000, 300000);
    exits(EXIT_IO, 900, 180000);
    exits(EXIT_RDMSR, 100, 20000);
    stats->injected += 41;
    stats->waiting += HZ / 4;
    take(&after, START + 11 * HZ);
    draw();
    row_is(0, "Lintel: guest g                               up   0:00:11");
    row_is(1, "the last 1.0 s; Ctrl-T: back to the guest");
    row_is(3, "time    = guest  25.0%   # Lintel  50.0%   . waiting  25.0%   - others   0.0%");
    row_is(4, "        [===============##############################...............]");
    row_is(6, "exits 4000 a second, interrupts injected 41 a second");
    row_is(9, "CPUID                          3000    75.0%        100    30.0%");
    row_is(10, "IO                              900    22.5%        200    18.0%");
    row_is(11, "RDMSR                           100     2.5%        200     2.0%");
    row_is(12, "");

    before = after;
    take(&after, START + 13 * HZ); /* the same counters: nothing happened in two seconds */
    draw();
    row_is(1, "the last 2.0 s; Ctrl-T: back to the guest");
    row_is(3, "time    = guest 100.0%   # Lintel   0.0%   . waiting   0.0%   - others   0.0%");
    row_is(6, "exits 0 a second, interrupts injected 0 a second");
    row_is(9, "");
}

static void test_since_the_start(void **state)
{
    (void)state;
    exits(EXIT_CPUID, 4, 2000000);
    take(&after, START + 3661 * HZ);
    draw();
    row_is(0, "Lintel: guest g                               up   1:01:01");
    row_is(1, "since its start; Ctrl-T: back to the guest");
    row_is(9, "CPUID                             0   100.0%     500000     0.1%");
}

/* In HLT now: what it has slept is not in the counters yet. */
static void test_asleep(void **state)
{
    (void)state;
    stats->waiting = 1000;
    record(START + 100, TRACE_EXIT + EXIT_CPUID, 0);
    record(START + HZ / 2, TRACE_EXIT + EXIT_HLT, 0);
    record(START + HZ / 2 + 5, TRACE_INJECT, 0);
    take_asleep(&after, true, START + HZ);
    assert_int_equal(after.waiting, 1000 + HZ / 2);
    take_asleep(&after, false, START + HZ);
    assert_int_equal(after.waiting, 1000);
    ring->written = 0;
    take_asleep(&after, true, START + HZ);
    assert_int_equal(after.waiting, 1000);
}

/* Two vCPUs that are not on a CPU: one sleeps, the other waits for its turn.  What they did is
 * added up, and other guests' exits in the CPU's ring are not theirs. */
static void test_two_vcpus(void **state)
{
    struct dashboard_vcpu v = {.stats = stats, .ring = ring, .trace_id = 0x0300};

    (void)state;
    guest.id = 3;
    guest.vcpus = 2;
    exits(EXIT_CPUID, 10, 1000);
    stats->injected = 7;
    dashboard_begin(&before, START + HZ);
    dashboard_add(&before, &v);
    dashboard_add(&before, &v);
    record(START + HZ + 5, TRACE_EXIT + EXIT_CPUID, 0xbad);
    record(START + HZ + 6, TRACE_EXIT + EXIT_HLT, 0x1234);
    ring->record[1].vcpu = 0x0300;
    exits(EXIT_CPUID, 20, 100000);
    stats->injected = 10;
    dashboard_begin(&after, START + 2 * HZ);
    v.asleep = true;
    v.absent_since = START + 2 * HZ - HZ / 5;
    dashboard_add(&after, &v);
    v.asleep = false;
    v.absent_since = START + 2 * HZ - HZ / 2;
    v.trace_id = 0x0301;
    dashboard_add(&after, &v);
    draw();
    row_is(1, "the last 1.0 s of 2 vCPUs; Ctrl-T: back to the guest");
    row_is(3, "time    = guest  55.0%   # Lintel  10.0%   . waiting  10.0%   - others  25.0%");
    row_is(4, "        [=================================######......---------------]");
    row_is(6, "exits 40 a second, interrupts injected 6 a second");
    row_is(17, "guest RIP                     exits    share   of the last 1 exits");
    row_is(18, "0000000000001234                  1   100.0%");
    v.absent_since = 0;
    v.asleep = true;
    v.trace_id = 0x0300;
    dashboard_begin(&after, START + 2 * HZ);
    dashboard_add(&after, &v);
    assert_int_equal(after.waiting, HZ - 6); /* since its own last exit */
    guest.id = 0;
    guest.vcpus = 1;
}

/* What was counted late never makes the parts more than the whole. */
static void test_late_counts(void **state)
{
    (void)state;
    take(&before, START + HZ);
    exits(EXIT_IO, 1, 30 * HZ);
    stats->waiting = 10 * HZ;
    take(&after, START + 2 * HZ);
    draw();
    row_is(3, "time    = guest   0.0%   # Lintel   0.0%   . waiting 100.0%   - others   0.0%");
    stats->waiting = 0; /* less than the sample before said of a sleep */
    before.waiting = 5;
    take(&after, START + 2 * HZ);
    draw();
    row_is(3, "time    = guest   0.0%   # Lintel 100.0%   . waiting   0.0%   - others   0.0%");
}

/* All reasons at once: the eight most frequent, each once, also if they are equal. */
static void test_many_reasons(void **state)
{
    (void)state;
    take(&before, START);
    for (u32 i = 0; i < EXIT_REASONS; i++)
        exits(i, i == EXIT_XSETBV ? 20 : 10, 10);
    take(&after, START + HZ);
    draw();
    assert_memory_equal(d.row[9], "XSETBV ", 7);
    for (u32 i = 0; i < 7; i++) {
        const char *name = exit_reason_name(i);

        assert_memory_equal(d.row[10 + i], name, strlen(name));
    }
    row_is(17, "guest RIP                     exits    share   of the last 0 exits");
}

static void test_rips(void **state)
{
    (void)state;
    record(START - 1, TRACE_EXIT + EXIT_IO, 0xbad); /* of another guest */
    for (u32 i = 0; i < 60; i++) {
        record(START + 10 * i, TRACE_EXIT + EXIT_CPUID, 0xffffffff81234567);
        record(START + 10 * i + 1, TRACE_INJECT, 0xbad);
        if (i % 2)
            record(START + 10 * i + 2, TRACE_EXIT + EXIT_IO, 0x1000);
        if (i % 6 == 0)
            record(START + 10 * i + 3, TRACE_EXIT + EXIT_IO, 0);
    }
    take(&after, START + HZ);
    draw();
    row_is(17, "guest RIP                     exits    share   of the last 100 exits");
    row_is(18, "ffffffff81234567                 60    60.0%");
    row_is(19, "0000000000001000                 30    30.0%");
    row_is(20, "0000000000000000                 10    10.0%");
    row_is(21, "");
}

/* More records than the ring has, all with RIPs of their own, and one that comes often. */
static void test_full_ring(void **state)
{
    (void)state;
    for (u64 i = 0; i < 3 * TRACE_RECORDS; i++)
        record(START + i, TRACE_EXIT + EXIT_IO, i % 4 ? 0x123456789abcdef0 : i << 12);
    take(&after, START + HZ);
    draw();
    row_is(17, "guest RIP                     exits    share   of the last 4096 exits");
    row_is(18, "123456789abcdef0               3072    75.0%");
    for (u32 row = 19; row < 23; row++)
        assert_memory_equal(d.row[row] + 33, " 1 ", 3);
}

/* The largest figures fit into their rows. */
static void test_extremes(void **state)
{
    const struct dashboard_guest longest = {.name = "0123456789012345678901234567890",
                                            .tsc_hz = HZ,
                                            .start = 1,
                                            .vcpus = DASHBOARD_RINGS,
                                            .rings = 1,
                                            .ring = {ring}};

    (void)state;
    for (u32 i = 0; i < EXIT_REASONS; i++)
        exits(i, ~0ull / EXIT_REASONS, ~0ull / EXIT_REASONS);
    stats->waiting = ~0ull;
    stats->injected = ~0ull;
    take(&after, ~0ull);
    dashboard_draw(&d, &longest, &before, &after);
    for (u32 row = 0; row < DASHBOARD_ROWS; row++)
        assert_non_null(memchr(d.row[row], 0, sizeof(d.row[row])));
    dashboard_draw(&d, &(struct dashboard_guest){.name = "g"}, &before, &before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_second),      TEST(test_since_the_start), TEST(test_asleep),
        TEST(test_late_counts), TEST(test_many_reasons),    TEST(test_rips),
        TEST(test_full_ring),   TEST(test_two_vcpus),       TEST(test_extremes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
