/* Disks: what is refused, what the device refuses, time-outs, resets in the middle, the end.
 * A disk's serial number says what it is good for: `errors` fails to read some sectors, `slow`
 * takes a second for a request. */
#include "drivers/io/virtio.h"
#include "guest_tests/drivers/devices.h"
#include "guest_tests/drivers/disk_run.h"
#include "guest_tests/drivers/env.h"
#include "guest_tests/rt/guest.h"

#define SLOW_TIMEOUT_US 100000u
#define SLOW_US         1500000u /* longer than it takes */
#define IN_FLIGHT       16u

static struct disk_place *find(const char *id)
{
    env_begin();
    for (u32 i = 0; i < disk_count; i++)
        if (disks[i].disk != NULL && strcmp(disks[i].disk->id, id) == 0)
            return &disks[i];
    return NULL;
}

static err_t refusal(struct disk *d, enum disk_op op, u64 sector, u32 sectors)
{
    disk_job_make(&jobs[0], d, op, sector, sectors, 0, 0, 1);
    return disk_check(d, &jobs[0].r);
}

/* By the driver, and, if it did not, by the device. */
GUEST_TEST(disk_beyond_the_end)
{
    u32 tried = 0;

    env_begin();
    for (u32 i = 0; i < disk_count; i++) {
        struct disk *d = disks[i].disk;
        u64 sectors;

        if (d == NULL || !disks[i].scratch)
            continue;
        tried++;
        sectors = d->sectors;
        EXPECT_EQ(refusal(d, DISK_READ, sectors, 1), E_RANGE);
        EXPECT_EQ(refusal(d, DISK_READ, sectors - 1, 2), E_RANGE);
        d->sectors += 1000;
        EXPECT_EQ(disk_run(d, DISK_READ, sectors + 10, 1, 1, 0, BY_INTERRUPT), IO_ERROR);
        EXPECT_EQ(disk_run(d, DISK_WRITE, sectors - 1, 2, 1, 0, BY_INTERRUPT), IO_ERROR);
        d->sectors = sectors;
        EXPECT_EQ(disk_run(d, DISK_READ, sectors - 1, 1, 1, 0, BY_INTERRUPT), IO_DONE);
    }
    if (tried == 0)
        SKIP("no disk to be written");
}

GUEST_TEST(disk_read_only)
{
    const struct disk_place *p = find("readonly");

    if (p == NULL)
        SKIP("no disk 'readonly'");

    struct disk *d = p->disk;

    EXPECT_TRUE(d->flags & DISK_IS_READ_ONLY);
    EXPECT_EQ(refusal(d, DISK_WRITE, 1, 1), E_PERM);
    EXPECT_EQ(refusal(d, DISK_READ, 1, 1), OK);
    d->flags &= ~DISK_IS_READ_ONLY;
    EXPECT_EQ(disk_run(d, DISK_WRITE, 1, 1, 1, 0, BY_INTERRUPT), IO_ERROR);
    d->flags |= DISK_IS_READ_ONLY;
    EXPECT_EQ(disk_run(d, DISK_READ, 1, 1, 1, 0, BY_INTERRUPT), IO_DONE);
}

/* Sectors 64 to 71 cannot be read. */
GUEST_TEST(disk_medium_error)
{
    const struct disk_place *p = find("errors");

    if (p == NULL)
        SKIP("no disk 'errors'");

    struct disk *d = p->disk;
    const u64 errors = d->counts.errors;

    for (u32 i = 0; i < 10; i++) {
        EXPECT_EQ(disk_run(d, DISK_READ, 64, 8, 1, 0, BY_INTERRUPT), IO_ERROR);
        EXPECT_EQ(disk_run(d, DISK_READ, 8, 8, 1, 0, BY_INTERRUPT), IO_DONE);
    }
    EXPECT_EQ(d->counts.errors - errors, 10);
    EXPECT_EQ(d->counts.resets, 0);
}

/* The request that is late fails, with those beside it; then the disk works as before. */
GUEST_TEST(disk_timeout)
{
    const struct disk_place *p = find("slow");
    const u32 patient = DISK_TIMEOUT_US;

    if (p == NULL)
        SKIP("no disk 'slow'");

    struct disk *d = p->disk;

    d->timeout_us = SLOW_TIMEOUT_US;
    for (u64 round = 1; round <= 3; round++) {
        const u64 start = io_now(&env);

        EXPECT_EQ(disk_run(d, DISK_READ, 8, 8, 1, 0, BY_POLLING), IO_TIMEOUT);
        EXPECT_TRUE(io_now(&env) - start >= SLOW_TIMEOUT_US);
        EXPECT_EQ(d->counts.timeouts, round);
        EXPECT_EQ(d->counts.resets, round);
        EXPECT_TRUE(disk_settle(d));
    }
    d->timeout_us = patient;
    EXPECT_FALSE(d->lost);
    EXPECT_EQ(disk_run(d, DISK_READ, 8, 8, 1, 0, BY_INTERRUPT), IO_DONE);
}

