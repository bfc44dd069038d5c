/* Disks: what is written is read back, at many sizes and depths, by interrupts and by polling; only
 * on disks whose first sector says that they are for this. */
#include "guest_tests/drivers/devices.h"
#include "guest_tests/drivers/disk_run.h"
#include "guest_tests/drivers/env.h"
#include "guest_tests/rt/guest.h"

/* Runs `test` on each disk that may be written; false: there is none. */
static bool each_scratch(void (*test)(struct disk *d))
{
    bool any = false;

    env_begin();
    for (u32 i = 0; i < disk_count; i++)
        if (disks[i].disk != NULL && disks[i].scratch && !disks[i].disk->lost) {
            test(disks[i].disk);
            any = true;
        }
    return any;
}

#define ON_SCRATCH(test)                                                                           \
    do {                                                                                           \
        if (!each_scratch(test))                                                                   \
            SKIP("no disk to be written");                                                         \
    } while (0)

static void write_and_read(struct disk *d, u64 sector, u32 sectors, u32 segments, u32 generation,
                           enum disk_how how)
{
    const u32 bytes = sectors * d->sector_size;

    disk_fill(0, 0, sector * d->sector_size, bytes, generation);
    EXPECT_EQ(disk_run(d, DISK_WRITE, sector, sectors, segments, 0, how), IO_DONE);
    memset(disk_buffer(1)->at, 0xee, bytes);
    EXPECT_EQ(disk_run(d, DISK_READ, sector, sectors, segments, 1, how), IO_DONE);
    EXPECT_TRUE(disk_holds(1, 0, sector * d->sector_size, bytes, generation));
}

static void sizes(struct disk *d)
{
    static const u32 count[] = {1, 2, 3, 7, 8, 9, 16, 63, 64, 127, 128, 255, 256, 1024, 2048};
    const u32 most = MIN(MIN(d->sectors_max, BUFFER_BYTES / d->sector_size), (u32)d->sectors - 1);
    u32 generation = 1, tried = 0;

    for (u32 i = 0; i < ARRAY_LEN(count) && count[i] <= most; i++)
        for (u32 segments = 1; segments <= 8; segments *= 2) {
            write_and_read(d, 1 + i, count[i], segments, generation++, BY_INTERRUPT);
            tried++;
        }
    write_and_read(d, d->sectors - 1, 1, 1, generation, BY_POLLING);
    say("# %s: %u sizes, most %u sectors\n", d->name, tried, most);
}

GUEST_TEST(disk_sizes)
{
    ON_SCRATCH(sizes);
}

/* `depth` requests at a time on every queue, each of 4 KiB; all written, then all read. */
static void fill_queues(struct disk *d, enum disk_op op, u32 depth, u32 generation)
{
    const u32 sectors = 4096 / d->sector_size;
    const u32 count = MIN(depth * d->queues, MIN(JOBS_MAX, BUFFER_BYTES / 4096));
    const u32 buffer = op == DISK_READ;

    disk_jobs_begin();
    for (u32 i = 0; i < count; i++) {
        /* neighbours on the disk are far apart in time */
        const u64 sector = 64 + (u64)(i * 7 % count) * sectors;

        if (op == DISK_WRITE)
            disk_fill(buffer, i * 4096, sector * d->sector_size, 4096, generation);
        disk_job_make(&jobs[i], d, op, sector, sectors, buffer, i * 4096, 1);
        jobs[i].r.queue = i % d->queues;
        EXPECT_EQ(disk_job_submit(d, &jobs[i]), OK);
    }
    for (u32 i = 0; i < d->queues; i++)
        disk_kick(d, i);
    EXPECT_TRUE(disk_jobs_wait(d, count, BY_INTERRUPT));
    EXPECT_EQ(jobs_failed, 0);
    if (op != DISK_READ)
        return;
    for (u32 i = 0; i < count; i++)
        EXPECT_TRUE(
            disk_holds(buffer, i * 4096, jobs[i].r.sector * d->sector_size, 4096, generation));
}

/* A multiple of 7 would send two jobs to one place. */
static void depths(struct disk *d)
{
    static const u32 depth[] = {1, 2, 4, 8, 16, 32, 64};
    u32 generation = 100;

    for (u32 i = 0; i < ARRAY_LEN(depth) && depth[i] <= d->depth; i++) {
        const u64 interrupts = d->counts.interrupts, requests = d->counts.requests;

        fill_queues(d, DISK_WRITE, depth[i], ++generation);
        fill_queues(d, DISK_READ, depth[i], generation);
        say("# %s: depth %u on %u queues: %llu requests, %llu interrupts\n", d->name, depth[i],
            d->queues, (unsigned long long)(d->counts.requests - requests),
            (unsigned long long)(d->counts.interrupts - interrupts));
    }
}

GUEST_TEST(disk_depths)
{
    ON_SCRATCH(depths);
}

