/* drivers/io/ide*.c against the model of ide_model.h. */
#include "tools/unit/ide_model.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DISK_SECTORS 4096u
#define CD_SECTORS   64u

struct job {
    struct disk_request r;
    struct io_segment segment[IDE_SEGMENTS_MAX];
    struct io_dma memory;
    u32 done;
    enum io_result result;
};

static struct ide_model m;
static struct ide_channel c;
static u32 events[2];

static void done(struct disk_request *r, enum io_result result)
{
    struct job *j = CONTAINER_OF(r, struct job, r);

    j->done++;
    j->result = result;
}

static void event(struct disk *d, enum disk_event e)
{
    (void)d;
    events[e]++;
}

static struct disk *disk(u32 n)
{
    return &c.drive[n].disk;
}

/* A disk as drive 0, a CD drive as drive 1. */
static int setup(void **state)
{
    (void)state;
    ide_model_open(&m);
    ide_model_drive(&m, 0, MODEL_DISK, DISK_SECTORS);
    ide_model_drive(&m, 1, MODEL_CD, CD_SECTORS);
    assert_int_equal(ide_start(&c, &m.io.env, &ide_model_place, "ide0"), OK);
    memset(events, 0, sizeof(events));
    disk(0)->event = disk(1)->event = event;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    disk_stop(disk(0));
    disk_stop(disk(1));
    assert_int_equal(m.wrong, 0);
    assert_true(ide_model_close(&m));
    return 0;
}

static void open_job(struct job *j, u32 len)
{
    memset(j, 0, sizeof(*j));
    assert_int_equal(m.io.env.ops->dma_alloc(&m.io.env, len, 4096, IO_BUS_32, &j->memory), OK);
}

static void close_job(const struct job *j)
{
    m.io.env.ops->dma_free(&m.io.env, &j->memory);
}

static void plan(struct job *j, enum disk_op op, u64 sector, u32 sectors, u32 size)
{
    j->segment[0] = (struct io_segment){j->memory.at, j->memory.bus, sectors * size};
    j->r = (struct disk_request){.op = op, .sector = sector, .sectors = sectors, .done = done};
    j->r.segment = j->segment;
    j->r.segments = op == DISK_FLUSH ? 0 : 1;
    j->done = 0;
}

static void submit(struct disk *d, struct job *j)
{
    assert_int_equal(disk_submit(d, &j->r), OK);
    disk_kick(d, 0);
    assert_int_equal(j->done, 0);
}

/* Until it is done, by polling. */
static void finish(struct disk *d, const struct job *j)
{
    for (u32 i = 0; i < 100 && j->done == 0; i++) {
        ide_model_work(&m);
        (void)disk_poll(d);
    }
    assert_int_equal(j->done, 1);
}

static void test_start(void **state)
{
    (void)state;
    assert_int_equal(disk(0)->sectors, DISK_SECTORS);
    assert_int_equal(disk(0)->sector_size, 512);
    assert_int_equal(disk(0)->flags, DISK_CAN_FLUSH);
    assert_string_equal(disk(0)->id, "MODEL-0001");
    assert_string_equal(disk(0)->name, "ide0.0");
    assert_int_equal(disk(1)->sectors, CD_SECTORS);
    assert_int_equal(disk(1)->sector_size, 2048);
    assert_int_equal(disk(1)->flags, DISK_IS_READ_ONLY | DISK_IS_REMOVABLE);
    assert_non_null(strstr(m.io.log, "ide0.0: Model of a disk, 4096 sectors of 512 bytes\n"));
}

static void test_nothing_there(void **state)
{
    struct ide_channel other;

    (void)state;
    m.dead = true;
    assert_int_equal(ide_start(&other, &m.io.env, &ide_model_place, "ide1"), E_NOENT);
    m.dead = false;
    m.stays_busy = true;
    assert_int_equal(ide_start(&other, &m.io.env, &ide_model_place, "ide1"), E_IO);
    m.stays_busy = false;
    assert_int_equal(m.io.blocks, 1); /* the other channel's */
    m.status = ATA_DRDY;
}

