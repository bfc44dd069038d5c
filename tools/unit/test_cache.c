/* control/disk/cache.c over a disk that has a volatile cache, answers in any order and may fail:
 * reads are right, and a power cut at any moment loses nothing that the mode promises. */
#include "tools/unit/cache_rig.h"

#define CUTS 500u

static void run_model(enum cache_mode mode, u32 sector_size)
{
    struct rig *const g = rig_open(mode, sector_size, 11 + mode);

    for (u32 i = 0; i < 4000; i++)
        turn(g);
    load_drain(g->load);
    assert_int_equal(g->load->wrong, 0);
    assert_true(g->load->reads > 1500 && g->load->writes > 1500);
    if (mode == CACHE_NONE)
        assert_int_equal(g->cache.counts.hits, 0);
    else
        assert_true(g->cache.counts.hits > 50 && g->cache.counts.misses > 50);
    disk_stop(&g->cache.disk);
    require_content(g, g->model->content);
    require_content(g, g->model->medium); /* it was flushed, too */
    rig_close(g);
}

static void test_model(void **state)
{
    (void)state;
    for (u32 mode = 0; mode < CACHE_MODES; mode++) {
        run_model((enum cache_mode)mode, 512);
        run_model((enum cache_mode)mode, 4096);
    }
}

static enum io_result last;
static u32 dones;

static void note_done(struct disk_request *r, enum io_result result)
{
    (void)r;
    last = result;
    dones++;
}

static enum io_result one(struct rig *g, enum disk_op op, u64 sector, u32 sectors, u8 *data)
{
    struct io_segment segment = {data, 4096, sectors * 512};
    struct disk_request r = {.op = op, .sector = sector, .sectors = sectors, .done = note_done};
    const u32 before = dones;

    if (op == DISK_READ || op == DISK_WRITE) {
        r.segment = &segment;
        r.segments = 1;
    }
    assert_int_equal(disk_submit(&g->cache.disk, &r), OK);
    assert_int_equal(dones, before); /* never out of disk_submit() */
    while (dones == before)
        (void)disk_poll(&g->cache.disk);
    assert_int_equal(dones, before + 1);
    return last;
}

/* Changes at the same time in the same place take effect in some order, but all see the same one:
 * what the cache says afterwards is what it leaves on the disk. */
static void test_overlapping(void **state)
{
    u8 *const seen = malloc((u64)SECTORS * 512);

    (void)state;
    for (u32 n = 0; n < 60; n++) {
        struct rig *const g = rig_open((enum cache_mode)(n % CACHE_MODES), 512, 300 + n);

        g->load->overlaps = true;
        for (u32 i = 0; i < 100; i++)
            turn(g);
        load_drain(g->load);
        for (u32 s = 0; s < SECTORS; s += 16)
            assert_int_equal(one(g, DISK_READ, s, 16, seen + (u64)s * 512), IO_DONE);
        disk_stop(&g->cache.disk);
        assert_memory_equal(seen, g->model->content, (u64)SECTORS * 512);
        rig_close(g);
    }
    free(seen);
}

/* ------------------------------------------------------------ power cuts */

struct losses {
    u32 cuts, sectors; /* cuts that lost something promised; sectors that were lost */
    u32 rubbish;       /* sectors with what was never written there */
};

static void cut(struct rig *g, struct random *random, u8 *image, struct losses *l)
{
    u32 lost = 0;

    model_cut(g->model, random, image);
    for (u32 s = 0; s < SECTORS; s++) {
        const u8 *const at = image + (u64)s * g->load->size;

        lost += !load_right(g->load, at, s, g->load->promised[s], false);
        l->rubbish += !load_right(g->load, at, s, 0, true);
    }
    l->sectors += lost;
    l->cuts += lost != 0;
}

static struct losses run_cuts(enum cache_mode mode)
{
    struct random random = {.state = 77};
    u8 *const image = malloc((u64)SECTORS * 512);
    struct losses l = {0};

    for (u32 n = 0; n < CUTS;) {
        struct rig *const g = rig_open(mode, 512, 1000 + n);

        for (u32 here = 0; here < 25; n++, here++) {
            for (u32 i = random_below(&random, 40); i > 0; i--)
                turn(g);
            cut(g, &random, image, &l);
        }
        load_drain(g->load);
        assert_int_equal(g->load->wrong, 0);
        if (mode != CACHE_WRITETHROUGH)
            assert_true(g->load->flushes > 10);
        rig_close(g);
    }
    free(image);
    return l;
}

static void test_power_cuts(void **state)
{
    (void)state;
    for (u32 mode = 0; mode < CACHE_MODES; mode++) {
        const struct losses l = run_cuts((enum cache_mode)mode);

        print_message("%s: %u cuts, %u with losses, %u sectors lost\n",
                      cache_mode_name((enum cache_mode)mode), CUTS, l.cuts, l.sectors);
        assert_int_equal(l.rubbish, 0);
        if (mode == CACHE_UNSAFE)
            assert_true(l.cuts > 0);
        else
            assert_int_equal(l.sectors, 0);
    }
}

