/* control/disk/extents.c: requests that cross extents, over a disk that answers in any order, is
 * often full and may fail; and what cannot be opened.  control/disk/memory.c under the same load.
 */
#include "control/disk/extents.h"
#include "control/disk/memory.h"
#include "tools/unit/disk_load.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct extent scattered[] = {{700, 100}, {10, 3}, {300, 1}, {301, 200}, {20, 77}};
#define SECTORS 381u

static void test_load(void **state)
{
    struct model_disk *const m = model_open(1024, 512, 1);
    struct extents_disk *const e = malloc(sizeof(*e));
    u64 place = 0;

    (void)state;
    memset(m->content, 0xaa, 1024 * 512);
    for (u32 x = 0; x < ARRAY_LEN(scattered); x++)
        memset(m->content + scattered[x].sector * 512, 0, scattered[x].sectors * 512);
    assert_int_equal(extents_disk_open(e, &m->disk, "file", scattered, ARRAY_LEN(scattered), false),
                     OK);
    assert_int_equal(e->disk.sectors, SECTORS);

    struct load *const l = load_open(&e->disk, 2);

    l->discards = true;
    load_run(l, 3000);
    assert_int_equal(l->wrong, 0);
    assert_true(l->reads > 1000 && l->writes > 1000 && l->flushes > 100);
    for (u32 x = 0; x < ARRAY_LEN(scattered); x++)
        for (u64 s = 0; s < scattered[x].sectors; s++, place++)
            assert_true(load_right(l, m->content + (scattered[x].sector + s) * 512, place,
                                   l->acknowledged[place], false));
    for (u32 s = 0; s < 1024; s++) { /* and nothing else was written to */
        bool inside = false;

        for (u32 x = 0; x < ARRAY_LEN(scattered); x++)
            inside |= s >= scattered[x].sector && s - scattered[x].sector < scattered[x].sectors;
        assert_true(inside || m->content[s * 512 + 511] == 0xaa);
    }
    disk_stop(&e->disk);
    assert_int_equal(disk_submit(&e->disk, &(struct disk_request){.op = DISK_FLUSH}), E_IO);
    load_close(l);
    model_close(m);
    free(e);
}

static void test_errors(void **state)
{
    struct model_disk *const m = model_open(1024, 512, 3);
    struct extents_disk *const e = malloc(sizeof(*e));

    (void)state;
    m->errors = 30;
    assert_int_equal(extents_disk_open(e, &m->disk, "file", scattered, ARRAY_LEN(scattered), false),
                     OK);

    struct load *const l = load_open(&e->disk, 4);

    l->allow_errors = true;
    load_run(l, 1000);
    assert_true(l->errors > 100);
    assert_int_equal(e->disk.counts.errors, l->errors);
    assert_int_equal(l->wrong, 0);
    /* the disk below goes away: what is in it ends, and nothing new is taken */
    m->errors = 100;
    m->disk.lost = true;
    assert_int_equal(disk_submit(&e->disk, &(struct disk_request){.op = DISK_FLUSH}), E_IO);
    assert_int_equal(e->busy, 0);
    load_close(l);
    model_close(m);
    free(e);
}

static u32 asked; /* for the time */

static u64 count_now(struct io_env *env)
{
    (void)env;
    return asked++;
}

static void test_memory(void **state)
{
    static const struct io_env_ops ops = {.now = count_now};
    static struct io_env env = {.ops = &ops};
    u8 *const memory = calloc(SECTORS, 512);
    struct memory_disk m;

    (void)state;
    assert_int_equal(memory_disk_open(&m, &env, "ram", memory, SECTORS * 512 - 1, false), OK);
    assert_int_equal(m.disk.sectors, SECTORS - 1);
    assert_int_equal(memory_disk_open(&m, &env, "ram", memory, SECTORS * 512, false), OK);

    struct load *const l = load_open(&m.disk, 5);

    /* No request keeps others waiting for long, and each is a sign of life. */
    assert_int_equal(m.disk.sectors_max, MiB / 512);
    assert_int_equal(m.disk.discard_sectors_max, MiB / 512);
    assert_int_equal(m.disk.zeroes_sectors_max, MiB / 512);
    l->discards = true;
    asked = 0;
    load_run(l, 2000);
    assert_int_equal(l->wrong, 0);
    assert_true(asked >= l->reads + l->writes);
    assert_int_equal(l->flushes, 0); /* there is no volatile cache */
    for (u32 s = 0; s < SECTORS; s++)
        assert_true(load_right(l, memory + (u64)s * 512, s, l->acknowledged[s], false));
    for (u32 i = 0; i < 20; i++)
        load_submit(l);
    disk_interrupts(&m.disk, true);
    assert_int_equal(disk_reset(&m.disk), OK); /* what was in it has been told */
    assert_false(load_busy(l));
    for (u32 i = 0; i < 20; i++)
        load_submit(l);
    disk_stop(&m.disk);
    assert_false(load_busy(l));
    assert_int_equal(disk_submit(&m.disk, &(struct disk_request){.op = DISK_READ}), E_IO);
    load_close(l);
    assert_int_equal(memory_disk_open(&m, &env, "ram", memory, 511, false), E_INVAL);
    free(memory);
}

static void test_open(void **state)
{
    static const struct {
        struct extent extent[2];
        u32 count;
        err_t err;
    } cases[] = {
        {{{0, 1024}}, 1, OK},
        {{{1023, 1}, {0, 1}}, 2, OK},
        {{{0, 0}}, 0, E_INVAL},
        {{{5, 1}, {0, 0}}, 2, E_INVAL},
        {{{0, 1025}}, 1, E_RANGE},
        {{{1024, 1}}, 1, E_RANGE},
        {{{UINT64_MAX, 2}}, 1, E_RANGE},
        {{{1, UINT64_MAX}}, 1, E_RANGE},
    };
    struct model_disk *const m = model_open(1024, 512, 6);
    struct extents_disk *const e = malloc(sizeof(*e));

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(
            extents_disk_open(e, &m->disk, "x", cases[i].extent, cases[i].count, false),
            cases[i].err);
    assert_int_equal(extents_disk_open(e, &m->disk, "x", scattered, 1, true), OK);
    assert_true(e->disk.flags & DISK_IS_READ_ONLY);
    assert_true(e->disk.flags & DISK_CAN_DISCARD);
    m->disk.discard_align = 8; /* 700 is not a multiple */
    assert_int_equal(extents_disk_open(e, &m->disk, "x", scattered, 1, false), OK);
    assert_false(e->disk.flags & DISK_CAN_DISCARD);
    model_close(m);
    free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
