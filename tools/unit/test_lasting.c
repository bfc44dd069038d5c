/* control/lasting.c: what a life has left is the next one's, and nobody else's. */
#include "control/lasting.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FIRST 0x200000ull
#define COUNT 100u

static struct pages pages;
static struct lasting lasting;

static int fresh(void **state)
{
    (void)state;
    memset(&lasting, 0, sizeof(lasting));
    pages_init(&pages, FIRST, FIRST + COUNT * PAGE_SIZE);
    lasting_begin(&lasting, &pages);
    return 0;
}

static void next_life(void)
{
    pages_init(&pages, FIRST, FIRST + COUNT * PAGE_SIZE);
    lasting_begin(&lasting, &pages);
}

static void test_next_life(void **state)
{
    const struct lasting_entry *e;
    u64 at;

    (void)state;
    (void)pages_take(&pages, 7);
    at = pages_take(&pages, 5);
    assert_int_equal(lasting_add(&lasting, "disk", at, 5, 42), OK);
    assert_null(lasting_take(&lasting, "disk")); /* this life has it */
    assert_null(lasting_left(&lasting));
    next_life();
    assert_int_equal(pages.free, COUNT - 5);
    assert_int_equal(pages_take(&pages, 8), at + 5 * PAGE_SIZE);
    assert_null(lasting_take(&lasting, "dis"));
    assert_non_null(lasting_left(&lasting));
    e = lasting_take(&lasting, "disk");
    assert_non_null(e);
    assert_int_equal(e->at, at);
    assert_int_equal(e->pages, 5);
    assert_int_equal(e->word, 42);
    assert_null(lasting_take(&lasting, "disk"));
    assert_null(lasting_left(&lasting));
    next_life(); /* it goes on */
    assert_non_null(lasting_take(&lasting, "disk"));
    lasting_remove(&lasting, at);
    next_life();
    assert_int_equal(pages.free, COUNT);
}

static void test_bounds(void **state)
{
    static char name[LASTING_NAME + 1];

    (void)state;
    memset(name, 'x', LASTING_NAME);
    assert_int_equal(lasting_add(&lasting, name, FIRST, 1, 0), E_INVAL);
    name[LASTING_NAME - 1] = '\0';
    for (u32 i = 0; i < LASTING_MAX; i++)
        assert_int_equal(lasting_add(&lasting, name, FIRST + i * PAGE_SIZE, 1, i), OK);
    assert_int_equal(lasting_add(&lasting, name, FIRST + LASTING_MAX * PAGE_SIZE, 1, 0), E_NOMEM);
    lasting_remove(&lasting, FIRST + 3 * PAGE_SIZE);
    assert_int_equal(lasting_add(&lasting, name, FIRST + LASTING_MAX * PAGE_SIZE, 1, 0), OK);
    next_life();
    assert_int_equal(pages.free, COUNT - LASTING_MAX);
}

/* What makes no sense is dropped: not pages of the allocator, or another entry's. */
static void test_nonsense(void **state)
{
    const struct lasting_entry good = {FIRST, 10, 1, false, "good"};
    const struct lasting_entry bad[] = {
        {FIRST - PAGE_SIZE, 1, 1, false, "a"},
        {FIRST + 1, 1, 1, false, "b"},
        {FIRST + COUNT * PAGE_SIZE, 1, 1, false, "c"},
        {FIRST + 50 * PAGE_SIZE, 51, 1, false, "d"},
        {FIRST + 50 * PAGE_SIZE, 0, 1, false, "e"},
        {FIRST + 50 * PAGE_SIZE, 0xffffffff, 1, false, "f"},
        {FIRST + 9 * PAGE_SIZE, 2, 1, false, "overlaps"},
        {FIRST + 60 * PAGE_SIZE, 2, 1, false, ""},
    };

    (void)state;
    lasting.entry[0] = good;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        lasting.entry[1 + i] = bad[i];
    lasting.entry[20] = (struct lasting_entry){FIRST + 60 * PAGE_SIZE, 2, 1, false, ""};
    memset(lasting.entry[20].name, 'x', LASTING_NAME); /* without an end */
    next_life();
    assert_int_equal(pages.free, COUNT - 10);
    assert_non_null(lasting_take(&lasting, "good"));
    assert_null(lasting_left(&lasting));
}

/* Whatever is there, the allocator stays whole. */
static void test_garbage(void **state)
{
    (void)state;
    srand(5);
    for (u32 round = 0; round < 500; round++) {
        u8 *const bytes = (u8 *)&lasting;

        for (size_t i = 0; i < sizeof(lasting); i++)
            bytes[i] = (u8)rand();
        for (u32 i = 0; i < LASTING_MAX; i++) {
            lasting.entry[i].at = FIRST + (u32)rand() % (2 * COUNT) * PAGE_SIZE;
            lasting.entry[i].pages = (u32)rand() % 20;
        }
        next_life();
        u32 held = 0;
        for (u32 i = 0; i < LASTING_MAX; i++)
            held += lasting.entry[i].at != 0 ? lasting.entry[i].pages : 0;
        assert_int_equal(pages.free, COUNT - held);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_next_life, fresh),
        cmocka_unit_test_setup(test_bounds, fresh),
        cmocka_unit_test_setup(test_nonsense, fresh),
        cmocka_unit_test_setup(test_garbage, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
