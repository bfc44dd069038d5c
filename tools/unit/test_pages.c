/* control/pages.c, against a table of what is given out. */
#include "control/pages.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define FIRST 0x200000ull
#define COUNT 100u

static struct pages p;

static void test_bounds(void **state)
{
    (void)state;
    pages_init(&p, FIRST + 1, FIRST + 3 * PAGE_SIZE - 1);
    assert_int_equal(p.count, 1);
    assert_int_equal(pages_take(&p, 2), 0);
    assert_int_equal(pages_take(&p, 0), 0);
    assert_int_equal(pages_take(&p, 1), FIRST + PAGE_SIZE);
    assert_int_equal(pages_take(&p, 1), 0);
    pages_init(&p, FIRST, FIRST);
    assert_int_equal(p.count, 0);
    pages_init(&p, FIRST, 4 * GiB);
    assert_int_equal(p.count, PAGES_MAX);
}

static void test_returns(void **state)
{
    (void)state;
    pages_init(&p, FIRST, FIRST + COUNT * PAGE_SIZE);
    assert_int_equal(pages_take(&p, 10), FIRST);
    assert_int_equal(pages_give_back(&p, FIRST, 11), E_NOENT);
    assert_int_equal(pages_give_back(&p, FIRST + 1, 1), E_RANGE);
    assert_int_equal(pages_give_back(&p, FIRST - PAGE_SIZE, 1), E_RANGE);
    assert_int_equal(pages_give_back(&p, FIRST + COUNT * PAGE_SIZE, 1), E_RANGE);
    assert_int_equal(pages_give_back(&p, FIRST, COUNT + 1), E_RANGE);
    assert_int_equal(pages_give_back(&p, FIRST, 0), E_RANGE);
    assert_int_equal(p.free, COUNT - 10);
    assert_int_equal(pages_give_back(&p, FIRST + 3 * PAGE_SIZE, 4), OK);
    assert_int_equal(pages_take(&p, 5), FIRST + 10 * PAGE_SIZE); /* the gap is too small */
    assert_int_equal(pages_take(&p, 4), FIRST + 3 * PAGE_SIZE);
    assert_int_equal(p.free, COUNT - 15);
}

static void test_reserve(void **state)
{
    (void)state;
    pages_init(&p, FIRST, FIRST + COUNT * PAGE_SIZE);
    assert_int_equal(pages_reserve(&p, FIRST + 3 * PAGE_SIZE, 4), OK);
    assert_int_equal(p.free, COUNT - 4);
    assert_int_equal(pages_reserve(&p, FIRST + 6 * PAGE_SIZE, 2), E_EXIST);
    assert_int_equal(pages_reserve(&p, FIRST + 7 * PAGE_SIZE, COUNT - 6), E_RANGE);
    assert_int_equal(pages_reserve(&p, FIRST + 1, 1), E_RANGE);
    assert_int_equal(pages_reserve(&p, FIRST, 0), E_RANGE);
    assert_int_equal(p.free, COUNT - 4);
    assert_int_equal(pages_take(&p, 4), FIRST + 7 * PAGE_SIZE);
    assert_int_equal(pages_give_back(&p, FIRST + 3 * PAGE_SIZE, 4), OK);
}

/* Nothing is given out twice, and all comes back. */
static void test_random(void **state)
{
    static struct {
        u64 at;
        u32 count;
    } held[COUNT];
    static bool used[COUNT];

    (void)state;
    srand(7);
    pages_init(&p, FIRST, FIRST + COUNT * PAGE_SIZE);
    for (u32 round = 0; round < 20000; round++) {
        const u32 i = (u32)rand() % COUNT;

        if (held[i].count) {
            for (u32 n = 0; n < held[i].count; n++)
                used[(held[i].at - FIRST) / PAGE_SIZE + n] = false;
            assert_int_equal(pages_give_back(&p, held[i].at, held[i].count), OK);
            held[i].count = 0;
            continue;
        }
        held[i].count = 1 + (u32)rand() % 8;
        held[i].at = pages_take(&p, held[i].count);
        if (held[i].at == 0)
            held[i].count = 0;
        for (u32 n = 0; n < held[i].count; n++) {
            const u64 page = (held[i].at - FIRST) / PAGE_SIZE + n;

            assert_true(page < COUNT && !used[page]);
            used[page] = true;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_returns),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
