/* The local APIC: every register, the priority rules, the errors and the IPIs, one by one; then
 * a million random operations against a second, dumb model of the priorities. */
#include "lapic_regs.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
        {TIMER, 0x700ff, 0},
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

static void test_no_register(void **state)
{
    (void)state;
    struct lapic l = fresh();
    for (u32 at = 0; at < LAPIC_SIZE; at++) { /* between registers: nothing, and no error */
        if (at % 16 == 0)
            continue;
        wr(&l, at, 0xffffffff);
        assert_int_equal(rd(&l, at), 0);
    }
    const struct lapic untouched = fresh();
    assert_int_equal(l.esr_pending, 0);
    assert_int_equal(rd(&l, TPR), untouched.tpr);
    assert_int_equal(rd(&l, TIMER), MASKED);
    for (u32 at = 0; at < 2 * LAPIC_SIZE; at += 16) {
        const bool reserved = at < ID || (at > VERSION && at < TPR) || (at > ESR && at < ICR_LOW) ||
                              (at > TMCCT && at != TDCR);
        assert_int_equal(rd(&l, at), rd(&l, at));
        assert_int_equal(errors(&l), reserved ? ILLEGAL_REGISTER : 0);
        if (at == ICR_LOW) /* 0: a vector that it may not send */
            continue;
        wr(&l, at, rd(&l, at));
        assert_int_equal(errors(&l), reserved ? ILLEGAL_REGISTER : 0);
    }
}

static void test_read_only(void **state)
{
    (void)state;
    struct lapic l = fresh();
    lapic_post(&l, 0x55);
    lapic_ack(&l);
    lapic_post(&l, 0xaa);
    const struct lapic before = l;
    for (u32 at = ISR; at < ESR; at += 16) {
        wr(&l, at, 0);
        wr(&l, at, 0xffffffff);
    }
    wr(&l, PPR, 0xff);
    wr(&l, TMCCT, 5);
    assert_memory_equal(&l, &before, sizeof(l));
    assert_int_equal(rd(&l, ISR + 0x20), 1u << 0x15);
    assert_int_equal(rd(&l, IRR + 0x50), 1u << 0xa);
    assert_int_equal(rd(&l, TMR + 0x50), 0);
}

/* A level-triggered message sets TMR, and its EOI is told; an edge takes TMR back. */
static void test_messages(void **state)
{
    (void)state;
    struct lapic l = fresh();
    lapic_message(&l, &(struct apic_message){.vector = 0x45, .level = true});
    assert_int_equal(rd(&l, TMR + 0x20), 1u << 5);
    assert_int_equal(lapic_ack(&l), 0x45);
    assert_int_equal(l.eoi, LAPIC_NO_VECTOR);
    wr(&l, EOI, 0);
    assert_int_equal(l.eoi, 0x45);
    l.eoi = LAPIC_NO_VECTOR;
    lapic_message(&l, &(struct apic_message){.vector = 0x45, .mode = DELIVER_LOWEST});
    assert_int_equal(rd(&l, TMR + 0x20), 0);
    assert_int_equal(lapic_ack(&l), 0x45);
    wr(&l, EOI, 0);
    assert_int_equal(l.eoi, LAPIC_NO_VECTOR);
    lapic_message(&l, &(struct apic_message){.vector = 0x46, .mode = DELIVER_SMI});
    assert_int_equal(lapic_pending(&l), LAPIC_NO_VECTOR);
    assert_false(l.nmi);
    lapic_message(&l, &(struct apic_message){.vector = 0x46, .mode = DELIVER_NMI});
    assert_true(l.nmi);
    lapic_message(&l, &(struct apic_message){.vector = 0x0f, .level = true});
    assert_int_equal(rd(&l, TMR), 0);
    assert_int_equal(errors(&l), RECEIVED_ILLEGAL);
    wr(&l, SVR, 0xff); /* off: nothing is taken */
    lapic_message(&l, &(struct apic_message){.vector = 0x47, .level = true});
    assert_int_equal(rd(&l, TMR + 0x20) | rd(&l, IRR + 0x20), 0);
}

