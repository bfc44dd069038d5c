/* control/machine/lines.h: sharing, and interrupts that are nobody's. */
#include "control/machine/lines.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct device {
    struct io_irq irq;
    bool pending;
    struct lines *frees; /* not NULL: its handler detaches it */
};

static bool handler(void *arg)
{
    struct device *const d = arg;
    const bool mine = d->pending;

    d->pending = false;
    if (d->frees)
        (void)lines_remove(d->frees, &d->irq);
    return mine;
}

static void attach(struct lines *l, struct device *d, u32 line)
{
    *d = (struct device){.irq = {.handler = handler, .arg = d}};
    assert_int_equal(lines_add(l, line, true, &d->irq), OK);
}

static void test_shared(void **state)
{
    static struct lines l;
    struct device a, b, other;

    (void)state;
    l = (struct lines){0};
    attach(&l, &a, 11);
    attach(&l, &b, 11);
    attach(&l, &other, 10);
    assert_true(a.irq.id != 0 && b.irq.id != 0 && a.irq.id != b.irq.id);
    b.pending = true;
    assert_int_equal(lines_serve(&l, 11), LINE_TAKEN);
    assert_true(a.irq.count == 1 && b.irq.count == 1 && other.irq.count == 0);
    assert_int_equal(lines_serve(&l, 11), LINE_MISS);
    assert_int_equal(lines_remove(&l, &a.irq), 11);
    b.pending = true;
    assert_int_equal(lines_serve(&l, 11), LINE_TAKEN);
    assert_int_equal(a.irq.count, 2);
    b.pending = true;
    b.frees = &l;
    assert_int_equal(lines_serve(&l, 11), LINE_IDLE); /* nobody is left to make the line low */
}

static void test_refused(void **state)
{
    static struct lines l;
    struct device device[LINE_USERS + 1];

    (void)state;
    l = (struct lines){0};
    assert_int_equal(lines_add(&l, LINES, true, &device[0].irq), E_NOENT);
    for (u32 i = 0; i < LINE_USERS; i++)
        attach(&l, &device[i], LINES - 1);
    assert_int_equal(lines_add(&l, LINES - 1, true, &device[LINE_USERS].irq), E_NOMEM);
    assert_int_equal(lines_add(&l, LINES - 1, false, &device[LINE_USERS].irq), E_INVAL);
    for (u32 i = 0; i < LINE_USERS; i++)
        assert_int_equal(lines_remove(&l, &device[i].irq), LINES - 1);
    assert_int_equal(lines_add(&l, LINES - 1, false, &device[LINE_USERS].irq), OK);
}

static void test_storm(void **state)
{
    static struct lines l;
    struct device d;

    (void)state;
    l = (struct lines){0};
    attach(&l, &d, 5);
    for (u32 round = 0; round < 2; round++) {
        for (u32 i = 1; i < LINE_NOBODY; i++)
            assert_int_equal(lines_serve(&l, 5), LINE_MISS);
        d.pending = round == 0;
        assert_int_equal(lines_serve(&l, 5), round == 0 ? LINE_TAKEN : LINE_STORM);
    }
    /* Edges that nobody takes are no storm. */
    assert_int_equal(lines_add(&l, 6, false, &d.irq), OK);
    for (u32 i = 0; i < 2 * LINE_NOBODY; i++)
        assert_int_equal(lines_serve(&l, 6), LINE_MISS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_storm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
