/* control/disk/bounce.c over a disk that answers in any order, is often full and may fail, and
 * reaches nothing or only a part of its users' memory. */
#include "control/disk/bounce.h"
#include "tools/unit/disk_load.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SECTORS 512u
#define EACH    1024u
#define BYTES   (BOUNCE_BUFFERS * EACH)

static u8 buffers[BYTES];
static const struct io_segment memory = {buffers, 0, BYTES};
static struct bounce_disk b;
static err_t (*submit_below)(struct disk *d, struct disk_request *r);
static u64 bounced, direct;

static err_t count(struct disk *d, struct disk_request *r)
{
    for (u32 i = 0; i < r->segments; i++) {
        const u8 *const at = r->segment[i].at;
        const bool in = at >= buffers && at < buffers + BYTES;

        bounced += in;
        direct += !in;
    }
    return submit_below(d, r);
}

/* What the load's segments are at: disk_load.h gives them bus addresses from 4096 on, where these
 * end. */
static struct model_disk *below(u64 bus_last, u32 segment_align)
{
    static struct disk_ops ops;
    struct model_disk *const m = model_open(SECTORS, 512, 7);

    ops = *m->disk.ops;
    submit_below = ops.submit;
    ops.submit = count;
    m->disk.ops = &ops;
    m->disk.bus_last = bus_last;
    m->disk.segment_align = segment_align;
    bounced = direct = 0;
    assert_int_equal(bounce_disk_open(&b, &m->disk, &memory), OK);
    return m;
}

static void test_load(void **state)
{
    static const struct {
        u64 bus_last;
        u32 align;
        bool bounces, passes;
    } cases[] = {
        {UINT64_MAX, 4, false, true},
        {BYTES + 511, 4, true, true}, /* a sector can be reached, the next one not */
        {BYTES - 1, 4, true, false},
        {UINT64_MAX, 512, true, true},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        struct model_disk *const m = below(cases[i].bus_last, cases[i].align);

        struct load *const l = load_open(&b.disk, 2 + i);

        l->discards = true;
        load_run(l, 3000);
        assert_int_equal(l->wrong, 0);
        assert_true(l->reads > 1000 && l->writes > 1000 && l->flushes > 100);
        assert_true((bounced > 500) == cases[i].bounces && (direct > 100) == cases[i].passes);
        for (u32 s = 0; s < SECTORS; s++)
            assert_true(load_right(l, m->content + (u64)s * 512, s, l->acknowledged[s], false));
        assert_true(b.busy == 0 && b.used == 0);
        disk_stop(&b.disk);
        assert_int_equal(disk_submit(&b.disk, &(struct disk_request){.op = DISK_FLUSH}), E_IO);
        load_close(l);
        model_close(m);
    }
}

static void test_errors(void **state)
{
    struct model_disk *const m = below(BYTES - 1, 4);
    struct load *const l = load_open(&b.disk, 4);

    (void)state;
    m->errors = 30;
    l->allow_errors = true;
    load_run(l, 1000);
    assert_true(l->errors > 100);
    assert_int_equal(b.disk.counts.errors, l->errors);
    assert_int_equal(l->wrong, 0);
    for (u32 i = 0; i < 20; i++)
        load_submit(l);
    assert_int_equal(disk_reset(&b.disk), OK);
    assert_true(!load_busy(l) && b.busy == 0 && b.used == 0);
    m->disk.lost = true;
    assert_int_equal(disk_submit(&b.disk, &(struct disk_request){.op = DISK_FLUSH}), E_IO);
    assert_int_equal(b.busy, 0);
    load_close(l);
    model_close(m);
}

static void test_open(void **state)
{
    struct model_disk *const m = below(UINT64_MAX, 4);
    const struct io_segment small = {buffers, 0, BOUNCE_BUFFERS * 512 - 1};

    (void)state;
    assert_int_equal(b.disk.sectors_max, EACH / 512);
    assert_int_equal(bounce_disk_open(&b, &m->disk, &small), E_INVAL);
    model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
