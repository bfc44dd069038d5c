/* The frame allocator against a list of what was handed out. */
#include "vmm/pmm.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static u64 rnd(void)
{
    static u64 x = 0x9e3779b97f4a7c15ull;

    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x;
}

static struct pmm fresh(u64 top)
{
    struct pmm p;

    u16 *table = malloc(pmm_table_bytes(top));
    assert_non_null(table);
    memset(table, 0xa5, pmm_table_bytes(top));
    pmm_init(&p, table, top);
    return p;
}

static void check_accounts(const struct pmm *p)
{
    u64 all = 0;

    assert_int_equal(pmm_count(p, FRAME_FREE), p->free_frames);
    for (u16 owner = 0; owner < FRAME_VM + 64; owner++)
        all += pmm_count(p, owner);
    assert_int_equal(all, p->frames);
}

static void test_table_size(void **state)
{
    (void)state;
    assert_int_equal(pmm_table_bytes(0), 0);
    assert_int_equal(pmm_table_bytes(4095), 0);
    assert_int_equal(pmm_table_bytes(4096), 2);
    assert_int_equal(pmm_table_bytes(8191), 2);
    assert_int_equal(pmm_table_bytes(4 * GiB), 2 * MiB);
    assert_int_equal(pmm_table_bytes(~0ull), (1ull << 53) - 2);
}