/* ------------------------------------------------------------ a disk that fails */

static void run_errors(enum cache_mode mode)
{
    struct rig *const g = rig_open(mode, 512, 500 + mode);
    struct random random = {.state = 78};
    u8 *const image = malloc((u64)SECTORS * 512);
    struct losses l = {0};

    g->load->allow_errors = true;
    for (u32 round = 0; round < 40; round++) {
        g->model->errors = round % 2 ? 0 : round % 4 ? 100 : 10;
        for (u32 i = 0; i < 60; i++)
            turn(g);
        cut(g, &random, image, &l);
    }
    assert_true(g->load->errors > 100);
    assert_int_equal(g->load->wrong, 0);
    assert_int_equal(l.rubbish, 0);
    if (mode != CACHE_UNSAFE)
        assert_int_equal(l.sectors, 0);
    g->model->errors = 100;
    load_drain(g->load);       /* nothing hangs */
    disk_stop(&g->cache.disk); /* nor this */
    assert_int_equal(g->model->count, 0);
    free(image);
    rig_close(g);
}

static void test_errors(void **state)
{
    (void)state;
    for (u32 mode = 0; mode < CACHE_MODES; mode++)
        run_errors((enum cache_mode)mode);
}

/* The disk below is given up: what was in it has been answered, and nothing is left to wait for
 * ever. */
static void test_lost(void **state)
{
    (void)state;
    for (u32 mode = 0; mode < CACHE_MODES; mode++) {
        struct rig *const g = rig_open((enum cache_mode)mode, 512, 700 + mode);

        g->load->allow_errors = true;
        for (u32 i = 0; i < 100; i++)
            turn(g);
        assert_int_equal(disk_reset(&g->cache.disk), OK); /* waits for all */
        assert_false(load_busy(g->load));
        g->model->errors = 100;
        (void)model_reset(&g->model->disk);
        g->model->disk.lost = g->file.disk.lost = true;
        for (u32 i = 0; i < 100; i++)
            turn(g);
        load_drain(g->load);
        assert_true(g->load->errors > 20);
        assert_int_equal(g->load->wrong, 0);
        disk_stop(&g->cache.disk);
        rig_close(g);
    }
}

/* More requests than the cache takes at a time. */
static void test_many(void **state)
{
    static struct disk_request r[CACHE_REQUESTS + 1];
    static u8 data[CACHE_REQUESTS + 1][512];
    static struct io_segment segment[CACHE_REQUESTS + 1];
    struct rig *const g = rig_open(CACHE_NONE, 512, 10);
    const u32 before = dones;

    (void)state;
    for (u32 i = 0; i <= CACHE_REQUESTS; i++) {
        segment[i] = (struct io_segment){data[i], 4096, 512};
        r[i] = (struct disk_request){.op = i % 2 ? DISK_READ : DISK_WRITE,
                                     .sector = i,
                                     .sectors = 1,
                                     .segment = &segment[i],
                                     .segments = 1,
                                     .done = note_done};
        assert_int_equal(disk_submit(&g->cache.disk, &r[i]), i < CACHE_REQUESTS ? OK : E_NOMEM);
    }
    disk_interrupts(&g->cache.disk, true);
    assert_int_equal(disk_reset(&g->cache.disk), OK);
    assert_int_equal(dones, before + CACHE_REQUESTS);
    rig_close(g);
}

/* ------------------------------------------------------------ one by one */

/* What reaches the disk, by mode: writes and flushes. */
static void test_modes(void **state)
{
    static const struct {
        bool can_flush;
        u32 writes, flushes;                 /* after a write */
        u32 writes_flushed, flushes_flushed; /* after a flush, if there is one */
    } expected[CACHE_MODES] = {
        [CACHE_WRITEBACK] = {true, 0, 0, 1, 1},
        [CACHE_NONE] = {true, 1, 0, 1, 1},
        [CACHE_WRITETHROUGH] = {false, 1, 1, 1, 1},
        [CACHE_UNSAFE] = {true, 0, 0, 0, 0},
    };
    u8 data[1024];

    (void)state;
    for (u32 mode = 0; mode < CACHE_MODES; mode++) {
        struct rig *const g = rig_open((enum cache_mode)mode, 512, 3);

        memset(data, 7, sizeof(data));
        assert_int_equal(one(g, DISK_WRITE, 3, 2, data), IO_DONE);
        assert_int_equal(g->model->writes, expected[mode].writes);
        assert_int_equal(g->model->flushes, expected[mode].flushes);
        assert_int_equal(g->cache.disk.flags & DISK_CAN_FLUSH, expected[mode].can_flush);
        if (expected[mode].can_flush)
            assert_int_equal(one(g, DISK_FLUSH, 0, 0, NULL), IO_DONE);
        assert_int_equal(g->model->writes, expected[mode].writes_flushed);
        assert_int_equal(g->model->flushes, expected[mode].flushes_flushed);
        memset(data, 0, sizeof(data));
        assert_int_equal(one(g, DISK_READ, 4, 1, data), IO_DONE);
        assert_int_equal(data[0], 7);
        assert_int_equal(data[511], 7);
        rig_close(g);
    }
}

