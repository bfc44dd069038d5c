/* Extended page tables against a flat array, with every allocation failing in turn, and
 * with a memory that looks at the tables at every single entry write. */
#include "ept_fake.h"
#include "lib/atomic.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The module is compiled into this test with its entry writes diverted. */
static void (*on_store)(u64 *entry, u64 value);
static void observed_store(u64 *entry, u64 value)
{
    if (on_store)
        on_store(entry, value);
    else
        *entry = value;
}
#undef store_release
#define store_release(p, v) observed_store((p), (v))
#include "ept/ept.c"

static u64 rnd(void)
{
    static u64 x = 88172645463325252ull;

    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x;
}

static const u32 attrs[] = {
    EPT_R | EPT_WB,         EPT_R | EPT_W | EPT_WB, EPT_RWX | EPT_WB, EPT_R | EPT_X | EPT_WB,
    EPT_R | EPT_W | EPT_UC, EPT_R | EPT_WC,         EPT_R | EPT_WT,   EPT_R | EPT_WP,
};

enum { WINDOW_PAGES = 3 * 262144 }; /* 3 GiB */
static u64 model[WINDOW_PAGES];     /* 0, or frame address | attributes */

struct op {
    enum kind { MAP, UNMAP, PROTECT } kind;
    u64 first, pages; /* in the window */
    u64 hpa;
    u32 attr;
};

static struct op random_op(u64 window, u64 big_one_in)
{
    static const u64 sizes[] = {1, 8, 600, 512, 1536};
    struct op op = {.kind = (enum kind)(rnd() % 3), .attr = attrs[rnd() % ARRAY_LEN(attrs)]};
    const u64 center = rnd() % 4 * 262144 + rnd() % 4 * 512; /* around 1 GiB and 2 MiB borders */

    op.first = (center + rnd() % 40) % window;
    op.pages = 1 + rnd() % sizes[rnd() % ARRAY_LEN(sizes)];
    if (rnd() % 4 == 0)
        op.first = ALIGN_DOWN(op.first, 512ull), op.pages = ALIGN_UP(op.pages, 512ull);
    if (rnd() % big_one_in == 0) {
        op.first = ALIGN_DOWN(op.first, 262144ull);
        op.pages = 262144 * (1 + rnd() % 2);
        if (rnd() % 2)
            op.first += rnd() % 700, op.pages -= rnd() % 1400;
    }
    if (op.first + op.pages > window)
        op.pages = window - op.first;
    static const u64 offsets[] = {0, GiB, 0x40200000, 0x40201000};
    op.hpa = 4 * GiB + op.first * PAGE_SIZE + offsets[rnd() % 4];
    return op;
}

static err_t apply(struct ept *e, u64 base, const struct op *op)
{
    const gpa_t gpa = {base + op->first * PAGE_SIZE};
    const u64 len = op->pages * PAGE_SIZE;

    switch (op->kind) {
    case MAP: return ept_map(e, gpa, (hpa_t){op->hpa}, len, op->attr);
    case UNMAP: return ept_unmap(e, gpa, len);
    case PROTECT: return ept_protect(e, gpa, len, op->attr);
    }
    return E_INVAL;
}

static u64 model_after(const struct op *op, u64 page, u64 old)
{
    if (page < op->first || page >= op->first + op->pages)
        return old;
    switch (op->kind) {
    case MAP: return (op->hpa + (page - op->first) * PAGE_SIZE) | op->attr;
    case UNMAP: return 0;
    case PROTECT: return old ? (old & ~0x3full) | op->attr : 0;
    }
    return ~0ull;
}

/* The result that the operation must have; *changes: a translation goes or becomes another. */
static err_t model_apply(const struct op *op, bool *changes)
{
    *changes = false;
    if (op->kind == MAP)
        for (u64 i = op->first; i < op->first + op->pages; i++)
            if (model[i])
                return E_EXIST;
    for (u64 i = op->first; i < op->first + op->pages; i++) {
        const u64 after = model_after(op, i, model[i]);
        *changes |= model[i] && model[i] != after;
        model[i] = after;
    }
    return OK;
}

static void check_page(const struct ept *e, u64 base, u64 page)
{
    const u64 gpa = base + page * PAGE_SIZE;
    struct ept_leaf l = {0};
    const u64 want = model[page], got = fake_translate(e->ctx, e->root, gpa, e->max_leaf);

    assert_int_equal(got, want);
    assert_int_equal(ept_lookup(e, (gpa_t){gpa + 0x123}, &l), want ? OK : E_NOENT);
    if (want) {
        assert_int_equal(l.hpa.v, (want & ~0xfffull) + 0x123);
        assert_int_equal(l.attr, want & 0x3f);
    }
}

struct seen {
    u64 base, next, pages;
};

