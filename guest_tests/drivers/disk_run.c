/* See disk_run.h. */
#include "guest_tests/drivers/disk_run.h"
#include "guest_tests/drivers/devices.h"
#include "guest_tests/drivers/env.h"
#include "guest_tests/rt/guest.h"

#define BUFFERS       2u
#define SEGMENT_ALIGN 512u

struct disk_job jobs[JOBS_MAX];
volatile u64 jobs_done, jobs_failed;

const struct io_dma *disk_buffer(u32 number)
{
    static struct io_dma buffer[BUFFERS];

    if (buffer[number].len == 0)
        EXPECT_EQ(env.ops->dma_alloc(&env, BUFFER_BYTES, PAGE_SIZE, IO_BUS_32, &buffer[number]),
                  OK);
    return &buffer[number];
}

static void on_done(struct disk_request *r, enum io_result result)
{
    struct disk_job *j = CONTAINER_OF(r, struct disk_job, r);

    EXPECT_FALSE(j->done);
    j->done = true;
    j->result = result;
    jobs_done++;
    jobs_failed += result != IO_DONE;
}

void disk_job_make(struct disk_job *j, const struct disk *d, enum disk_op op, u64 sector,
                   u32 sectors, u32 buffer, u32 offset, u32 segments)
{
    const struct io_dma *memory = disk_buffer(buffer);
    const u32 bytes = op == DISK_READ || op == DISK_WRITE ? sectors * d->sector_size : 0;
    const u32 most = MIN(MIN(segments, ARRAY_LEN(j->segment)), d->segments_max);
    const u32 piece = bytes / most / SEGMENT_ALIGN * SEGMENT_ALIGN;
    u32 at = 0;

    *j = (struct disk_job){.r = {.op = op, .sector = sector, .sectors = sectors, .done = on_done}};
    j->r.segment = j->segment;
    while (at < bytes) {
        const u32 left = bytes - at;
        const bool last = piece == 0 || j->r.segments + 1 == most;

        j->segment[j->r.segments++] = (struct io_segment){
            (u8 *)memory->at + offset + at, memory->bus + offset + at, last ? left : piece};
        at += last ? left : piece;
    }
}

err_t disk_job_submit(struct disk *d, struct disk_job *j)
{
    j->done = false;
    return disk_submit(d, &j->r);
}

void disk_jobs_begin(void)
{
    jobs_done = jobs_failed = 0;
}

static void poll(void *arg)
{
    (void)disk_poll(arg);
}

bool disk_jobs_wait(struct disk *d, u64 count, enum disk_how how)
{
    return env_wait(&jobs_done, count, WAIT_MS, how == BY_POLLING ? poll : NULL, d);
}

bool disk_settle(struct disk *d)
{
    const u64 end = io_now(&env) + WAIT_MS * 1000ull;

    while (disk_poll(d) != IO_NEVER)
        if (io_now(&env) >= end)
            return false;
    return true;
}

enum io_result disk_run(struct disk *d, enum disk_op op, u64 sector, u32 sectors, u32 segments,
                        u32 buffer, enum disk_how how)
{
    static struct disk_job one;

    disk_jobs_begin();
    disk_job_make(&one, d, op, sector, sectors, buffer, 0, segments);
    if (disk_job_submit(d, &one) != OK)
        return IO_GONE;
    disk_kick(d, 0);
    if (!disk_jobs_wait(d, 1, how)) {
        FAIL("%s: request %u at sector %llu is not done", d->name, op, (unsigned long long)sector);
        (void)disk_reset(d);
        return IO_GONE;
    }
    return one.result;
}

/* A word is a function of its place on the disk and of the generation. */
u64 disk_word(u64 address, u32 generation)
{
    u64 x = address * 0x9e3779b97f4a7c15ull + generation;

    x ^= x >> 29;
    return x * 0xbf58476d1ce4e5b9ull ^ generation;
}

void disk_fill(u32 buffer, u32 offset, u64 address, u32 bytes, u32 generation)
{
    u64 *to = (u64 *)(void *)((u8 *)disk_buffer(buffer)->at + offset);

    for (u32 i = 0; i < bytes / 8; i++)
        to[i] = disk_word(address + 8 * (u64)i, generation);
}

bool disk_holds(u32 buffer, u32 offset, u64 address, u32 bytes, u32 generation)
{
    const u64 *at = (const u64 *)(const void *)((u8 *)disk_buffer(buffer)->at + offset);

    for (u32 i = 0; i < bytes / 8; i++)
        if (at[i] != disk_word(address + 8 * (u64)i, generation)) {
            FAIL("byte %llu of the disk is wrong", (unsigned long long)address + 8 * i);
            return false;
        }
    return true;
}

bool disk_is_scratch(struct disk *d)
{
    return d->sectors > 1 && disk_run(d, DISK_READ, 0, 1, 1, 0, BY_POLLING) == IO_DONE &&
           memcmp(disk_buffer(0)->at, SCRATCH_MARK, sizeof(SCRATCH_MARK) - 1) == 0;
}