static void test_set_owner(void **state)
{
    (void)state;
    // clang-format off
    static const struct { u64 base, len; u16 owner; u64 first, frames; } cases[] = {
        /* base         len        owner         first     frames it gets */
        { 2 * MiB,      8192,      FRAME_FREE,   512,      2   },
        { 2 * MiB + 1,  8191,      FRAME_FREE,   513,      1   }, /* inwards */
        { 2 * MiB,      8191,      FRAME_FREE,   512,      1   },
        { 2 * MiB + 1,  4096,      FRAME_FREE,   0,        0   },
        { 2 * MiB + 1,  4096,      FRAME_LINTEL, 512,      2   }, /* outwards */
        { 2 * MiB + 1,  1,         FRAME_MODULE, 512,      1   },
        { 2 * MiB,      0,         FRAME_MODULE, 0,        0   },
        { 2 * MiB + 1,  0,         FRAME_MODULE, 0,        0   },
        { 0,            MiB,       FRAME_FREE,   0,        0   }, /* never below 1 MiB */
        { 0,            MiB+4096,  FRAME_FREE,   256,      1   },
        { 0x8000,       4096,      FRAME_LINTEL, 8,        1   }, /* but an owner is possible */
        { 3 * MiB,      ~0ull,     FRAME_FREE,   768,      256 }, /* clipped at the table's end */
        { 3 * MiB,      ~0ull,     FRAME_LINTEL, 768,      256 },
        { 4 * MiB,      4096,      FRAME_LINTEL, 0,        0   },
        { ~0ull,        1,         FRAME_LINTEL, 0,        0   },
        { ~0ull - 4096, ~0ull,     FRAME_FREE,   0,        0   },
        { 1,            ~0ull,     FRAME_LINTEL, 0,        1024 },
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pmm p = fresh(4 * MiB);
        pmm_set_owner(&p, (hpa_t){cases[i].base}, cases[i].len, cases[i].owner);
        assert_int_equal(pmm_count(&p, cases[i].owner), cases[i].frames);
        for (u64 n = 0; n < cases[i].frames; n++)
            assert_int_equal(pmm_owner(&p, (hpa_t){(cases[i].first + n) * PAGE_SIZE}),
                             cases[i].owner);
        check_accounts(&p);
        assert_int_equal(pmm_owner(&p, (hpa_t){4 * MiB}), FRAME_NONE);
        assert_int_equal(pmm_owner(&p, (hpa_t){~0ull}), FRAME_NONE);
        free(p.owner);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    struct pmm p = fresh(8 * MiB);
    hpa_t a;

    pmm_set_owner(&p, (hpa_t){0}, 8 * MiB, FRAME_FREE);
    pmm_set_owner(&p, (hpa_t){0x8000}, 4096, FRAME_LINTEL);
    assert_int_equal(pmm_alloc(&p, 0, 4096, FRAME_VM, &a), E_INVAL);
    assert_int_equal(pmm_alloc(&p, 1, 4096, FRAME_VM, &a), E_INVAL);
    assert_int_equal(pmm_alloc(&p, 4096, 0, FRAME_VM, &a), E_INVAL);
    assert_int_equal(pmm_alloc(&p, 4096, 2048, FRAME_VM, &a), E_INVAL);
    assert_int_equal(pmm_alloc(&p, 4096, 12288, FRAME_VM, &a), E_INVAL);
    assert_int_equal(pmm_alloc(&p, 4096, 2 * GiB, FRAME_VM, &a), E_INVAL);
    assert_int_equal(pmm_alloc(&p, 4096, 4096, FRAME_FREE, &a), E_INVAL);
    assert_int_equal(pmm_alloc(&p, 4096, 4096, FRAME_NONE, &a), E_INVAL);
    assert_int_equal(pmm_alloc(&p, 4096, GiB, FRAME_VM, &a), E_NOMEM);
    assert_int_equal(pmm_alloc(&p, 8 * MiB, 4096, FRAME_VM, &a), E_NOMEM);
    assert_int_equal(pmm_alloc(&p, -4096ull, 4096, FRAME_VM, &a), E_NOMEM);

    assert_int_equal(pmm_alloc(&p, 2 * MiB, 2 * MiB, FRAME_VM, &a), OK);
    assert_int_equal(a.v, 2 * MiB);
    const struct pmm before = p;
    assert_int_equal(pmm_free(&p, (hpa_t){2 * MiB}, 2 * MiB, FRAME_VM + 1), E_PERM);
    assert_int_equal(pmm_free(&p, (hpa_t){2 * MiB}, 2 * MiB + 4096, FRAME_VM), E_PERM);
    assert_int_equal(pmm_free(&p, (hpa_t){2 * MiB - 4096}, 8192, FRAME_VM), E_PERM);
    assert_int_equal(pmm_free(&p, (hpa_t){2 * MiB}, 2 * MiB - 1, FRAME_VM), E_INVAL);
    assert_int_equal(pmm_free(&p, (hpa_t){2 * MiB + 1}, 4096, FRAME_VM), E_INVAL);
    assert_int_equal(pmm_free(&p, (hpa_t){2 * MiB}, 0, FRAME_VM), E_INVAL);
    assert_int_equal(pmm_free(&p, (hpa_t){4 * MiB}, 4096, FRAME_FREE), E_PERM);
    assert_int_equal(pmm_free(&p, (hpa_t){0}, 4096, FRAME_NONE), E_PERM);
    assert_int_equal(pmm_free(&p, (hpa_t){8 * MiB}, 4096, FRAME_NONE), E_PERM);
    assert_int_equal(pmm_free(&p, (hpa_t){2 * MiB}, -4096ull, FRAME_VM), E_PERM);
    assert_int_equal(pmm_free(&p, (hpa_t){-4096ull}, 8192, FRAME_VM), E_PERM);
    assert_memory_equal(&p, &before, sizeof p);
    assert_int_equal(pmm_count(&p, FRAME_VM), 512);
    assert_int_equal(pmm_free(&p, (hpa_t){2 * MiB}, 2 * MiB, FRAME_VM), OK);
    assert_int_equal(pmm_free(&p, (hpa_t){2 * MiB}, 2 * MiB, FRAME_VM), E_PERM); /* twice */

    const u64 free_frames = p.free_frames;
    assert_int_equal(pmm_free(&p, (hpa_t){0x8000}, 4096, FRAME_LINTEL), OK);
    assert_int_equal(pmm_owner(&p, (hpa_t){0x8000}), FRAME_NONE);
    assert_int_equal(p.free_frames, free_frames);
    check_accounts(&p);
    free(p.owner);
}

static void test_every_frame_once(void **state)
{
    (void)state;
    struct pmm p = fresh(4 * MiB + 5);
    hpa_t a;

    pmm_set_owner(&p, (hpa_t){0}, ~0ull, FRAME_FREE);
    assert_int_equal(p.free_frames, 768);
    for (u64 n = 0; n < 768; n++) {
        assert_int_equal(pmm_alloc(&p, 4096, 4096, FRAME_LINTEL, &a), OK);
        assert_int_equal(a.v, MiB + n * PAGE_SIZE);
    }
    assert_int_equal(pmm_alloc(&p, 4096, 4096, FRAME_LINTEL, &a), E_NOMEM);
    assert_int_equal(pmm_free(&p, (hpa_t){2 * MiB}, 4096, FRAME_LINTEL), OK);
    assert_int_equal(pmm_alloc(&p, 4096, 4096, FRAME_VM, &a), OK); /* the search wraps */
    assert_int_equal(a.v, 2 * MiB);
    assert_int_equal(pmm_free(&p, (hpa_t){MiB}, 8192, FRAME_LINTEL), OK);
    assert_int_equal(pmm_free(&p, (hpa_t){3 * MiB}, 4096, FRAME_LINTEL), OK);
    assert_int_equal(pmm_alloc(&p, 4096, 4096, FRAME_VM, &a), OK); /* goes on, not back */
    assert_int_equal(a.v, 3 * MiB);
    assert_int_equal(pmm_alloc(&p, 4096, 8192, FRAME_VM, &a), OK); /* first fit */
    assert_int_equal(a.v, MiB);
    free(p.owner);

    p = fresh(0);
    assert_int_equal(pmm_alloc(&p, 4096, 4096, FRAME_LINTEL, &a), E_NOMEM);
    free(p.owner);
}

static void test_gigabyte_alignment(void **state)
{
    (void)state;
    struct pmm p = fresh(4 * GiB);
    hpa_t a;

    pmm_set_owner(&p, (hpa_t){0}, 4 * GiB, FRAME_FREE);
    pmm_set_owner(&p, (hpa_t){GiB + 5 * MiB}, 4096, FRAME_MODULE);
    assert_int_equal(pmm_alloc(&p, GiB, GiB, FRAME_VM, &a), OK);
    assert_int_equal(a.v, 2 * GiB);
    assert_int_equal(pmm_alloc(&p, GiB + 4096, GiB, FRAME_VM, &a), E_NOMEM);
    assert_int_equal(pmm_alloc(&p, GiB, GiB, FRAME_VM, &a), OK);
    assert_int_equal(a.v, 3 * GiB);
    assert_int_equal(pmm_alloc(&p, 4 * MiB, GiB, FRAME_VM, &a), OK);
    assert_int_equal(a.v, GiB);
    assert_int_equal(pmm_alloc(&p, 4096, 4096, FRAME_VM, &a), OK);
    assert_int_equal(a.v, MiB);
    free(p.owner);
}

/* ---------------------------------------------------------------- the model */

enum { TOP_FRAMES = 4096, HOLDINGS = 200 };
static u16 model[TOP_FRAMES];

/* Whether an aligned free run exists, by trying every place. */
static bool fits(u64 count, u64 step)
{
    for (u64 first = 0; first + count <= TOP_FRAMES; first += step) {
        u64 n = 0;
        while (n < count && model[first + n] == FRAME_FREE)
            n++;
        if (n == count)
            return true;
    }
    return false;
}

static void test_model(void **state)
{
    (void)state;
    struct pmm p = fresh(TOP_FRAMES * PAGE_SIZE);
    struct {
        u64 first, count;
        u16 owner;
    } held[HOLDINGS] = {0};
    u32 refused = 0, done = 0;

    pmm_set_owner(&p, (hpa_t){0}, TOP_FRAMES * PAGE_SIZE, FRAME_FREE);
    for (u64 i = 256; i < TOP_FRAMES; i++)
        model[i] = FRAME_FREE;
    for (u32 n = 0; n < 60000; n++) {
        const u64 i = rnd() % HOLDINGS;
        if (held[i].count) {
            const hpa_t base = {held[i].first * PAGE_SIZE};
            const u64 len = held[i].count * PAGE_SIZE;
            assert_int_equal(pmm_free(&p, base, len, (u16)(held[i].owner + 1)), E_PERM);
            assert_int_equal(pmm_free(&p, base, len, held[i].owner), OK);
            assert_int_equal(pmm_free(&p, base, len, held[i].owner), E_PERM);
            for (u64 f = 0; f < held[i].count; f++)
                model[held[i].first + f] = FRAME_FREE;
            held[i].count = 0;
        } else {
            const u64 count = rnd() % 3 ? 1 : 1 + rnd() % 120,
                      step = 1ull << (rnd() % 3 ? 0 : rnd() % 11);
            const u16 owner = (u16)(FRAME_VM + 2 * (rnd() % 30));
            hpa_t a;
            if (!fits(count, step)) {
                assert_int_equal(pmm_alloc(&p, count * PAGE_SIZE, step * PAGE_SIZE, owner, &a),
                                 E_NOMEM);
                refused++;
                continue;
            }
            assert_int_equal(pmm_alloc(&p, count * PAGE_SIZE, step * PAGE_SIZE, owner, &a), OK);
            assert_true(a.v >= MiB && a.v % (step * PAGE_SIZE) == 0);
            held[i].first = a.v / PAGE_SIZE, held[i].count = count, held[i].owner = owner;
            for (u64 f = 0; f < count; f++) {
                assert_int_equal(model[held[i].first + f], FRAME_FREE);
                model[held[i].first + f] = owner;
            }
            done++;
        }
        if (n % 64 == 0) {
            assert_memory_equal(p.owner, model, sizeof model);
            check_accounts(&p);
        }
    }
    assert_true(done > 10000 && refused > 500);
    free(p.owner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_size),         cmocka_unit_test(test_set_owner),
        cmocka_unit_test(test_refusals),           cmocka_unit_test(test_every_frame_once),
        cmocka_unit_test(test_gigabyte_alignment), cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
