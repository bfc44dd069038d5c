/* control/manage/: stats, cpus, audit, trace and top GUEST, on a world of two CPUs. */
#include "control/manage/manage.h"
#include "control/manage/trace_reader.h"
#include "tools/unit/shell_said.h"

#define HZ    1000000ull
#define START 5000000ull
#define CPUS  2u

enum exit_reason {
#define EXIT_REASON(number, name) EXIT_##name = (number),
#include "abi/exit_reasons.def"
};

static struct manage m;
static struct abi_vcpu_stats stats[2]; /* of guest web's vCPUs */
static struct trace_ring ring[CPUS];
static bool gone;
static u32 audits, reads;

static bool fake_guest(u32 number, struct manage_guest *g)
{
    if (number == 1)
        *g = (struct manage_guest){.name = "web",
                                   .state = "runs",
                                   .lives = !gone,
                                   .vcpus = 2,
                                   .exits = 1000,
                                   .ticks = 100000,
                                   .lintel = 1200,
                                   .asleep = 98760,
                                   .cpu = {0, 1}};
    else if (number == 3)
        *g = (struct manage_guest){.name = "db", .state = "runs", .lives = true, .vcpus = 1};
    else if (number == 4)
        *g = (struct manage_guest){.name = "old", .state = "ended", .vcpus = 4};
    else
        return false;
    return true;
}

static bool fake_vcpu(u32 number, u32 vcpu, struct abi_vcpu_stats *s)
{
    if (number != 1 || vcpu >= ARRAY_LEN(stats) || gone)
        return false;
    *s = stats[vcpu];
    return true;
}

static bool fake_cpu(u32 cpu, struct abi_cpu_stats *s)
{
    if (cpu >= CPUS)
        return false;
    *s = (struct abi_cpu_stats){
        .now = START + 10 * HZ, .busy = 5 * HZ / 2, .vcpus = 2 - cpu, .traced = ring[cpu].written};
    s->began = cpu ? 0 : START;
    return true;
}

/* As vmm/hc_stats.c does it. */
static u32 fake_trace(u32 cpu, u64 position, struct trace_record *to, u32 most)
{
    const struct trace_ring *const r = &ring[cpu];

    assert_true(cpu < CPUS && most <= ABI_TRACE_MAX && position + most <= r->written);
    assert_true(position % TRACE_RECORDS + most <= TRACE_RECORDS);
    reads++;
    if (r->written - position >= TRACE_RECORDS)
        return 0;
    memcpy(to, &r->record[position % TRACE_RECORDS], most * sizeof(*to));
    return most;
}

static u64 fake_audit(void)
{
    audits++;
    return 4096;
}

static bool fake_disk(u32 n, struct manage_disk *d)
{
    *d = (struct manage_disk){"web", "disk0", "ide1:one", "writeback", 3 * MiB, false, 30, 1};
    return n < 2;
}

static bool fake_port(u32 n, struct manage_port *p)
{
    *p = (struct manage_port){"web", "net0", "lan", {{0x52, 0x54, 0, 0xa, 0xb, 0xc}}, true, 30,
                              20,    3,      4};
    return n < 1;
}

static const struct manage_world world = {
    .tsc_hz = HZ,
    .partitions = 5,
    .guest = fake_guest,
    .vcpu = fake_vcpu,
    .cpu = fake_cpu,
    .trace = fake_trace,
    .audit = fake_audit,
    .disk = fake_disk,
    .port = fake_port,
};

static int fresh(void **state)
{
    (void)state;
    gone = false;
    audits = reads = 0;
    memset(stats, 0, sizeof(stats));
    memset(ring, 0, sizeof(ring));
    manage_init(&m, &world);
    shell_fresh(&m.actions);
    return 0;
}

static bool has(const char *line, const char *what)
{
    return strstr(run(line), what) != NULL;
}

static void exits(u32 vcpu, u32 reason, u64 count, u64 ticks)
{
    stats[vcpu].exit[reason] =
        (struct abi_exit_stats){count, count * ticks, ticks, ticks + 1, ticks + 2, ticks + 3};
}

static void record(u32 cpu, u64 tsc, u32 event, u32 who, u64 b)
{
    ring[cpu].record[ring[cpu].written++ % TRACE_RECORDS] = (struct trace_record){
        .tsc = tsc, .event = (u16)event, .vcpu = (u16)who, .a = 7, .b = b, .c = 9};
}

/* ------------------------------------------------------------ stats */

static void test_stats(void **state)
{
    (void)state;
    assert_string_equal(
        run("stats"),
        "guest             exits Lintel asleep  requests errors      sent  received\r\n"
        "web                1000   1.2%  98.8%        60      2        30        20\r\n"
        "db                    0   0.0%   0.0%         0      0         0         0\r\n");
    assert_true(has("domstats --json", "\"requests\": 60"));
    assert_true(has("stats old", "old does not run; 'start' starts it"));
    assert_true(has("stats old --json", "\"error\""));
}