/* What is dirty is written back in time, without a flush. */
static void test_age(void **state)
{
    struct rig *const g = rig_open(CACHE_WRITEBACK, 512, 4);
    u8 data[512] = {1};

    (void)state;
    assert_int_equal(one(g, DISK_WRITE, 100, 1, data), IO_DONE);
    const u64 next = disk_poll(&g->cache.disk);

    assert_in_range(next, g->model->now + CACHE_AGE_US / 2, g->model->now + CACHE_AGE_US);
    assert_int_equal(g->model->writes, 0);
    g->model->now += CACHE_AGE_US;
    for (u32 i = 0; i < 100 && g->model->writes == 0; i++)
        (void)disk_poll(&g->cache.disk);
    assert_int_equal(g->model->writes, 1);
    assert_int_equal(g->model->flushes, 0);
    assert_int_equal(disk_poll(&g->cache.disk), IO_NEVER);
    rig_close(g);
}

/* Who waits for the disk need not be asked again before the disk has answered. */
static void run_no_spinning(u64 seed)
{
    struct rig *const g = rig_open(CACHE_WRITEBACK, 512, seed);
    u8 data[512] = {1};
    const struct io_segment segment = {data, 4096, 512};
    struct disk_request zero = {
        .op = DISK_WRITE_ZEROES, .sector = 8, .sectors = 8, .done = note_done};
    struct disk_request write = {.op = DISK_WRITE,
                                 .sector = 9,
                                 .sectors = 1,
                                 .segment = &segment,
                                 .segments = 1,
                                 .done = note_done};
    const u32 before = dones;

    assert_int_equal(disk_submit(&g->cache.disk, &zero), OK);
    assert_int_equal(disk_submit(&g->cache.disk, &write), OK);
    while (dones < before + 2) {
        const u64 next = disk_poll(&g->cache.disk);

        assert_true(next > 0 || g->cache.done.first || dones == before + 2);
    }
    assert_int_equal(g->cache.counts.held_up, 1);
    disk_stop(&g->cache.disk);
    assert_int_equal(g->model->content[9 * 512], 1);
    assert_int_equal(g->cache.asked, 0);
    rig_close(g);
}

static void test_no_spinning(void **state)
{
    (void)state;
    for (u64 seed = 20; seed < 60; seed++) /* it takes a poll at which the disk has not answered */
        run_no_spinning(seed);
}

/* Neighbours go to the disk in one request. */
static void test_runs(void **state)
{
    struct rig *const g = rig_open(CACHE_WRITEBACK, 512, 8);
    static u8 data[8 * 4096];

    (void)state;
    for (u32 i = 0; i < 8; i++)
        assert_int_equal(one(g, DISK_WRITE, 8 * i, 8, data), IO_DONE);
    assert_int_equal(one(g, DISK_FLUSH, 0, 0, NULL), IO_DONE);
    assert_int_equal(g->model->writes, 1);
    assert_int_equal(g->cache.counts.written_back, 8);
    rig_close(g);
}

static void test_refusals(void **state)
{
    struct rig *const g = rig_open(CACHE_WRITEBACK, 512, 6);
    struct cache_memory memory = {
        {g->data, 1 * MiB, BLOCKS * CACHE_BLOCK}, g->block, g->bucket, BLOCKS, BUCKETS, false};
    struct cache c;

    (void)state;
    memory.buckets = 6;
    assert_int_equal(cache_open(&c, &g->model->disk, CACHE_NONE, &memory), E_INVAL);
    memory.buckets = BUCKETS;
    memory.blocks = CACHE_BLOCKS_MIN - 1;
    assert_int_equal(cache_open(&c, &g->model->disk, CACHE_NONE, &memory), E_INVAL);
    memory.blocks = BLOCKS + 1;
    assert_int_equal(cache_open(&c, &g->model->disk, CACHE_NONE, &memory), E_INVAL);
    rig_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes),       cmocka_unit_test(test_age),
        cmocka_unit_test(test_runs),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_lost),        cmocka_unit_test(test_many),
        cmocka_unit_test(test_no_spinning), cmocka_unit_test(test_model),
        cmocka_unit_test(test_overlapping), cmocka_unit_test(test_power_cuts),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
