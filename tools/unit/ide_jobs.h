/* A disk and a CD drive on the model of ide_model.h, and jobs for them: what the tests of the IDE
 * driver begin with. */
#pragma once
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

static inline void done(struct disk_request *r, enum io_result result)
{
    struct job *j = CONTAINER_OF(r, struct job, r);

    j->done++;
    j->result = result;
}

static inline void event(struct disk *d, enum disk_event e)
{
    (void)d;
    events[e]++;
}

static inline struct disk *disk(u32 n)
{
    return &c.drive[n].disk;
}

/* A disk as drive 0, a CD drive as drive 1. */
static inline int setup(void **state)
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

static inline int teardown(void **state)
{
    (void)state;
    disk_stop(disk(0));
    disk_stop(disk(1));
    assert_int_equal(m.wrong, 0);
    assert_true(ide_model_close(&m));
    return 0;
}

static inline void open_job(struct job *j, u32 len)
{
    memset(j, 0, sizeof(*j));
    assert_int_equal(m.io.env.ops->dma_alloc(&m.io.env, len, 4096, IO_BUS_32, &j->memory), OK);
}

static inline void close_job(const struct job *j)
{
    m.io.env.ops->dma_free(&m.io.env, &j->memory);
}

static inline void plan(struct job *j, enum disk_op op, u64 sector, u32 sectors, u32 size)
{
    j->segment[0] = (struct io_segment){j->memory.at, j->memory.bus, sectors * size};
    j->r = (struct disk_request){.op = op, .sector = sector, .sectors = sectors, .done = done};
    j->r.segment = j->segment;
    j->r.segments = op == DISK_FLUSH ? 0 : 1;
    j->done = 0;
}

static inline void submit(struct disk *d, struct job *j)
{
    assert_int_equal(disk_submit(d, &j->r), OK);
    disk_kick(d, 0);
    assert_int_equal(j->done, 0);
}

/* Until it is done, by polling. */
static inline void finish(struct disk *d, const struct job *j)
{
    for (u32 i = 0; i < 100 && j->done == 0; i++) {
        ide_model_work(&m);
        (void)disk_poll(d);
    }
    assert_int_equal(j->done, 1);
}