/* More than the queue takes: the rest is refused, and accepted when there is room. */
static void overfull(struct disk *d)
{
    u32 accepted = 0;

    disk_jobs_begin();
    for (u32 i = 0; i < JOBS_MAX; i++) {
        disk_job_make(&jobs[i], d, DISK_READ, 1, 1, 1, 0, 1);
        if (disk_job_submit(d, &jobs[i]) != OK)
            break;
        accepted++;
    }
    EXPECT_TRUE(accepted >= d->depth && accepted < JOBS_MAX);
    EXPECT_EQ(disk_job_submit(d, &jobs[accepted]), E_NOMEM);
    disk_kick(d, 0);
    EXPECT_TRUE(disk_jobs_wait(d, accepted, BY_INTERRUPT));
    EXPECT_EQ(disk_job_submit(d, &jobs[accepted]), OK);
    disk_kick(d, 0);
    EXPECT_TRUE(disk_jobs_wait(d, accepted + 1, BY_INTERRUPT));
    EXPECT_EQ(jobs_failed, 0);
}

GUEST_TEST(disk_queue_is_full)
{
    ON_SCRATCH(overfull);
}

/* One request at a time: one interrupt each; none while polling. */
static void interrupts(struct disk *d)
{
    const u32 count = 50;
    u64 before = d->counts.interrupts;

    for (u32 i = 0; i < count; i++)
        EXPECT_EQ(disk_run(d, DISK_READ, i + 1, 1, 1, 0, BY_INTERRUPT), IO_DONE);
    EXPECT_EQ(d->counts.interrupts - before, count);
    disk_interrupts(d, false);
    before = d->counts.interrupts;
    for (u32 i = 0; i < count; i++)
        EXPECT_EQ(disk_run(d, DISK_READ, i + 1, 1, 1, 0, BY_POLLING), IO_DONE);
    EXPECT_EQ(d->counts.interrupts - before, 0);
    disk_interrupts(d, true);
    (void)disk_poll(d);
    EXPECT_EQ(disk_run(d, DISK_READ, 1, 1, 1, 0, BY_INTERRUPT), IO_DONE);
}

GUEST_TEST(disk_interrupts_are_counted)
{
    ON_SCRATCH(interrupts);
}

static void flush(struct disk *d)
{
    if (d->flags & DISK_CAN_FLUSH) {
        EXPECT_EQ(disk_run(d, DISK_FLUSH, 0, 0, 1, 0, BY_INTERRUPT), IO_DONE);
    } else {
        disk_job_make(&jobs[0], d, DISK_FLUSH, 0, 0, 0, 0, 1);
        EXPECT_EQ(disk_job_submit(d, &jobs[0]), E_NOTSUP);
    }
}

GUEST_TEST(disk_flush)
{
    ON_SCRATCH(flush);
}

/* What is beside the zeroed sectors stays. */
static void zeroes(struct disk *d)
{
    const u32 first = 100, sectors = 64, bytes = sectors * d->sector_size;
    const u8 *data = disk_buffer(1)->at;
    u32 nonzero = 0;

    if (!(d->flags & DISK_CAN_WRITE_ZEROES)) {
        disk_job_make(&jobs[0], d, DISK_WRITE_ZEROES, first, 1, 0, 0, 1);
        EXPECT_EQ(disk_job_submit(d, &jobs[0]), E_NOTSUP);
        return;
    }
    write_and_read(d, first - 1, sectors + 2, 1, 300, BY_INTERRUPT);
    EXPECT_EQ(disk_run(d, DISK_WRITE_ZEROES, first, sectors, 1, 0, BY_INTERRUPT), IO_DONE);
    EXPECT_EQ(disk_run(d, DISK_READ, first - 1, sectors + 2, 1, 1, BY_INTERRUPT), IO_DONE);
    for (u32 i = 0; i < bytes; i++)
        nonzero += data[d->sector_size + i] != 0;
    EXPECT_EQ(nonzero, 0);
    EXPECT_TRUE(disk_holds(1, 0, (u64)(first - 1) * d->sector_size, d->sector_size, 300));
    EXPECT_TRUE(disk_holds(1, d->sector_size + bytes, (u64)(first + sectors) * d->sector_size,
                           d->sector_size, 300));
}

GUEST_TEST(disk_write_zeroes)
{
    ON_SCRATCH(zeroes);
}

static void discard(struct disk *d)
{
    const u32 first = 256, sectors = 64;

    if (!(d->flags & DISK_CAN_DISCARD)) {
        disk_job_make(&jobs[0], d, DISK_DISCARD, first, 1, 0, 0, 1);
        EXPECT_EQ(disk_job_submit(d, &jobs[0]), E_NOTSUP);
        return;
    }
    write_and_read(d, first - 1, sectors + 2, 1, 400, BY_INTERRUPT);
    EXPECT_EQ(disk_run(d, DISK_DISCARD, first, sectors, 1, 0, BY_INTERRUPT), IO_DONE);
    EXPECT_EQ(disk_run(d, DISK_READ, first - 1, 1, 1, 1, BY_INTERRUPT), IO_DONE);
    EXPECT_TRUE(disk_holds(1, 0, (u64)(first - 1) * d->sector_size, d->sector_size, 400));
    write_and_read(d, first, sectors, 1, 401, BY_INTERRUPT);
}

GUEST_TEST(disk_discard)
{
    ON_SCRATCH(discard);
}