static bool see_leaf(void *arg, gpa_t gpa, const struct ept_leaf *l)
{
    struct seen *s = arg;
    const u64 pages = 1ull << (9 * l->level);
    const u64 first = (gpa.v - s->base) / PAGE_SIZE;

    REQUIRE(gpa.v >= s->next);
    s->next = gpa.v + pages * PAGE_SIZE;
    s->pages += pages;
    REQUIRE(model[first] == (l->hpa.v | l->attr));
    REQUIRE(model[first + pages - 1] == ((l->hpa.v + (pages - 1) * PAGE_SIZE) | l->attr));
    return true;
}

static bool count_table(void *arg, const u64 *table)
{
    (void)table;
    ++*(u32 *)arg;
    return true;
}

static bool stop_at_once(void *arg, gpa_t gpa, const struct ept_leaf *l)
{
    (void)gpa, (void)l;
    ++*(u32 *)arg;
    return false;
}

static bool stop_at_second(void *arg, const u64 *table)
{
    (void)table;
    return ++*(u32 *)arg < 2;
}

static void check_all(const struct ept *e, u64 base)
{
    struct seen seen = {.base = base};
    u64 mapped = 0;
    u32 tables = 0, calls = 0;

    for (u64 i = 0; i < WINDOW_PAGES; i++) {
        mapped += model[i] != 0;
        if (i % 262144 < 4096 || i % 262144 > 262144 - 4096)
            REQUIRE(fake_translate(e->ctx, e->root, base + i * PAGE_SIZE, e->max_leaf) == model[i]);
    }
    assert_true(ept_for_each(e, see_leaf, &seen));
    assert_int_equal(seen.pages, mapped);
    assert_true(ept_for_each_table(e, count_table, &tables));
    assert_int_equal(tables, ((struct fake *)e->ctx)->live); /* nothing leaked, nothing lost */
    if (mapped) {
        assert_false(ept_for_each(e, stop_at_once, &calls));
        assert_int_equal(calls, 1);
        calls = 0;
        assert_false(ept_for_each_table(e, stop_at_second, &calls));
        assert_int_equal(calls, 2);
    }
}

static void run_model(u8 max_leaf, u64 base, u32 operations)
{
    struct fake *f = fake_new();
    struct ept e = fake_ept(f, max_leaf);
    u32 results[2] = {0};

    memset(model, 0, sizeof model);
    for (u32 n = 0; n < operations; n++) {
        const struct op op = random_op(WINDOW_PAGES, max_leaf == 2 ? 400 : 4000);
        bool changes;
        const err_t want = model_apply(&op, &changes);
        e.stale = false;
        assert_int_equal(apply(&e, base, &op), want);
        assert_int_equal(e.stale, changes);
        results[want != OK]++;
        const u64 last = op.first + op.pages - 1;
        const u64 probes[] = {op.first,
                              last,
                              op.first ? op.first - 1 : 0,
                              MIN(last + 1, WINDOW_PAGES - 1),
                              op.first + rnd() % op.pages,
                              rnd() % WINDOW_PAGES};
        for (size_t i = 0; i < ARRAY_LEN(probes); i++)
            check_page(&e, base, probes[i]);
        if (n % (operations / 10) == 0)
            check_all(&e, base);
    }
    check_all(&e, base);
    assert_true(results[0] > operations / 4 && results[1] > operations / 20);
    ept_destroy(&e);
    assert_int_equal(f->live, 0);
    free(f);
}

static void test_model(void **state)
{
    (void)state;
    run_model(2, 0, 60000);
    run_model(2, 510 * GiB, 20000); /* the window lies across entries of the root */
    run_model(1, 5 * GiB, 20000);
    run_model(0, 0, 3000);
}

/* ---------------------------------------------------------------- failing allocations */