static void test_destination(void **state)
{
    (void)state;
    struct lapic l = fresh(); /* ID 3 */
    for (unsigned d = 0; d < 256; d++)
        assert_int_equal(is_for(&l, d, false), d == 3 || d == 0xff);
    wr(&l, LDR, 0x14000000);
    for (unsigned d = 0; d < 256; d++)
        assert_int_equal(is_for(&l, d, true), (d & 0x14) || d == 0xff);
    wr(&l, DFR, 0x0fffffff); /* cluster 1, member 4 */
    for (unsigned d = 0; d < 256; d++)
        assert_int_equal(is_for(&l, d, true), (d >> 4 == 1 && (d & 4)) || d == 0xff);
}

static void test_priorities(void **state)
{
    (void)state;
    static const struct {
        u8 in_service, tpr, posted, ppr;
        bool delivered;
    } cases[] = {
        {0, 0, 0x10, 0, true},          {0, 0x10, 0x1f, 0x10, false},
        {0, 0x0f, 0x10, 0x0f, true},    {0x31, 0, 0x3f, 0x30, false},
        {0x31, 0, 0x40, 0x30, true},    {0x31, 0x2f, 0x40, 0x30, true},
        {0x31, 0x35, 0x40, 0x35, true}, {0x31, 0x45, 0x4f, 0x45, false},
        {0x31, 0x45, 0x50, 0x45, true}, {0xef, 0, 0xff, 0xe0, true},
        {0xf0, 0, 0xff, 0xf0, false},   {0, 0xff, 0xff, 0xff, false},
    };
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct lapic l = fresh();
        if (cases[i].in_service) {
            lapic_post(&l, cases[i].in_service);
            assert_int_equal(lapic_ack(&l), cases[i].in_service);
        }
        wr(&l, TPR, cases[i].tpr);
        lapic_post(&l, cases[i].posted);
        assert_int_equal(rd(&l, PPR), cases[i].ppr);
        assert_int_equal(lapic_pending(&l), cases[i].delivered ? cases[i].posted : LAPIC_NO_VECTOR);
        const u8 spurious = (u8)rd(&l, SVR);
        assert_int_equal(lapic_ack(&l), cases[i].delivered ? cases[i].posted : spurious);
        wr(&l, EOI, 0); /* the higher one */
        const bool left = cases[i].delivered && cases[i].in_service;
        assert_int_equal(rd(&l, ISR + 0x10), left && cases[i].in_service == 0x31 ? 1u << 0x11 : 0);
    }
}

static void test_software_disabled(void **state)
{
    (void)state;
    struct lapic l = fresh();
    lapic_post(&l, 0x40);
    lapic_post(&l, 0x60);
    lapic_ack(&l);
    wr(&l, TIMER, PERIODIC | 0x70);
    wr(&l, TMICT, 100);
    assert_true(l.deadline == 200);
    wr(&l, SVR, 0x2f);
    assert_int_equal(rd(&l, SVR), 0x2f);
    assert_true(l.deadline == NEVER);
    for (u32 at = TIMER; at <= ERROR; at += 16) {
        assert_true(rd(&l, at) & MASKED);
        wr(&l, at, 0x700);
        assert_true(rd(&l, at) & MASKED);
    }
    assert_false(lapic_takes_extint(&l));
    lapic_post(&l, 0x90); /* not taken */
    lapic_post(&l, 0x09);
    wr(&l, ICR_LOW, SELF | 0x91);
    assert_int_equal(errors(&l), 0);
    wr(&l, ICR_LOW, SELF | 0x400);
    assert_true(l.nmi);
    wr(&l, EOI, 0);
    assert_int_equal(lapic_ack(&l), 0x40); /* what was there stays */
    assert_int_equal(lapic_ack(&l), 0x2f);
    wr(&l, SVR, 0x1ff);
    assert_true(rd(&l, LINT0) & MASKED);
    wr(&l, LINT0, 0x700);
    assert_true(lapic_takes_extint(&l));
    for (u32 mode = 0; mode < 7; mode++) {
        wr(&l, LINT0, mode << 8);
        assert_false(lapic_takes_extint(&l));
    }
}

