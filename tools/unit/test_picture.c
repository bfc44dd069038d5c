/* The live view's rows: the figures of two samples, and of exits that were seen in a trace ring. */
#include "control/manage/events.h"
#include "control/manage/picture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HZ    1000000ull
#define START 5000000ull

enum exit_reason {
#define EXIT_REASON(number, name) EXIT_##name = (number),
#include "abi/exit_reasons.def"
};

static struct abi_vcpu_stats stats;
static struct picture d;
static struct picture_sample before, after;
static struct picture_guest guest = {.name = "g", .tsc_hz = HZ, .start = START, .vcpus = 1};

static int setup(void **state)
{
    (void)state;
    memset(&stats, 0, sizeof(stats));
    memset(&before, 0, sizeof(before));
    memset(&after, 0, sizeof(after));
    picture_begin(&d);
    return 0;
}

static void exits(u32 reason, u64 count, u64 ticks)
{
    stats.exit[reason].count += count;
    stats.exit[reason].sum += ticks;
}

static void see(u64 rip, u32 count)
{
    for (u32 i = 0; i < count; i++)
        picture_see(&d, rip);
}

static void take(struct picture_sample *s, u64 now)
{
    memset(s, 0, sizeof(*s));
    stats.now = now;
    picture_add(s, &stats, 0);
}

static void draw(void)
{
    picture_draw(&d, &guest, &before, &after);
    for (u32 row = 0; row < PICTURE_ROWS; row++)
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
    stats.injected = 3;
    stats.asleep = 900;
    take(&before, START + 10 * HZ);
    exits(EXIT_CPUID, 3000, 300000);
    exits(EXIT_IO, 900, 180000);
    exits(EXIT_RDMSR, 100, 20000);
    stats.injected += 41;
    stats.asleep += HZ / 4;
    take(&after, START + 11 * HZ);
    draw();
    row_is(0, "Lintel: guest g                               up   0:00:11");
    row_is(1, "the last 1.0 s; any key ends");
    row_is(3, "time    = guest  25.0%   # Lintel  50.0%   . waiting  25.0%   - others   0.0%");
    row_is(4, "        [===============##############################...............]");
    row_is(6, "exits 4000 a second, interrupts injected 41 a second");
    row_is(9, "CPUID                          3000    75.0%        100    30.0%");
    row_is(10, "IO                              900    22.5%        200    18.0%");
    row_is(11, "RDMSR                           100     2.5%        200     2.0%");
    row_is(12, "");

    before = after;
    picture_begin(&d);
    take(&after, START + 13 * HZ); /* the same counters: nothing happened in two seconds */
    draw();
    row_is(1, "the last 2.0 s; any key ends");
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
    row_is(1, "since its start; any key ends");
    row_is(9, "CPUID                             0   100.0%     500000     0.1%");
}

/* In HLT now: what it has slept is not in the counters yet. */
static void test_asleep(void **state)
{
    (void)state;
    stats.now = START + HZ;
    stats.asleep = 1000;
    stats.sleeps = 1;
    picture_add(&after, &stats, START + HZ / 2);
    assert_int_equal(after.tsc, START + HZ);
    assert_int_equal(after.asleep, 1000 + HZ / 2);
    picture_add(&after, &stats, 0); /* nobody knows since when */
    assert_int_equal(after.asleep, 2000 + HZ / 2);
    picture_add(&after, &stats, START + 2 * HZ); /* since later than now */
    assert_int_equal(after.asleep, 3000 + HZ / 2);
    stats.away_since = START + HZ - 7; /* not on its CPU: since then */
    picture_add(&after, &stats, START);
    assert_int_equal(after.asleep, 4007 + HZ / 2);
    stats.sleeps = 0;
    picture_add(&after, &stats, START);
    assert_int_equal(after.asleep, 5007 + HZ / 2);
    assert_int_equal(after.waiting, 7);
}

/* Two vCPUs that are not on a CPU: one sleeps, the other waits for its turn.  What they did is
 * added up. */
