/* The ledger of exits per operation: what marks count, which marks are refused, what is said. */
#include "tools/unit/said.h"
#include "vmm/ledger_report.h"

static u64 counts[EXIT_REASONS];
static struct ledger l;

static int setup(void **state)
{
    (void)state;
    memset(counts, 0, sizeof(counts));
    ledger_start(&l);
    said_nothing();
    return 0;
}

static void exits(u32 reason, u64 count)
{
    counts[reason] += count;
}

static void test_counts(void **state)
{
    const struct ledger_entry *e = &l.op[LEDGER_OP_syscall];

    (void)state;
    exits(EXIT_CPUID, 100);
    assert_true(ledger_end(&l, counts, LEDGER_OP_boot, 0));
    assert_int_equal(l.op[LEDGER_OP_boot].count, 1);
    assert_int_equal(l.op[LEDGER_OP_boot].exits[EXIT_CPUID], 100);

    for (u32 i = 1; i <= 3; i++) {
        assert_true(ledger_begin(&l, counts, LEDGER_OP_syscall, EXIT_VMCALL));
        exits(EXIT_VMCALL, 1); /* the mark's own */
        exits(EXIT_CPUID, 10);
        exits(EXIT_IO, 2);
        assert_true(ledger_end(&l, counts, LEDGER_OP_syscall, 20));
        exits(EXIT_VMCALL, 1);
        assert_int_equal(e->count, 20 * i);
        assert_int_equal(e->exits[EXIT_CPUID], 10 * i);
        assert_int_equal(e->exits[EXIT_IO], 2 * i);
        assert_int_equal(ledger_exits(e), 12 * i);
        exits(EXIT_HLT, 5); /* between operations: nobody's */
    }
    assert_int_equal(l.refused, 0);
}

static void test_marks_by_port(void **state)
{
    (void)state;
    assert_true(ledger_write(&l, counts, LEDGER_END | LEDGER_OP_boot));
    assert_true(ledger_write(&l, counts, LEDGER_OP_user7));
    exits(EXIT_IO, 3);
    assert_true(ledger_write(&l, counts, LEDGER_END | LEDGER_OP_user7 | 0xffffff00));
    assert_int_equal(l.op[LEDGER_OP_user7].count, LEDGER_TIMES_MAX);
    assert_int_equal(l.op[LEDGER_OP_user7].exits[EXIT_IO], 2);

    /* Both marks of a REP OUTS: its exit is counted behind them. */
    assert_true(ledger_write(&l, counts, LEDGER_OP_user6));
    assert_true(ledger_write(&l, counts, LEDGER_END | LEDGER_OP_user6));
    assert_int_equal(l.op[LEDGER_OP_user6].count, 1);
    assert_int_equal(ledger_exits(&l.op[LEDGER_OP_user6]), 0);
    assert_int_equal(l.refused, 0);
}

static void test_refusals(void **state)
{
    static const u64 unknown[] = {9,
                                  15,
                                  24,
                                  LEDGER_OPS - 1,
                                  LEDGER_OPS,
                                  0x7f,
                                  LEDGER_NONE,
                                  BIT(32),
                                  BIT(32) | LEDGER_OP_user0,
                                  ~0ull};
    struct ledger copy;
    u64 refused = 0;

    (void)state;
#define REFUSED(call)                                                                              \
    do {                                                                                           \
        copy = l;                                                                                  \
        assert_false(call);                                                                        \
        copy.refused = ++refused;                                                                  \
        assert_memory_equal(&l, &copy, sizeof(l));                                                 \
    } while (0)
    REFUSED(ledger_begin(&l, counts, LEDGER_OP_boot, EXIT_IO)); /* nested */
    REFUSED(ledger_begin(&l, counts, LEDGER_OP_ipi, EXIT_IO));
    REFUSED(ledger_end(&l, counts, LEDGER_OP_ipi, 1)); /* not the one that is open */
    REFUSED(ledger_end(&l, counts, LEDGER_OP_boot, LEDGER_TIMES_MAX + 1));
    REFUSED(ledger_end(&l, counts, LEDGER_OP_boot, ~0ull));
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        REFUSED(ledger_end(&l, counts, unknown[i], 1));
    assert_true(ledger_end(&l, counts, LEDGER_OP_boot, 1));
    REFUSED(ledger_end(&l, counts, LEDGER_OP_boot, 1));
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        REFUSED(ledger_begin(&l, counts, unknown[i], EXIT_IO));
        REFUSED(ledger_end(&l, counts, unknown[i], 1));
    }
    REFUSED(ledger_write(&l, counts, LEDGER_OP_user0 | 0x100)); /* how many, at a beginning */
    REFUSED(ledger_write(&l, counts, 0x7f));
    REFUSED(ledger_write(&l, counts, 0xff));
#undef REFUSED
}

/* 200,000 marks without any sense: never more than the exits that there were, and each exit in at
 * most one operation. */
static void test_nonsense(void **state)
{
    u64 random = 88172645463325252ull, happened = 0, counted = 0, good = 0;

    (void)state;
    for (u32 i = 0; i < 200000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        exits((u32)(random >> 40) % EXIT_REASONS, random >> 60);
        happened += random >> 60;
        good += ledger_write(&l, counts, (u32)random & (random & BIT(33) ? 0x91 : 0xff));
        exits(EXIT_IO, 1);
        happened++;
    }
    for (u32 op = 0; op < LEDGER_OPS; op++) {
        assert_true(l.op[op].count == 0 || ledger_op_name(op));
        counted += ledger_exits(&l.op[op]);
    }
    assert_true(good > 1000);
    assert_int_equal(l.refused, 200000 - good);
    assert_true(counted > 0 && counted <= happened);
}

static void test_report(void **state)
{
    struct ledger_entry *e = &l.op[LEDGER_OP_syscall];

    (void)state;
    e->count = 1000;
    e->exits[EXIT_CPUID] = 20;
    e->exits[EXIT_IO] = 2001;
    l.op[LEDGER_OP_page_fault].count = 7;
    l.refused = 3;
    ledger_report("g", &l);
    expect_said("guest g: exits per operation; marks refused: 3, not ended: boot\n");
    expect_said("  syscall             1000       2.021   2.001 IO  0.020 CPUID\n");
    expect_said("  page_fault             7       0.000 \n");
    expect_said("  packet            absent\n");
    assert_null(strstr(said, "user0"));
    expect_said("LINTEL-LEDGER guest=g op=page_fault count=7 exits=0\n");
    expect_said("LINTEL-LEDGER guest=g op=syscall count=1000 exits=2021 CPUID:20 IO:2001\n");
    expect_said("LINTEL-LEDGER-MARKS guest=g refused=3 open=boot\n");

    /* Every reason: none is lost, no line is too long. */
    u64 items = 0;

    for (u32 i = 0; i < EXIT_REASONS; i++)
        e->exits[i] = ~0ull / 1000 / EXIT_REASONS - i;
    l.open = LEDGER_NONE;
    said_nothing();
    ledger_report("g", &l);
    for (const char *at = said; (at = strstr(at, "LINTEL-LEDGER ")); at++)
        for (const char *c = at; *c != '\n'; c++)
            items += *c == ':';
    assert_int_equal(items, EXIT_REASONS);
    expect_said("refused=3 open=-\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_counts, setup),
        cmocka_unit_test_setup(test_marks_by_port, setup),
        cmocka_unit_test_setup(test_refusals, setup),
        cmocka_unit_test_setup(test_nonsense, setup),
        cmocka_unit_test_setup(test_report, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
