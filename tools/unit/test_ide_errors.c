/* drivers/io/ide*.c when things go wrong: errors, silence, resets, media that are not there. */
#include "tools/unit/ide_jobs.h"

static void test_errors(void **state)
{
    static const struct {
        u8 error;
        enum io_result result;
        const char *text;
    } cases[] = {{0x40, IO_ERROR, "data that cannot be corrected"},
                 {0x04, IO_ERROR, "aborted"},
                 {0x02, IO_NO_MEDIUM, "no medium"}};
    struct job j;

    (void)state;
    open_job(&j, 4096);
    m.drive[0].bad_sector = 13;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        m.drive[0].bad_error = cases[i].error;
        plan(&j, DISK_READ, 10, 8, 512);
        submit(disk(0), &j);
        finish(disk(0), &j);
        assert_int_equal(j.result, cases[i].result);
        assert_non_null(strstr(m.io.log, cases[i].text));
    }
    /* Beyond the end, as the drive sees it. */
    m.drive[0].sectors = 100;
    plan(&j, DISK_READ, 99, 8, 512);
    submit(disk(0), &j);
    finish(disk(0), &j);
    assert_int_equal(j.result, IO_ERROR);
    m.drive[0].sectors = DISK_SECTORS;
    m.short_data = true;
    plan(&j, DISK_READ, 0, 8, 512);
    submit(disk(0), &j);
    finish(disk(0), &j);
    assert_int_equal(j.result, IO_ERROR);
    m.short_data = false;
    m.nothing_moved = true;
    submit(disk(0), (plan(&j, DISK_READ, 0, 8, 512), &j));
    finish(disk(0), &j);
    assert_int_equal(j.result, IO_ERROR);
    m.nothing_moved = false;
    assert_int_equal(disk(0)->counts.nonsense, 2);
    submit(disk(0), (plan(&j, DISK_READ, 0, 8, 512), &j));
    finish(disk(0), &j);
    assert_int_equal(j.result, IO_DONE);
    assert_int_equal(disk(0)->counts.errors, 6);
    close_job(&j);
}

/* A request that is late is done only when the bus master is stopped; what was not late goes on. */
static void test_timeout(void **state)
{
    struct job j, later;

    (void)state;
    open_job(&j, 512);
    open_job(&later, 512);
    plan(&j, DISK_READ, 1, 1, 512);
    submit(disk(0), &j);
    m.silent = true;
    ide_model_work(&m);
    u64 next = disk_poll(disk(0));
    assert_true(next > m.io.now && next <= m.io.now + DISK_TIMEOUT_US);
    m.io.now = next - 100;
    plan(&later, DISK_READ, 2, 1, 512);
    submit(disk(0), &later);
    (void)disk_poll(disk(0));
    assert_int_equal(j.done, 0);
    m.io.now = next + 1;
    assert_int_equal(m.resets, 1); /* the start's */
    (void)disk_poll(disk(0));
    assert_int_equal(j.done, 1);
    assert_int_equal(j.result, IO_TIMEOUT);
    assert_int_equal(m.resets, 2);
    assert_int_equal(m.bm_command & 1, 0);
    m.silent = false;
    finish(disk(0), &later);
    assert_int_equal(later.result, IO_DONE);
    assert_int_equal(disk(0)->counts.timeouts, 1);
    assert_int_equal(disk(0)->counts.resets, 1);
    assert_int_equal(disk(1)->counts.timeouts, 0);
    close_job(&j);
    close_job(&later);
}

/* After a reset that never ends both drives are lost, and say so. */
static void test_lost(void **state)
{
    struct job j, waiting, cd;

    (void)state;
    open_job(&j, 512);
    open_job(&waiting, 512);
    open_job(&cd, 2048);
    plan(&j, DISK_READ, 1, 1, 512);
    plan(&cd, DISK_READ, 1, 1, 2048);
    submit(disk(0), &j);
    m.silent = true;
    m.stays_busy = true;
    m.io.now += DISK_TIMEOUT_US + 1;
    plan(&waiting, DISK_READ, 2, 1, 512);
    submit(disk(0), &waiting);
    submit(disk(1), &cd);
    (void)disk_poll(disk(0));
    assert_int_equal(j.result, IO_TIMEOUT);
    assert_int_equal(waiting.done, 0);
    u64 next = disk_poll(disk(0));
    assert_true(next < m.io.now + 1000);
    m.io.now += IDE_RESET_LIMIT_US;
    (void)disk_poll(disk(0));
    assert_int_equal(waiting.result, IO_GONE);
    assert_int_equal(cd.result, IO_GONE);
    assert_true(disk(0)->lost && disk(1)->lost);
    assert_int_equal(events[DISK_LOST], 2);
    assert_int_equal(disk_submit(disk(0), &j.r), E_IO);
    assert_int_equal(disk_reset(disk(0)), E_IO);
    close_job(&j);
    close_job(&waiting);
    close_job(&cd);
}