static void test_stats_of_one(void **state)
{
    (void)state;
    exits(0, EXIT_IO, 30, 100);
    exits(1, EXIT_IO, 10, 200);
    exits(1, EXIT_CPUID, 60, 50);
    for (u32 i = 0; i < 2; i++) {
        stats[i].ticks = 10000;
        stats[i].lintel = 1000 * i;
        stats[i].asleep = 2500;
        stats[i].waiting = 500;
        stats[i].injected = 3;
        stats[i].msrs_refused = 2;
        stats[i].ports_refused = 5;
        stats[i].cpu = i;
    }
    assert_string_equal(
        run("stats web"),
        "guest             exits Lintel asleep  requests errors      sent  received\r\n"
        "web                1000   1.2%  98.8%        60      2        30        20\r\n"
        "exit                        count  share     mean   median      p99        max\r\n"
        "CPUID                          60  60.0%       50       51       52         53\r\n"
        "IO                             40  40.0%      125      201      202        203\r\n"
        "vCPU CPU            ticks Lintel asleep waiting interrupts bad MSRs bad ports\r\n"
        "all  -              20000   5.0%  25.0%    5.0%          6        4         5\r\n"
        "0    0              10000   0.0%  25.0%    5.0%          3        2         5\r\n"
        "1    1              10000  10.0%  25.0%    5.0%          3        2         5\r\n");
    assert_true(has("stats web --json", "\"exit\": \"CPUID\""));
    assert_true(has("stats web --json", "\"vcpu\": \"all\""));
    assert_true(has("stats web --json", "\"asleep\": 2500"));
    assert_false(has("stats db", "all "));
}

static void test_cpus(void **state)
{
    (void)state;
    assert_string_equal(run("cpus"), "CPU  vCPUs   busy of seconds\r\n"
                                     "  0      2  25.0%         10\r\n"
                                     "  1      1   0.0%          0\r\n");
    assert_true(has("cpus --json", "\"busy\": \"25.0%\""));
}

static void test_audit(void **state)
{
    (void)state;
    assert_true(has("audit", "all page tables are in order; 4096 KiB of memory are free"));
    assert_true(has("audit --json", "\"message\": \"all page"));
    assert_int_equal(audits, 2);
}

/* ------------------------------------------------------------ trace */

static void some_events(void)
{
    record(0, START + 1, TRACE_EXIT + EXIT_CPUID, 0x0000, 0x1234);
    record(1, START + 2, TRACE_INJECT, 0x0001, 5);
    record(0, START + 3, TRACE_EXIT + EXIT_IO, 0x0200, 0x5678);
    record(1, START + 4, TRACE_HOST_IRQ, 0xffff, 0);
    record(0, START + 5, TRACE_EXIT + EXIT_VMCALL, 0x0400, 0);
    record(1, START + 6, 0x99, 0x0001, 0);
    record(0, START + 90, TRACE_WAIT, 0x0000, 0); /* in the making */
    record(1, START + 91, TRACE_WAIT, 0x0000, 0);
}

static void test_trace(void **state)
{
    static const char all[] =
        "        time CPU guest      event            \r\n"
        "    5.000001   0 web/0      CPUID            rip=1234 qual=9 ticks=7\r\n"
        "    5.000002   1 web/1      INJECT           7 5 9\r\n"
        "    5.000003   0 db/0       IO               rip=5678 qual=9 ticks=7\r\n"
        "    5.000004   1 -          HOST_IRQ         7 0 9\r\n"
        "    5.000006   1 web/1      ?                7 0 9\r\n";

    (void)state;
    assert_string_equal(run("trace --lines 1"),
                        "        time CPU guest      event            \r\n");
    some_events();
    assert_string_equal(run("trace"), all);
    assert_true(has("trace --all", "    5.000005   0 (control)  VMCALL "));
    assert_true(has("trace --lines 2", "event            \r\n    5.000004 "));
    assert_true(has("trace web", "web/1      ? "));
    assert_false(has("trace web", "db"));
    assert_false(has("trace web", "HOST_IRQ"));
    assert_true(has("trace IO", "event            \r\n    5.000003   0 db/0       IO "));
    assert_false(has("trace IO", "web"));
    assert_true(has("trace INJECT --json", "\"vcpu\": \"web/1\""));
    assert_true(has("trace old", "event            \r\n"));
    assert_true(has("trace nonsense", "'nonsense' is no guest and no event; Tab lists both"));
}

/* A ring that has been overwritten often gives what is kept, whole blocks of it, in order. */
static void test_full_ring(void **state)
{
    struct trace_reader r;
    const struct trace_record *last, *next;
    u32 count = 0;
    u64 tsc = 0;

    (void)state;
    assert_false(trace_reader_begin(&r, &world, CPUS));
    assert_true(trace_reader_begin(&r, &world, 0));
    assert_null(trace_reader_back(&r)); /* it is empty */
    for (u64 i = 0; i < 3 * TRACE_RECORDS + 10; i++)
        record(0, i, TRACE_WAIT, 0, 0);
    assert_true(trace_reader_begin(&r, &world, 0));
    for (last = NULL; (next = trace_reader_back(&r)); last = next, count++) {
        assert_int_equal(next->tsc, last ? tsc - 1 : 3 * TRACE_RECORDS + 9);
        tsc = next->tsc;
    }
    assert_null(trace_reader_back(&r));
    assert_true(count > TRACE_RECORDS - ABI_TRACE_MAX && count < TRACE_RECORDS);
    assert_int_equal(reads, TRACE_RECORDS / ABI_TRACE_MAX + 1);
}

