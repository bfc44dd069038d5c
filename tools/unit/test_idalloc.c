/* Numbers against a list of who has which. */
#include "vmm/idalloc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static u64 rnd(void)
{
    static u64 x = 0x9e3779b97f4a7c15ull;

    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x >> 8;
}

static u32 take(struct idalloc *a)
{
    u32 id = ~0u;

    assert_int_equal(idalloc_take(a, &id), OK);
    return id;
}

static void test_all_and_no_more(void **state)
{
    // clang-format off
    static const struct { u32 first, last; } cases[] = {
        { 0, 0 }, { 0, 63 }, { 0, 64 }, { 1, 1 }, { 1, 65535 }, { 63, 64 }, { 64, 127 }, { 70, 75 }, { 127, 128 },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static u64 bitmap[IDALLOC_WORDS(65535) + 1];
        struct idalloc a;
        u32 id = 4711;
        memset(bitmap, 0xa5, sizeof(bitmap));
        idalloc_init(&a, bitmap, cases[i].first, cases[i].last);
        for (u32 n = cases[i].first; n <= cases[i].last; n++) {
            assert_false(idalloc_in_use(&a, n));
            assert_int_equal(take(&a), n);
            assert_true(idalloc_in_use(&a, n));
        }
        assert_int_equal(a.used, cases[i].last - cases[i].first + 1);
        assert_int_equal(idalloc_take(&a, &id), E_NOMEM);
        assert_int_equal(id, 4711);
        assert_int_equal(idalloc_give_back(&a, cases[i].last), OK);
        assert_int_equal(take(&a), cases[i].last); /* the only one */
        assert_int_equal(idalloc_give_back(&a, cases[i].first), OK);
        assert_int_equal(take(&a), cases[i].first);
        /* No word behind the last one is touched. */
        assert_true(bitmap[IDALLOC_WORDS(cases[i].last)] == 0xa5a5a5a5a5a5a5a5ull);
    }
}

static void test_refuses(void **state)
{
    u64 bitmap[IDALLOC_WORDS(100)];
    struct idalloc a;

    (void)state;
    idalloc_init(&a, bitmap, 10, 100);
    assert_int_equal(idalloc_give_back(&a, 9), E_RANGE);
    assert_int_equal(idalloc_give_back(&a, 101), E_RANGE);
    assert_int_equal(idalloc_give_back(&a, ~0u), E_RANGE);
    assert_int_equal(idalloc_give_back(&a, 10), E_NOENT);
    assert_false(idalloc_in_use(&a, 9) || idalloc_in_use(&a, 101) || idalloc_in_use(&a, ~0u));
    assert_int_equal(take(&a), 10);
    assert_int_equal(take(&a), 11);
    assert_int_equal(idalloc_give_back(&a, 10), OK);
    assert_int_equal(idalloc_give_back(&a, 10), E_NOENT); /* twice */
    assert_int_equal(a.used, 1);
    assert_true(idalloc_in_use(&a, 11));
}

/* A number comes again when all others have been looked at. */
static void test_as_late_as_possible(void **state)
{
    u64 bitmap[IDALLOC_WORDS(500)];
    struct idalloc a;

    (void)state;
    idalloc_init(&a, bitmap, 1, 500);
    for (u32 n = 0; n < 5000; n++) {
        const u32 id = take(&a);
        assert_int_equal(id, 1 + n % 500);
        assert_int_equal(idalloc_give_back(&a, id), OK);
    }
}

static void test_random(void **state)
{
    u64 bitmap[IDALLOC_WORDS(200)];
    bool has[202] = {false};
    u32 used = 0, last = 200;
    struct idalloc a;

    (void)state;
    idalloc_init(&a, bitmap, 3, 200);
    for (u32 n = 0; n < 200000; n++) {
        const u32 some = (u32)(rnd() % 202);
        u32 id = 0, expected = last;
        /* Now it fills up, now it empties. */
        if (rnd() % 100 < (n / 2000 % 2 ? 30 : 70)) {
            for (u32 tries = 0; tries < 198; tries++) {
                expected = expected == 200 ? 3 : expected + 1;
                if (!has[expected])
                    break;
            }
            assert_int_equal(idalloc_take(&a, &id), used == 198 ? E_NOMEM : OK);
            if (used == 198)
                continue;
            assert_int_equal(id, expected);
            has[id] = true, used++, last = id;
        } else {
            const err_t missing = some < 3 || some > 200 ? E_RANGE : E_NOENT;
            assert_int_equal(idalloc_give_back(&a, some), has[some] ? OK : missing);
            used -= has[some];
            has[some] = false;
        }
        assert_int_equal(a.used, used);
        assert_int_equal(idalloc_in_use(&a, some), has[some]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_and_no_more),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_as_late_as_possible),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