static void test_reset(void **state)
{
    struct job j, waiting, cd;

    (void)state;
    open_job(&j, 512);
    open_job(&waiting, 512);
    open_job(&cd, 2048);
    submit(disk(0), (plan(&j, DISK_WRITE, 1, 1, 512), &j));
    submit(disk(0), (plan(&waiting, DISK_READ, 2, 1, 512), &waiting));
    submit(disk(1), (plan(&cd, DISK_READ, 3, 1, 2048), &cd));
    assert_int_equal(disk_reset(disk(0)), OK);
    assert_int_equal(j.result, IO_RESET);
    assert_int_equal(waiting.result, IO_RESET);
    assert_int_equal(cd.done, 0); /* the other drive's waits no longer */
    finish(disk(1), &cd);
    assert_int_equal(cd.result, IO_DONE);
    /* A drive that still offers data is reset once more. */
    const u32 resets = m.resets;
    m.stale = true;
    assert_int_equal(disk_reset(disk(0)), OK);
    assert_int_equal(m.resets, resets + 2);
    /* Another disk in its place is not the disk. */
    model_string(m.drive[0].identify + 10, 10, "OTHER");
    assert_int_equal(disk_reset(disk(0)), E_IO);
    assert_int_equal(events[DISK_LOST], 1);
    assert_false(disk(1)->lost);
    close_job(&j);
    close_job(&waiting);
    close_job(&cd);
}

static void test_medium(void **state)
{
    struct model_drive *cd = &m.drive[1];
    u8 *medium = cd->media;
    struct job j;

    (void)state;
    open_job(&j, 4096);
    submit(disk(1), (plan(&j, DISK_READ, 1, 2, 2048), &j));
    finish(disk(1), &j);
    assert_memory_equal(j.memory.at, medium + 2048, 4096);
    /* Taken out: the request says so, and then the disk does. */
    cd->media = NULL;
    submit(disk(1), (plan(&j, DISK_READ, 1, 2, 2048), &j));
    finish(disk(1), &j);
    assert_int_equal(j.result, IO_NO_MEDIUM);
    assert_int_equal(events[DISK_CHANGED], 1);
    assert_int_equal(disk_submit(disk(1), &j.r), E_NOENT);
    /* Another one: a reset looks for it. */
    cd->media = medium;
    cd->sectors = 32;
    cd->attention = true;
    assert_int_equal(disk_reset(disk(1)), OK);
    assert_int_equal(events[DISK_CHANGED], 2);
    assert_int_equal(disk(1)->sectors, 32);
    /* Changed between two requests: none reads from the wrong one. */
    cd->attention = true;
    cd->sectors = 16;
    submit(disk(1), (plan(&j, DISK_READ, 20, 1, 2048), &j));
    finish(disk(1), &j);
    assert_int_equal(j.result, IO_NO_MEDIUM);
    assert_int_equal(disk(1)->sectors, 16);
    cd->sector_size = 512; /* not of our kind */
    assert_int_equal(disk_reset(disk(1)), OK);
    assert_true(disk(1)->flags & DISK_HAS_NO_MEDIUM);
    cd->sector_size = 2048;
    close_job(&j);
}

/* An interrupt while the drive is still busy ends nothing. */
static void test_early_interrupt(void **state)
{
    struct job j;

    (void)state;
    open_job(&j, 512);
    submit(disk(0), (plan(&j, DISK_READ, 0, 1, 512), &j));
    m.bm_status |= BM_INTERRUPT;
    assert_int_equal(fake_line(&m.io, IDE_LINE), 1);
    assert_int_equal(j.done, 0);
    assert_int_equal(disk(0)->counts.nonsense, 1);
    finish(disk(0), &j);
    assert_int_equal(j.result, IO_DONE);
    close_job(&j);
}

/* A drive that dies under a request: the next command is not taken. */
static void test_dies(void **state)
{
    struct job j;

    (void)state;
    open_job(&j, 512);
    m.dead = true;
    submit(disk(0), (plan(&j, DISK_READ, 0, 1, 512), &j));
    for (u32 i = 0; i < 100 && !disk(0)->lost; i++) {
        m.io.now += 1000000;
        (void)disk_poll(disk(0));
    }
    assert_true(disk(0)->lost);
    assert_int_equal(j.done, 1);
    assert_int_equal(j.result, IO_TIMEOUT);
    close_job(&j);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_errors), CASE(test_timeout),         CASE(test_lost), CASE(test_reset),
        CASE(test_medium), CASE(test_early_interrupt), CASE(test_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