/* ------------------------------------------------------------ top */

static const char *look(void)
{
    said_nothing();
    top_look(&m.top, &world, &shell.out);
    return said;
}

static void now(u64 tsc)
{
    stats[0].now = stats[1].now = tsc;
}

/* The first picture at once, the second over it; exits of others, and old ones, are not seen, nor
 * what the newest record of a ring says but when. */
static void test_top(void **state)
{
    (void)state;
    stats[0].start = stats[1].start = START;
    now(START + HZ);
    record(0, START - 1, TRACE_EXIT + EXIT_IO, 0x0000, 0xbad); /* of the life before */
    record(0, START + 1, TRACE_EXIT + EXIT_HLT, 0x0000, 0x1111);
    record(1, START + 2, TRACE_EXIT + EXIT_IO, 0x0001, 0x2222);
    record(1, START + 3, TRACE_EXIT + EXIT_IO, 0x0200, 0xbad);
    record(0, START + 4, TRACE_EXIT + EXIT_HLT, 0x0000, 0xbad); /* in the making, for all we know */
    assert_true(has("top web", "\x1b[H\x1b[7mLintel: guest web"));
    assert_non_null(strstr(said, "since its start of 2 vCPUs; any key ends"));
    assert_non_null(strstr(said, "of the last 2 exits\x1b[m"));
    assert_null(strstr(said, "bad"));
    assert_non_null(strstr(said, "\x1b[K\r\n\x1b[J"));
    assert_true(m.top.on);

    exits(0, EXIT_CPUID, 100, 1000);
    stats[0].sleeps = 1; /* since its HLT, before the first look */
    now(START + 3 * HZ);
    record(1, START + 2 * HZ, TRACE_EXIT + EXIT_IO, 0x0001, 0x3333);
    record(1, START + 3, TRACE_EXIT + EXIT_IO, 0x0001, 0xbad); /* in the making: all of it is old */
    record(0, START + 2 * HZ, TRACE_EXIT + EXIT_IO, 0x0200, 0xbad);
    record(0, START + 3 * HZ - 1, TRACE_EXIT + EXIT_IO, 0x0001, 0xbad); /* all but the time */
    assert_non_null(strstr(look(), "the last 2.0 s of 2 vCPUs"));
    assert_non_null(strstr(said, "CPUID                            50   100.0%"));
    assert_non_null(strstr(said, "0000000000003333                  1   100.0%"));
    assert_null(strstr(said, "bad"));
    assert_non_null(strstr(said, ". waiting  75.0%"));

    stats[0].start = START + 4 * HZ; /* another life */
    stats[0].sleeps = 0;
    now(START + 5 * HZ);
    assert_non_null(strstr(look(), "since its start"));
    gone = true;
    assert_non_null(strstr(look(), "it does not run; 'start' starts it"));
    assert_false(m.top.on);
}

static void test_top_once(void **state)
{
    (void)state;
    stats[0].start = START;
    exits(0, EXIT_CPUID, 100, 1000);
    now(START + HZ);
    record(0, START + 5, TRACE_EXIT + EXIT_CPUID, 0x0000, 0x1234);
    record(0, START + 6, TRACE_INJECT, 0x0000, 0);
    assert_memory_equal(run("top web --once"), "Lintel: guest web ", 18);
    assert_null(strchr(said, '\x1b'));
    assert_false(m.top.on);
    assert_true(has("top web --once --json", "\"elapsed_ms\": 1000"));
    assert_non_null(strstr(said, "\"exit\": \"CPUID\""));
    assert_non_null(strstr(said, "\"rate\": 100"));
    assert_non_null(strstr(said, "\"rip\": \"0000000000001234\""));
    assert_true(has("top old", "it does not run"));
    assert_true(has("top old --json", "\"error\": \"it does not run"));
    assert_false(m.top.on);
}

/* Each picture of several is a JSON text of its own. */
static void test_top_json(void **state)
{
    (void)state;
    now(START + HZ);
    assert_true(has("top web --json", "}\r\n"));
    assert_true(m.top.on);
    assert_memory_equal(look(), "{", 1);
    assert_non_null(strstr(said, "}\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_stats, fresh),
        cmocka_unit_test_setup(test_stats_of_one, fresh),
        cmocka_unit_test_setup(test_cpus, fresh),
        cmocka_unit_test_setup(test_audit, fresh),
        cmocka_unit_test_setup(test_trace, fresh),
        cmocka_unit_test_setup(test_full_ring, fresh),
        cmocka_unit_test_setup(test_top, fresh),
        cmocka_unit_test_setup(test_top_once, fresh),
        cmocka_unit_test_setup(test_top_json, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