static void test_two_vcpus(void **state)
{
    (void)state;
    guest.vcpus = 2;
    exits(EXIT_CPUID, 10, 1000);
    stats.injected = 7;
    stats.now = START + HZ;
    picture_add(&before, &stats, 0);
    picture_add(&before, &stats, 0);
    see(0x1234, 1);
    exits(EXIT_CPUID, 20, 100000);
    stats.injected = 10;
    stats.now = START + 2 * HZ;
    stats.sleeps = 1;
    stats.away_since = START + 2 * HZ - HZ / 5;
    picture_add(&after, &stats, 0);
    stats.sleeps = 0;
    stats.away_since = START + 2 * HZ - HZ / 2;
    picture_add(&after, &stats, 0);
    draw();
    row_is(1, "the last 1.0 s of 2 vCPUs; any key ends");
    row_is(3, "time    = guest  55.0%   # Lintel  10.0%   . waiting  10.0%   - others  25.0%");
    row_is(4, "        [=================================######......---------------]");
    row_is(6, "exits 40 a second, interrupts injected 6 a second");
    row_is(17, "guest RIP                     exits    share   of the last 1 exits");
    row_is(18, "0000000000001234                  1   100.0%");
    guest.vcpus = 1;
}

/* What was counted late never makes the parts more than the whole. */
static void test_late_counts(void **state)
{
    (void)state;
    take(&before, START + HZ);
    exits(EXIT_IO, 1, 30 * HZ);
    stats.asleep = 10 * HZ;
    take(&after, START + 2 * HZ);
    draw();
    row_is(3, "time    = guest   0.0%   # Lintel   0.0%   . waiting 100.0%   - others   0.0%");
    picture_begin(&d);
    stats.asleep = 0; /* less than the sample before said of a sleep */
    before.asleep = 5;
    take(&after, START + 2 * HZ);
    draw();
    row_is(3, "time    = guest   0.0%   # Lintel 100.0%   . waiting   0.0%   - others   0.0%");
}

/* All reasons at once: the eight most frequent, each once, also if they are equal. */
static void test_many_reasons(void **state)
{
    (void)state;
    take(&before, START);
    for (u32 i = 0; i < ABI_EXITS; i++)
        exits(i, i == EXIT_XSETBV ? 20 : 10, 10);
    take(&after, START + HZ);
    draw();
    assert_memory_equal(d.row[9], "XSETBV ", 7);
    for (u32 i = 0; i < 7; i++) {
        const char *name = events_name(TRACE_EXIT + i);

        assert_memory_equal(d.row[10 + i], name, strlen(name));
    }
    row_is(17, "guest RIP                     exits    share   of the last 0 exits");
}

static void test_rips(void **state)
{
    (void)state;
    see(0x1000, 30);
    see(0, 10);
    see(0xffffffff81234567, 60);
    take(&after, START + HZ);
    draw();
    row_is(17, "guest RIP                     exits    share   of the last 100 exits");
    row_is(18, "ffffffff81234567                 60    60.0%");
    row_is(19, "0000000000001000                 30    30.0%");
    row_is(20, "0000000000000000                 10    10.0%");
    row_is(21, "");
}

/* More different RIPs than are counted, and one that comes often. */
static void test_many_rips(void **state)
{
    (void)state;
    for (u64 i = 0; i < 4096; i++)
        see(i % 4 ? 0x123456789abcdef0 : i << 12, 1);
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
    const struct picture_guest longest = {
        .name = "0123456789012345678901234567890", .tsc_hz = HZ, .start = 1, .vcpus = 8};

    (void)state;
    for (u32 i = 0; i < ABI_EXITS; i++)
        exits(i, ~0ull / ABI_EXITS, ~0ull / ABI_EXITS);
    stats.asleep = stats.waiting = stats.injected = ~0ull;
    take(&after, ~0ull);
    picture_draw(&d, &longest, &before, &after);
    for (u32 row = 0; row < PICTURE_ROWS; row++)
        assert_non_null(memchr(d.row[row], 0, sizeof(d.row[row])));
    picture_begin(&d);
    picture_draw(&d, &(struct picture_guest){.name = "g"}, &before, &before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_second, setup),
        cmocka_unit_test_setup(test_since_the_start, setup),
        cmocka_unit_test_setup(test_asleep, setup),
        cmocka_unit_test_setup(test_two_vcpus, setup),
        cmocka_unit_test_setup(test_late_counts, setup),
        cmocka_unit_test_setup(test_many_reasons, setup),
        cmocka_unit_test_setup(test_rips, setup),
        cmocka_unit_test_setup(test_many_rips, setup),
        cmocka_unit_test_setup(test_extremes, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