/* Written, read back and compared: sizes, places, and segments at odd places. */
static void test_read_write(void **state)
{
    static const u32 sizes[] = {1, 2, 7, 8, 127, 128, 129, 255, 256};
    struct job j;

    (void)state;
    open_job(&j, 256 * 512);
    for (u32 i = 0; i < ARRAY_LEN(sizes); i++)
        for (u64 at = 0; at <= DISK_SECTORS; at += DISK_SECTORS - sizes[i]) {
            const u32 len = sizes[i] * 512;
            for (u32 k = 0; k < len; k++)
                ((u8 *)j.memory.at)[k] = (u8)(k * 7 + i);
            plan(&j, DISK_WRITE, at, sizes[i], 512);
            submit(disk(0), &j);
            finish(disk(0), &j);
            assert_int_equal(j.result, IO_DONE);
            assert_memory_equal(m.drive[0].media + at * 512, j.memory.at, len);
            memset(j.memory.at, 0, len);
            plan(&j, DISK_READ, at, sizes[i], 512);
            submit(disk(0), &j);
            finish(disk(0), &j);
            assert_int_equal(j.result, IO_DONE);
            assert_memory_equal(m.drive[0].media + at * 512, j.memory.at, len);
            if (at != 0)
                break;
        }
    assert_int_equal(disk(0)->counts.errors, 0);
    assert_int_equal(disk(0)->counts.kicks, disk(0)->counts.requests);
    close_job(&j);
}

static void test_segments(void **state)
{
    struct job j;

    (void)state;
    open_job(&j, 256 * 512);
    /* 64 sectors in 128 pieces, of 2 bytes and of 510, backwards in memory. */
    plan(&j, DISK_READ, 100, 64, 512);
    j.r.segments = IDE_SEGMENTS_MAX;
    for (u32 i = 0; i < IDE_SEGMENTS_MAX; i++) {
        const u32 at = 1000 * (IDE_SEGMENTS_MAX - 1 - i);
        j.segment[i] =
            (struct io_segment){(u8 *)j.memory.at + at, j.memory.bus + at, i % 2 ? 510u : 2u};
    }
    submit(disk(0), &j);
    finish(disk(0), &j);
    assert_int_equal(j.result, IO_DONE);
    const u8 *media = m.drive[0].media + 100 * 512;
    for (u32 i = 0; i < IDE_SEGMENTS_MAX; media += j.segment[i].len, i++)
        assert_memory_equal(j.segment[i].at, media, j.segment[i].len);
    close_job(&j);
}

static void test_refused(void **state)
{
    struct job j;

    (void)state;
    open_job(&j, 512 * 512);
    plan(&j, DISK_READ, DISK_SECTORS, 1, 512);
    assert_int_equal(disk_submit(disk(0), &j.r), E_RANGE);
    plan(&j, DISK_READ, 0, 257, 512);
    assert_int_equal(disk_submit(disk(0), &j.r), E_INVAL);
    plan(&j, DISK_WRITE, 0, 1, 2048);
    assert_int_equal(disk_submit(disk(1), &j.r), E_PERM);
    plan(&j, DISK_DISCARD, 0, 1, 512);
    assert_int_equal(disk_submit(disk(0), &j.r), E_NOTSUP);
    close_job(&j);
}

static void test_flush(void **state)
{
    struct job j;

    (void)state;
    open_job(&j, 512);
    plan(&j, DISK_WRITE, 5, 1, 512);
    submit(disk(0), &j);
    finish(disk(0), &j);
    assert_true(m.drive[0].writes_cached);
    plan(&j, DISK_FLUSH, 0, 0, 0);
    submit(disk(0), &j);
    finish(disk(0), &j);
    assert_int_equal(j.result, IO_DONE);
    assert_int_equal(m.drive[0].flushes, 1);
    assert_false(m.drive[0].writes_cached);
    close_job(&j);
}

/* Both drives' requests, more than the channel does at once, by interrupts alone. */
static void test_interrupts(void **state)
{
    static struct job j[8];

    (void)state;
    disk_interrupts(disk(0), true);
    disk_interrupts(disk(1), true);
    for (u32 i = 0; i < 8; i++) {
        open_job(&j[i], 2048);
        plan(&j[i], DISK_READ, i, 1, i % 2 ? 2048 : 512);
        submit(disk(i % 2), &j[i]);
    }
    for (u32 i = 0; i < 8; i++) {
        assert_int_equal(j[i].done, 0);
        assert_true(ide_model_work(&m));
        assert_int_equal(fake_line(&m.io, IDE_LINE), 1);
        assert_int_equal(j[i].done, 1);
        assert_int_equal(j[i].result, IO_DONE);
        assert_memory_equal(j[i].memory.at, m.drive[i % 2].media + i * (i % 2 ? 2048 : 512), 512);
        close_job(&j[i]);
    }
    assert_int_equal(disk(0)->counts.interrupts, 8);
    assert_int_equal(fake_line(&m.io, IDE_LINE), 0); /* nobody's */
    disk_interrupts(disk(0), false);
    assert_int_not_equal(c.irq.id, 0);
    disk_interrupts(disk(1), false);
    assert_int_equal(c.irq.id, 0);
}