static void test_errors(void **state)
{
    (void)state;
    struct lapic l = fresh();
    wr(&l, ERROR, 0xfe);
    lapic_post(&l, 0x0f);
    assert_int_equal(rd(&l, ESR), 0); /* not latched yet */
    assert_int_equal(lapic_ack(&l), 0xfe);
    lapic_post(&l, 0x00); /* the same error: no second interrupt */
    assert_int_equal(lapic_pending(&l), LAPIC_NO_VECTOR);
    assert_int_equal(rd(&l, IRR + 0x70), 0);
    rd(&l, 0x40); /* another one */
    assert_int_equal(rd(&l, IRR + 0x70), 0x40000000);
    assert_int_equal(errors(&l), RECEIVED_ILLEGAL | ILLEGAL_REGISTER);
    assert_int_equal(rd(&l, ESR), RECEIVED_ILLEGAL | ILLEGAL_REGISTER); /* until the next write */
    assert_int_equal(errors(&l), 0);
    for (u32 v = 0; v < 16; v++) { /* the error interrupt's own vector is illegal */
        l = fresh();
        wr(&l, ERROR, v);
        wr(&l, 0x40, 0);
        assert_int_equal(errors(&l), ILLEGAL_REGISTER | RECEIVED_ILLEGAL);
        for (u32 at = IRR; at < ESR; at += 16)
            assert_int_equal(rd(&l, at), 0);
    }
    l = fresh();
    rd(&l, 0x40); /* masked */
    assert_int_equal(errors(&l), ILLEGAL_REGISTER);
    assert_int_equal(lapic_pending(&l), LAPIC_NO_VECTOR);
    for (u32 v = 0; v < 32; v++) { /* the timer's vector */
        l = fresh();
        wr(&l, TIMER, v);
        wr(&l, TMICT, 1);
        assert_int_equal(errors(&l), 0);
        lapic_tick(&l, 2);
        assert_int_equal(lapic_pending(&l), v < 16 ? LAPIC_NO_VECTOR : (int)v);
        assert_int_equal(l.irr[0], v < 16 ? 0 : 1u << v);
        assert_int_equal(errors(&l), v < 16 ? RECEIVED_ILLEGAL : 0);
    }
}

static void test_ipi(void **state)
{
    (void)state;
    static const struct {
        u32 ldr, dfr, high, low;
        bool reaches;
    } cases[] = {
        {0, ~0u, 0, SELF, true},        {0, ~0u, 0, ALL, true},
        {0, ~0u, 3, OTHERS, false},     {0, ~0u, 3, 0, true}, /* physical */
        {0, ~0u, 0, 0, false},          {0, ~0u, 2, 0, false},
        {0, ~0u, 0x13, 0, false},       {0, ~0u, 0xff, 0, true},
        {4, ~0u, 3, 0x800, false}, /* flat */
        {4, ~0u, 4, 0x800, true},       {4, ~0u, 0xfb, 0x800, false},
        {0x81, ~0u, 0x11, 0x800, true}, {0, ~0u, 0xff, 0x800, true},
        {0, ~0u, 0x7f, 0x800, false},   {0x21, 0, 0x21, 0x800, true}, /* cluster */
        {0x21, 0, 0x23, 0x800, true},   {0x21, 0, 0x22, 0x800, false},
        {0x21, 0, 0x31, 0x800, false},  {0x21, 0, 0x20, 0x800, false},
        {0x21, 0, 0xff, 0x800, true},   {0x21, 0x70000000, 0x21, 0x800, false}, /* no such model */
    };
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        for (u32 mode = 0; mode < 8; mode++) {
            struct lapic l = fresh();
            wr(&l, LDR, cases[i].ldr << 24);
            wr(&l, DFR, cases[i].dfr);
            wr(&l, ICR_HIGH, cases[i].high << 24);
            const u32 low = cases[i].low | mode << 8 | 0x4077;
            wr(&l, ICR_LOW, low | 0x1000);
            send_all(&l);
            assert_int_equal(rd(&l, ICR_LOW), low); /* never pending */
            const bool interrupts = mode < 2 && cases[i].reaches;
            assert_int_equal(lapic_pending(&l), interrupts ? 0x77 : LAPIC_NO_VECTOR);
            assert_int_equal(l.nmi, mode == 4 && cases[i].reaches);
            assert_int_equal(errors(&l), 0);
            wr(&l, ICR_LOW, (low & ~0xffu) | 0x0f);
            send_all(&l);
            const u32 want = (mode < 2 ? SEND_ILLEGAL : 0) | (interrupts ? RECEIVED_ILLEGAL : 0);
            assert_int_equal(errors(&l), want);
            assert_int_equal(l.irr[0], 0);
        }
    }
}

