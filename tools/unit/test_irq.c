/* Event decisions: the priority table, every combination of the view against the rules that
 * VM entry enforces, and every pair of events against the manual's double-fault table. */
#include "vmm/irq.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define V  0x80000000u
#define GP 0x80000b0du
#define PF 0x80000b0eu
#define DF 0x80000b08u

static void test_table(void **state)
{
    (void)state;
    // clang-format off
    static const struct { const char *why; struct irq_view in; struct irq_plan want; } cases[] = {
        /* why                       in                                                want: inject, ack, irq window, nmi window */
        { "nothing",                 { .iflag = true },                                          { 0, false, false, false } },
        { "irq goes in",             { .irq = true, .iflag = true },                             { 0, true,  false, false } },
        { "cli: window",             { .irq = true },                                            { 0, false, true,  false } },
        { "sti shadow",              { .irq = true, .iflag = true, .sti_blocking = true },       { 0, false, true,  false } },
        { "mov ss shadow",           { .irq = true, .iflag = true, .movss_blocking = true },     { 0, false, true,  false } },
        { "nmi",                     { .nmi = true },                                            { 0x80000202, false, false, false } },
        { "nmi beats irq",           { .irq = true, .iflag = true, .nmi = true },                { 0x80000202, false, true,  false } },
        { "blocked nmi yields",      { .irq = true, .iflag = true, .nmi = true, .nmi_blocked = true }, { 0, true, false, true } },
        { "nmi in mov ss shadow",    { .nmi = true, .movss_blocking = true },                    { 0, false, false, true } },
        { "nmi in sti shadow",       { .nmi = true, .iflag = true, .sti_blocking = true },       { 0, false, true,  false } },
        { "#GP beats nmi",           { .nmi = true, .exception = GP },                           { GP, false, false, true } },
        { "#GP beats irq",           { .irq = true, .iflag = true, .exception = GP },            { GP, false, true,  false } },
        { "redelivered irq first",   { .irq = true, .iflag = true, .redeliver = V | 0x30 },      { V | 0x30, false, true, false } },
        { "redelivered nmi",         { .nmi = true, .nmi_blocked = true, .redeliver = V | 0x202 }, { V | 0x202, false, false, true } },
        { "undefined bits go",       { .redeliver = V | 0x7ffff000 | 0x30 },                     { V | 0x30, false, false, false } },
        { "software int as it was",  { .redeliver = V | 0x480 },                                 { V | 0x480, false, false, false } },
        { "invalid is nothing",      { .redeliver = 0x30, .exception = 0xb0d },                  { 0, false, false, false } },
        { "fault in a fault",        { .redeliver = GP, .exception = GP },                       { DF, false, false, false } },
        { "fault in an interrupt",   { .redeliver = V | 0x30, .exception = GP },                 { GP, false, false, false } },
        { "fault in a double fault", { .redeliver = DF, .exception = PF, .nmi = true, .irq = true, .iflag = true },
                                                                                                 { IRQ_TRIPLE_FAULT, false, false, false } },
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct irq_plan got = irq_plan(&cases[i].in), *want = &cases[i].want;
        if (got.inject != want->inject || got.ack_irq != want->ack_irq ||
            got.irq_window != want->irq_window || got.nmi_window != want->nmi_window)
            fail_msg("%s: %#x ack %d irq window %d nmi window %d", cases[i].why, got.inject,
                     got.ack_irq, got.irq_window, got.nmi_window);
    }
}

static const u32 events[] = {0,  0x30, V | 0x30,  V | 0x202, GP,
                             PF, DF,   V | 0x301, V | 0x480, V | 0x603};