static void test_full(void **state)
{
    static struct job j[IDE_DEPTH + 1];

    (void)state;
    for (u32 i = 0; i <= IDE_DEPTH; i++) {
        open_job(&j[i], 512);
        plan(&j[i], DISK_READ, i, 1, 512);
        assert_int_equal(disk_submit(disk(0), &j[i].r), i < IDE_DEPTH ? OK : E_NOMEM);
    }
    disk_kick(disk(0), 0);
    for (u32 i = 0; i < IDE_DEPTH; i++)
        finish(disk(0), &j[i]);
    submit(disk(0), &j[IDE_DEPTH]);
    finish(disk(0), &j[IDE_DEPTH]);
    for (u32 i = 0; i <= IDE_DEPTH; i++)
        close_job(&j[i]);
}

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

/* A done() that submits again, from the interrupt handler. */
static struct job again;
static u32 rounds;

static void resubmit(struct disk_request *r, enum io_result result)
{
    assert_int_equal(result, IO_DONE);
    if (++rounds < 5) {
        assert_int_equal(disk_submit(disk(0), r), OK);
        disk_kick(disk(0), 0);
    }
}

static void test_resubmit(void **state)
{
    (void)state;
    rounds = 0;
    open_job(&again, 512);
    plan(&again, DISK_READ, 0, 1, 512);
    again.r.done = resubmit;
    disk_interrupts(disk(0), true);
    submit(disk(0), &again);
    for (u32 i = 0; i < 5; i++) {
        assert_true(ide_model_work(&m));
        assert_int_equal(fake_line(&m.io, IDE_LINE), 1);
        assert_int_equal(rounds, i + 1);
    }
    assert_int_equal(c.drive[0].queued, 0);
    close_job(&again);
}

/* An interrupt while the drive is still busy ends nothing. */
static void test_early_interrupt(void **state)
{
    struct job j;

    (void)state;
    open_job(&j, 512);
    disk_interrupts(disk(0), true);
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

static void test_stop(void **state)
{
    struct job j, cd;

    (void)state;
    open_job(&j, 512);
    open_job(&cd, 2048);
    submit(disk(0), (plan(&j, DISK_READ, 0, 1, 512), &j));
    submit(disk(1), (plan(&cd, DISK_READ, 0, 1, 2048), &cd));
    disk_stop(disk(0));
    assert_int_equal(j.result, IO_GONE);
    finish(disk(1), &cd);
    assert_int_equal(cd.result, IO_DONE);
    close_job(&j);
    close_job(&cd);
}

/* What cannot be flushed has no write cache; what the driver cannot use is refused with a reason.
 */
static void test_identities(void **state)
{
    struct ide_model other;
    struct ide_channel channel;

    (void)state;
    ide_model_open(&other);
    ide_model_drive(&other, 0, MODEL_DISK, 16);
    other.drive[0].identify[83] = 0x4000;
    assert_int_equal(ide_start(&channel, &other.io.env, &ide_model_place, "x"), OK);
    assert_int_equal(channel.drive[0].disk.flags, 0);
    assert_int_equal(other.commands, 2); /* IDENTIFY, SET FEATURES */
    disk_stop(&channel.drive[0].disk);
    other.drive[0].identify[49] = 0x0200;
    assert_int_equal(ide_start(&channel, &other.io.env, &ide_model_place, "x"), E_NOENT);
    assert_non_null(strstr(other.io.log, "x.0: Model of a disk is not used: it has no DMA"));
    assert_int_equal(other.wrong, 0);
    assert_true(ide_model_close(&other));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_start),      CASE(test_nothing_there), CASE(test_read_write),
        CASE(test_segments),   CASE(test_refused),       CASE(test_flush),
        CASE(test_interrupts), CASE(test_full),          CASE(test_errors),
        CASE(test_timeout),    CASE(test_lost),          CASE(test_reset),
        CASE(test_medium),     CASE(test_resubmit),      CASE(test_early_interrupt),
        CASE(test_dies),       CASE(test_stop),          CASE(test_identities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
