/* Extended page tables: the leaves that a mapping becomes, and what is refused. */
#include "ept_fake.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_largest_leaf(void **state)
{
    (void)state;
    // clang-format off
    static const struct { u8 max_leaf; u64 gpa, hpa, len, probe; u8 level; } cases[] = {
        /* max  gpa          hpa            len          probe        level */
        {  2,   0x1ff000,    0x401ff000,    0x401000,    0x1ff000,    0 },
        {  2,   0x1ff000,    0x401ff000,    0x401000,    0x345678,    1 },
        {  2,   0x1ff000,    0x401ff000,    0x401000,    0x5ff000,    1 },
        {  2,   0,           GiB,           2 * GiB,     0x12345678,  2 },
        {  1,   0,           GiB,           2 * GiB,     0x12345678,  1 },
        {  0,   0,           GiB,           8 * MiB,     0x345678,    0 },
        {  2,   0,           GiB + 2 * MiB, 2 * GiB,     0x12345678,  1 },
        {  2,   2 * MiB,     GiB,           2 * GiB,     0x12345678,  1 },
        {  2,   0,           GiB + 0x1000,  8 * MiB,     0x345678,    0 },
        {  2,   0x1000,      GiB,           8 * MiB,     0x345678,    0 },
        {  2,   GiB,         0,             GiB + 4096,  2 * GiB,     0 },
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake *f = fake_new();
        struct ept e = fake_ept(f, cases[i].max_leaf);
        struct ept_leaf l;
        assert_int_equal(ept_map(&e, (gpa_t){cases[i].gpa}, (hpa_t){cases[i].hpa}, cases[i].len,
                                 EPT_RWX | EPT_WB),
                         OK);
        assert_int_equal(ept_lookup(&e, (gpa_t){cases[i].probe}, &l), OK);
        assert_int_equal(l.level, cases[i].level);
        assert_int_equal(l.hpa.v, cases[i].probe - cases[i].gpa + cases[i].hpa);
        assert_int_equal(l.attr, EPT_RWX | EPT_WB);
        assert_false(e.stale);
        ept_destroy(&e);
        assert_int_equal(f->live, 0);
        free(f);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    // clang-format off
    static const struct { u64 gpa, hpa, len; u32 attr; err_t want; } cases[] = {
        { 1,           0,           4096,        EPT_RWX,           E_INVAL },
        { 0,           1,           4096,        EPT_RWX,           E_INVAL },
        { 0,           0,           4095,        EPT_RWX,           E_INVAL },
        { 0,           0,           4096,        0,                 E_INVAL },
        { 0,           0,           4096,        EPT_WB,            E_INVAL },
        { 0,           0,           4096,        EPT_W,             E_INVAL },
        { 0,           0,           4096,        EPT_W | EPT_X,     E_INVAL },
        { 0,           0,           4096,        EPT_X,             E_INVAL },
        { 0,           0,           4096,        EPT_R | 2 << 3,    E_INVAL },
        { 0,           0,           4096,        EPT_R | 3 << 3,    E_INVAL },
        { 0,           0,           4096,        EPT_R | 7 << 3,    E_INVAL },
        { 0,           0,           4096,        EPT_R | 1 << 6,    E_INVAL },
        { 0,           0,           4096,        EPT_R | 1 << 7,    E_INVAL },
        { 0,           0,           4096,        EPT_R | 1u << 31,  E_INVAL },
        { 1ull << 40,  0,           4096,        EPT_RWX,           E_RANGE },
        { 0,           1ull << 40,  4096,        EPT_RWX,           E_RANGE },
        { (1ull << 40) - 4096, 0,   8192,        EPT_RWX,           E_RANGE },
        { 0, (1ull << 40) - 4096,   8192,        EPT_RWX,           E_RANGE },
        { 8192,        0,           -4096ull,    EPT_RWX,           E_RANGE },
        { 0,           8192,        -4096ull,    EPT_RWX,           E_RANGE },
        { -4096ull,    0,           8192,        EPT_RWX,           E_RANGE },
        { 1ull << 40,  0,           0,           EPT_RWX,           OK },
        { (1ull << 40) - 4096, (1ull << 40) - 4096, 4096, EPT_R,    OK },
    };
    // clang-format on
    struct fake *f = fake_new();
    struct ept e = fake_ept(f, 2);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(
            ept_map(&e, (gpa_t){cases[i].gpa}, (hpa_t){cases[i].hpa}, cases[i].len, cases[i].attr),
            cases[i].want);
    struct ept_leaf l;
    assert_int_equal(ept_lookup(&e, (gpa_t){1ull << 40}, &l), E_NOENT);
    assert_int_equal(ept_lookup(&e, (gpa_t){~0ull}, &l), E_NOENT);
    assert_int_equal(ept_lookup(&e, (gpa_t){(1ull << 40) - 1}, &l), OK);
    assert_int_equal(ept_unmap(&e, (gpa_t){1}, 4096), E_INVAL);
    assert_int_equal(ept_unmap(&e, (gpa_t){0}, 1), E_INVAL);
    assert_int_equal(ept_unmap(&e, (gpa_t){8192}, -4096ull), E_RANGE);
    assert_int_equal(ept_unmap(&e, (gpa_t){1ull << 40}, 4096), E_RANGE);
    assert_int_equal(ept_protect(&e, (gpa_t){0}, 4096, EPT_W), E_INVAL);
    assert_int_equal(ept_protect(&e, (gpa_t){0}, 4096, 0), E_INVAL);
    assert_false(e.stale);
    assert_int_equal(ept_unmap(&e, (gpa_t){0}, 1ull << 40), OK);
    assert_true(e.stale);
    ept_destroy(&e);

    e.exec_only = true;
    e.phys_bits = 52; /* then four levels are the limit of guest-physical addresses */
    assert_int_equal(ept_init(&e), OK);
    assert_int_equal(ept_map(&e, (gpa_t){0}, (hpa_t){1ull << 51}, 4096, EPT_X | EPT_WB), OK);
    assert_int_equal(ept_map(&e, (gpa_t){4096}, (hpa_t){0}, 4096, EPT_X | EPT_W), E_INVAL);
    assert_int_equal(ept_map(&e, (gpa_t){1ull << 48}, (hpa_t){0}, 4096, EPT_R), E_RANGE);
    assert_int_equal(ept_map(&e, (gpa_t){0xfffffffff000}, (hpa_t){0}, 4096, EPT_R), OK);
    ept_destroy(&e);
    e.max_leaf = 3;
    assert_int_equal(ept_init(&e), E_INVAL);
    e.max_leaf = 0, e.phys_bits = 0;
    assert_int_equal(ept_init(&e), E_INVAL);
    e.phys_bits = 53;
    assert_int_equal(ept_init(&e), E_INVAL);
    e.phys_bits = 36, f->fail_in = 0;
    assert_int_equal(ept_init(&e), E_NOMEM);
    assert_int_equal(f->live, 0);
    free(f);
}

static err_t map_page(struct ept *e, u64 gpa)
{
    return ept_map(e, (gpa_t){gpa}, (hpa_t){0}, PAGE_SIZE, EPT_RWX | EPT_WB);
}

/* A mapping or a split that would take too many tables takes none. */
static void test_tables_are_bounded(void **state)
{
    struct fake *f = fake_new();
    struct ept e = fake_ept(f, 2);
    struct ept_leaf leaf;

    (void)state;
    e.tables_left = 5;
    f->fail_in = 1;
    assert_int_equal(map_page(&e, 0), E_NOMEM); /* the machine's fault, and nothing is used up */
    f->fail_in = -1;
    assert_int_equal(map_page(&e, 0), OK);
    assert_int_equal(e.tables_left, 2);
    assert_int_equal(map_page(&e, 512 * GiB - PAGE_SIZE), OK);
    assert_int_equal(e.tables_left, 0);
    assert_int_equal(map_page(&e, GiB), E_NOMEM);
    assert_int_equal(ept_lookup(&e, (gpa_t){GiB}, &leaf), E_NOENT);
    assert_int_equal(map_page(&e, PAGE_SIZE), OK); /* its table is there */
    assert_int_equal(ept_unmap(&e, (gpa_t){0}, PAGE_SIZE), OK);
    assert_int_equal(map_page(&e, 0), OK);
    assert_int_equal(map_page(&e, LARGE_PAGE_SIZE), E_NOMEM); /* tables stay where they are */
    assert_int_equal(ept_map(&e, (gpa_t){2 * GiB}, (hpa_t){0}, GiB, EPT_R), OK);
    e.tables_left = 1;
    assert_int_equal(ept_unmap(&e, (gpa_t){2 * GiB}, PAGE_SIZE), E_NOMEM);
    assert_int_equal(ept_lookup(&e, (gpa_t){2 * GiB}, &leaf), OK);
    e.tables_left = 2;
    assert_int_equal(ept_unmap(&e, (gpa_t){2 * GiB}, PAGE_SIZE), OK);
    assert_int_equal(e.tables_left, 0);
    assert_int_equal(f->live, 1 + 5 + 2);
    ept_destroy(&e);
    assert_int_equal(f->live, 0);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_largest_leaf),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_tables_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