/* SDM Vol. 3C, "Checks on Guest Non-Register State", and: nothing is lost. */
static void check_view(const struct irq_view *v)
{
    const struct irq_plan p = irq_plan(v);
    const bool shadow = v->sti_blocking || v->movss_blocking;

    if (p.inject == IRQ_TRIPLE_FAULT) {
        assert_int_equal(irq_merge(v->redeliver, v->exception), IRQ_TRIPLE_FAULT);
        return;
    }
    const bool begun = (v->redeliver | v->exception) & V;
    const bool new_nmi = p.inject == IRQ_NMI && !begun;
    assert_int_equal(p.inject & 0x7ffff000, 0);
    assert_true(p.inject == 0 || (p.inject & V));
    if (begun)
        assert_int_equal(p.inject, irq_merge(v->redeliver, v->exception));
    if (p.ack_irq)
        assert_true(p.inject == 0 && v->irq && v->iflag && !shadow);
    if (new_nmi)
        assert_true(v->nmi && !v->nmi_blocked && !shadow);
    if (v->irq) /* goes now, or a window will say when */
        assert_true(p.ack_irq != p.irq_window);
    if (v->nmi) {
        assert_true(new_nmi || p.nmi_window || p.irq_window);
        assert_false(new_nmi && p.nmi_window);
        if (!new_nmi && !p.nmi_window) /* only where the interrupt window opens for sure */
            assert_true(v->sti_blocking && v->iflag && !v->nmi_blocked);
    }
    if (!v->nmi)
        assert_false(p.nmi_window);
    if (!v->nmi && !v->irq)
        assert_false(p.irq_window);
    if (!begun && v->nmi && !v->nmi_blocked && !shadow)
        assert_true(new_nmi);
    if (!begun && !new_nmi && v->irq && v->iflag && !shadow)
        assert_true(p.ack_irq);
}

static void test_every_view(void **state)
{
    (void)state;
    for (size_t a = 0; a < ARRAY_LEN(events); a++)
        for (size_t b = 0; b < ARRAY_LEN(events); b++)
            for (u32 bits = 0; bits < 64; bits++) {
                const struct irq_view v = {
                    .redeliver = events[a],
                    .exception = events[b],
                    .nmi = bits & 1,
                    .nmi_blocked = bits & 2,
                    .irq = bits & 4,
                    .iflag = bits & 8,
                    .sti_blocking = bits & 16,
                    .movss_blocking = bits & 32,
                };
                check_view(&v);
            }
}

/* The manual's classes, as it lists them. */
static char class_letter(u32 type, u32 vector)
{
    if (type != 3)
        return 'b';
    switch (vector) {
    case 8: return 'd';
    case 0:
    case 10:
    case 11:
    case 12:
    case 13:
    case 21: return 'c';
    case 14:
    case 20: return 'p';
    default: return 'b';
    }
}

static void test_every_pair(void **state)
{
    (void)state;
    u32 doubles = 0, triples = 0;

    for (u32 first = 0; first < 8 * 256; first++)
        for (u32 second = 0; second < 8 * 256; second++) {
            const u32 a = V | (first / 256) << 8 | first % 256;
            const u32 b = V | (second / 256) << 8 | second % 256;
            const char ca = class_letter(first / 256, first % 256);
            const char cb = class_letter(second / 256, second % 256);
            u32 want = b;
            if ((ca == 'c' && cb == 'c') || (ca == 'p' && (cb == 'c' || cb == 'p')))
                want = DF, doubles++;
            if (ca == 'd' && cb != 'b')
                want = IRQ_TRIPLE_FAULT, triples++;
            if (irq_merge(a, b) != want)
                fail_msg("%#x then %#x: %#x", a, b, irq_merge(a, b));
        }
    assert_int_equal(doubles, 6 * 6 + 2 * 8);
    assert_int_equal(triples, 9);
}

static void test_merge_edges(void **state)
{
    (void)state;
    assert_int_equal(irq_merge(0, 0), 0);
    assert_int_equal(irq_merge(0, GP), GP);
    assert_int_equal(irq_merge(GP, 0), GP);
    assert_int_equal(irq_merge(0xb0d, GP), GP);
    assert_int_equal(irq_merge(GP, 0xb0d), GP);
    assert_int_equal(irq_merge(0xb0d, 0xb0d), 0);
    assert_int_equal(irq_merge(IRQ_TRIPLE_FAULT, 0), IRQ_TRIPLE_FAULT);
    assert_int_equal(irq_merge(IRQ_TRIPLE_FAULT, GP), IRQ_TRIPLE_FAULT);
    assert_int_equal(irq_merge(irq_merge(irq_merge(PF, PF), PF), V | 0x301), IRQ_TRIPLE_FAULT);
    assert_int_equal(irq_merge(V | 0x7ffff30d, V | 0x7ffff30d), DF); /* undefined bits */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_every_view),
        cmocka_unit_test(test_every_pair),
        cmocka_unit_test(test_merge_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