static void test_allocation_failures(void **state)
{
    (void)state;
    struct fake *f = fake_new(), *before = fake_new();
    struct ept e = fake_ept(f, 2);
    u32 most = 0;

    memset(model, 0, sizeof model);
    for (u32 n = 0; n < 600; n++) {
        struct op op = random_op(WINDOW_PAGES, 8);
        if (op.pages > 100000) /* large leaves: few tables, so few attempts */
            op.hpa = 4 * GiB + op.first * PAGE_SIZE;
        if (n % 100 == 0) { /* start again with three leaves of 1 GiB */
            ept_destroy(&e);
            e = fake_ept(f, 2);
            memset(model, 0, sizeof model);
            op = (struct op){MAP, 0, WINDOW_PAGES, 4 * GiB, EPT_R};
        } else if (n % 100 == 1) { /* the most that a change can need: both ends in 4 KiB */
            op = (struct op){n % 200 == 1 ? UNMAP : PROTECT, 700, 262144, 0, EPT_RWX};
        }
        bool changes;
        const err_t want = model_apply(&op, &changes);
        u32 tables_before = 0, tables_after = 0, allowed = 0;
        err_t got;
        for (;; allowed++) {
            const u32 live = f->live;
            const bool compare = n % 8 == 0 && allowed < 5;
            if (compare)
                memcpy(before, f, sizeof *f);
            e.stale = false;
            tables_before = f->live;
            f->fail_in = allowed;
            got = apply(&e, 0, &op);
            f->fail_in = -1;
            if (got != E_NOMEM)
                break;
            assert_int_equal(f->live, live);
            assert_false(e.stale);
            if (compare)
                for (u32 i = 0; i < FAKE_PAGES; i++) {
                    assert_int_equal(f->used[i], before->used[i]);
                    if (f->used[i])
                        assert_memory_equal(f->page[i], before->page[i], PAGE_SIZE);
                }
        }
        assert_int_equal(got, want);
        assert_true(ept_for_each_table(&e, count_table, &tables_after));
        assert_int_equal(tables_after, tables_before + allowed); /* not one page too many */
        most = MAX(most, allowed);
        check_page(&e, 0, op.first);
        check_page(&e, 0, op.first + op.pages - 1);
    }
    assert_true(most >= 4);
    check_all(&e, 0);
    ept_destroy(&e);
    assert_int_equal(f->live, 0);
    free(f), free(before);
}

/* ---------------------------------------------------------------- at every instant */

static struct {
    struct fake *memory, *shadow; /* shadow: linked tables as the observed stores made them */
    const struct ept *e;
    struct op op;
    u64 base, window;
    u64 stores;
} watch;

static bool same_as_shadow(void *arg, const u64 *table)
{
    (void)arg;
    const u32 i = fake_index(watch.memory, table);
    REQUIRE(memcmp(table, watch.shadow->page[i], PAGE_SIZE) == 0); /* no unobserved write */
    return true;
}

static bool copy_to_shadow(void *arg, const u64 *table)
{
    (void)arg;
    memcpy(watch.shadow->page[fake_index(watch.memory, table)], table, PAGE_SIZE);
    return true;
}

static bool linked_now;
static bool is_linked(void *arg, const u64 *table)
{
    linked_now |= (const u64 *)arg >= table && (const u64 *)arg < table + ENTRIES;
    return true;
}

static void watching_store(u64 *entry, u64 value)
{
    ept_for_each_table(watch.e, same_as_shadow, NULL);
    linked_now = false;
    ept_for_each_table(watch.e, is_linked, entry);
    *entry = value;
    ept_for_each_table(watch.e, copy_to_shadow, NULL);
    watch.stores += linked_now;
    for (u64 i = 0; i < watch.window; i += 1 + (watch.window > 2048 ? rnd() % 400 : 0)) {
        const u64 now = fake_translate(watch.memory, watch.e->root, watch.base + i * PAGE_SIZE, 2);
        REQUIRE(now == model[i] || now == model_after(&watch.op, i, model[i]));
    }
}

static void watch_operations(u64 window, u64 base, u32 operations, u64 big_one_in)
{
    struct ept e = fake_ept(watch.memory, 2);

    memset(model, 0, sizeof model);
    watch.e = &e, watch.window = window, watch.base = base;
    ept_for_each_table(&e, copy_to_shadow, NULL);
    for (u32 n = 0; n < operations; n++) {
        bool changes;
        watch.op = random_op(window, big_one_in);
        if (window > 2048 && watch.op.pages % 512 > 20)
            watch.op.pages = ALIGN_UP(watch.op.pages, 512ull); /* fewer writes to watch */
        if (watch.op.first + watch.op.pages > window)
            continue;
        on_store = watching_store;
        const err_t got = apply(&e, base, &watch.op);
        on_store = NULL;
        ept_for_each_table(&e, same_as_shadow, NULL);
        assert_int_equal(got, model_apply(&watch.op, &changes));
        if (window > 2048 && n % 12 == 11) { /* start again with large leaves */
            ept_destroy(&e);
            e = fake_ept(watch.memory, 2);
            memset(model, 0, sizeof model);
            watch.e = &e;
            assert_int_equal(ept_map(&e, (gpa_t){base}, (hpa_t){4 * GiB}, 3 * GiB, EPT_R), OK);
            for (u64 i = 0; i < window; i++)
                model[i] = (4 * GiB + i * PAGE_SIZE) | EPT_R;
            ept_for_each_table(&e, copy_to_shadow, NULL);
        }
    }
    ept_destroy(&e);
    assert_int_equal(watch.memory->live, 0);
}

static void test_every_instant(void **state)
{
    (void)state;
    watch.memory = fake_new(), watch.shadow = fake_new();
    watch_operations(1100, 1022 * MiB, 100, 1000000);
    assert_true(watch.stores > 1000);
    watch_operations(WINDOW_PAGES, 0, 100, 1000000);
    free(watch.memory), free(watch.shadow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_every_instant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