/* The priorities, in the words of the manual. */
struct dumb {
    bool irr[256], isr[256], enabled;
    u8 tpr, spurious;
};

static int dumb_highest(const bool set[256])
{
    int found = -1;
    for (int v = 0; v < 256; v++)
        if (set[v])
            found = v;
    return found;
}

static int dumb_ppr(const struct dumb *d)
{
    const int isrv = MAX(dumb_highest(d->isr), 0);
    return d->tpr / 16 >= isrv / 16 ? d->tpr : isrv / 16 * 16;
}

static int dumb_pending(const struct dumb *d)
{
    const int v = dumb_highest(d->irr);
    return v / 16 > dumb_ppr(d) / 16 ? v : LAPIC_NO_VECTOR;
}

static void check_bitmap(struct lapic *l, u32 at, const bool set[256])
{
    for (u32 word = 0; word < 8; word++) {
        u32 want = 0;
        for (u32 bit = 0; bit < 32; bit++)
            want |= (u32)set[word * 32 + bit] << bit;
        assert_int_equal(rd(l, at + word * 16), want);
    }
}

static void step(struct lapic *l, struct dumb *d)
{
    const u8 v = (u8)rand();
    int taken;
    switch (rand() % 8) {
    case 0:
    case 1:
        lapic_post(l, v);
        d->irr[v] |= d->enabled && v >= 16;
        break;
    case 2:
        wr(l, ICR_LOW, SELF | v);
        d->irr[v] |= d->enabled && v >= 16;
        break;
    case 3:
    case 4:
        taken = dumb_pending(d);
        assert_int_equal(lapic_ack(l), taken < 0 ? d->spurious : taken);
        if (taken >= 0) {
            d->irr[taken] = false;
            d->isr[taken] = true;
        }
        break;
    case 5:
        taken = dumb_highest(d->isr);
        wr(l, EOI, (u32)rand());
        if (taken >= 0)
            d->isr[taken] = false;
        break;
    case 6:
        d->tpr = rand() % 2 ? v : v % 0x30;
        wr(l, TPR, d->tpr);
        break;
    default:
        d->enabled = rand() % 8 != 0;
        d->spurious = v;
        wr(l, SVR, v | (d->enabled ? 0x100u : 0));
        break;
    }
}

static void test_against_model(void **state)
{
    (void)state;
    struct lapic l = fresh();
    struct dumb d = {.enabled = true, .spurious = 0xff};
    srand(7);
    for (unsigned i = 0; i < 1200000; i++) {
        step(&l, &d);
        assert_int_equal(lapic_pending(&l), dumb_pending(&d));
        if (i % 16)
            continue;
        assert_int_equal(rd(&l, PPR), dumb_ppr(&d));
        check_bitmap(&l, IRR, d.irr);
        check_bitmap(&l, ISR, d.isr);
        check_bitmap(&l, TMR, (const bool[256]){0}); /* every one is edge-triggered */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset),         cmocka_unit_test(test_writable_bits),
        cmocka_unit_test(test_no_register),   cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_priorities),    cmocka_unit_test(test_software_disabled),
        cmocka_unit_test(test_errors),        cmocka_unit_test(test_ipi),
        cmocka_unit_test(test_messages),      cmocka_unit_test(test_destination),
        cmocka_unit_test(test_against_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