static u32 submit_many(struct disk *d, enum disk_op op)
{
    u32 count = 0;

    disk_jobs_begin();
    for (u32 i = 0; i < MIN(IN_FLIGHT, d->depth); i++) {
        disk_job_make(&jobs[i], d, op, 1 + i, 1, 0, i * d->sector_size, 1);
        jobs[i].r.queue = i % d->queues;
        count += EXPECT_EQ(disk_job_submit(d, &jobs[i]), OK);
    }
    for (u32 i = 0; i < d->queues; i++)
        disk_kick(d, i);
    return count;
}

/* Each request is done exactly once: before the reset, or by it. */
GUEST_TEST(disk_reset_during_transfers)
{
    env_begin();
    for (u32 i = 0; i < disk_count; i++) {
        struct disk *d = disks[i].disk;
        u32 by_reset = 0;

        if (d == NULL || (d->flags & DISK_HAS_NO_MEDIUM))
            continue;
        for (u32 round = 0; round < 20; round++) {
            const u32 count = submit_many(d, DISK_READ);

            EXPECT_EQ(disk_reset(d), OK);
            EXPECT_EQ(jobs_done, count);
            for (u32 j = 0; j < count; j++) {
                EXPECT_TRUE(jobs[j].result == IO_DONE || jobs[j].result == IO_RESET);
                by_reset += jobs[j].result == IO_RESET;
            }
            if (strcmp(d->id, "slow") == 0)
                break;
        }
        EXPECT_TRUE(by_reset > 0);
        EXPECT_EQ(disk_run(d, DISK_READ, 1, 1, 1, 0, BY_INTERRUPT), IO_DONE);
        say("# %s: %u requests met a reset\n", d->name, by_reset);
    }
    if (disk_count == 0)
        SKIP("no disk");
}

/* What comes after a crash, with requests in the device: it is no longer master of the bus, and is
 * reset through configuration space.  Nothing is written into memory after that, and the driver can
 * go on. */
static void quieten(const struct disk_place *p)
{
    const struct io_dma *const buffer = disk_buffer(0);
    const u32 count = submit_many(p->disk, DISK_READ);

    pci_command(p->f, 0, PCI_COMMAND_MASTER);
    EXPECT_EQ(virtio_quieten(p->f), OK);
    memset(buffer->at, 0x5a, IN_FLIGHT * p->disk->sector_size);
    if (strcmp(p->disk->id, "slow") == 0)
        env.ops->delay(&env, SLOW_US);
    for (u32 i = 0; i < IN_FLIGHT * p->disk->sector_size; i++)
        if (!EXPECT_EQ(((const u8 *)buffer->at)[i], 0x5a))
            break;
    pci_command(p->f, PCI_COMMAND_MASTER, 0);
    EXPECT_EQ(disk_reset(p->disk), OK);
    EXPECT_EQ(jobs_done, count);
}

GUEST_TEST(disk_virtio_quietened)
{
    u32 tried = 0;

    env_begin();
    for (u32 i = 0; i < disk_count; i++) {
        if (disks[i].disk == NULL || virtio_type_of(disks[i].f) != VIRTIO_BLK)
            continue;
        quieten(&disks[i]);
        EXPECT_EQ(disk_run(disks[i].disk, DISK_READ, 1, 1, 1, 0, BY_INTERRUPT), IO_DONE);
        tried++;
    }
    if (tried == 0)
        SKIP("no virtio disk");
}

/* Stopped in the middle: all is given back, and it can be started anew. */
GUEST_TEST(disk_stop_and_start)
{
    env_begin();
    for (u32 i = 0; i < disk_count; i++) {
        struct disk_place *p = &disks[i];

        if (p->disk == NULL || (p->disk->flags & DISK_HAS_NO_MEDIUM))
            continue;
        for (u32 round = 0; round < 3; round++) {
            const u64 used = env_dma_used();
            const u32 count = submit_many(p->disk, DISK_READ);

            disk_stop(p->disk);
            EXPECT_EQ(jobs_done, count);
            EXPECT_TRUE(env_dma_used() <= used); /* two drives of a channel share it */
            EXPECT_EQ(disk_job_submit(p->disk, &jobs[0]), E_IO);
            EXPECT_EQ(p->start(p), OK);
            EXPECT_EQ(env_dma_used(), used);
        }
        EXPECT_EQ(disk_run(p->disk, DISK_READ, 1, 1, 1, 0, BY_INTERRUPT), IO_DONE);
    }
    if (disk_count == 0)
        SKIP("no disk");
}

static u32 changes;

static void on_event(struct disk *d, enum disk_event event)
{
    (void)d;
    changes += event == DISK_CHANGED;
}

/* The host makes the disk larger when it is asked to. */
GUEST_TEST(disk_grows)
{
    const struct disk_place *p = find("plain");
    const u64 end = io_now(&env) + 20000000;

    if (p == NULL)
        SKIP("no disk 'plain'");

    struct disk *d = p->disk;
    const u64 sectors = d->sectors;

    changes = 0;
    d->event = on_event;
    say("LINTEL-DRIVERS wants larger\n");
    while (changes == 0 && io_now(&env) < end)
        env_turn();
    EXPECT_TRUE(changes > 0);
    EXPECT_TRUE(d->sectors > sectors);
    EXPECT_EQ(disk_run(d, DISK_READ, d->sectors - 1, 1, 1, 0, BY_INTERRUPT), IO_DONE);
    d->event = NULL;
}
