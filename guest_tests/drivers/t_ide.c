/* IDE alone: requests that are late by intent, CD drives with and without a medium. */
#include "guest_tests/drivers/devices.h"
#include "guest_tests/drivers/disk_run.h"
#include "guest_tests/drivers/env.h"
#include "guest_tests/rt/guest.h"

#define LATE_ROUNDS  20u
#define LATE_STEP_US 300u
#define LATE_SECTORS 128u
#define NOBODYS      499u /* a generation that is never written */
#define CD_SECTOR    2048u
#define CD_WORDS     (CD_SECTOR / 8)
#define HOST_US      20000000u

static bool is_ide_disk(const struct disk_place *p)
{
    return p->disk != NULL && !p->disk->lost && strncmp(p->disk->name, "ide", 3) == 0;
}

static struct disk *find_cd(bool medium)
{
    env_begin();
    for (u32 i = 0; i < disk_count; i++)
        if (is_ide_disk(&disks[i]) && (disks[i].disk->flags & DISK_IS_REMOVABLE) &&
            !(disks[i].disk->flags & DISK_HAS_NO_MEDIUM) == medium)
            return disks[i].disk;
    return NULL;
}

/* A sector that was written while the drive was reset has its old or its new content. */
static void judge_late_write(struct disk *d, u64 sector, u32 old, u32 new, u32 *written)
{
    const u64 *at = (const u64 *)disk_buffer(1)->at;

    EXPECT_EQ(disk_run(d, DISK_READ, sector, LATE_SECTORS, 1, 1, BY_INTERRUPT), IO_DONE);
    for (u32 i = 0; i < LATE_SECTORS; i++) {
        const u32 offset = i * d->sector_size;
        const u64 address = (sector + i) * d->sector_size;
        const bool is_new = at[offset / 8] == disk_word(address, new);

        EXPECT_TRUE(disk_holds(1, offset, address, d->sector_size, is_new ? new : old));
        *written += is_new;
    }
}

/* Each write is late very soon, each round a little later: a reset meets it before, in and behind
 * its transfer, or it is done. */
static void be_late(struct disk *d)
{
    const u64 sector = 300, timeouts = d->counts.timeouts, resets = d->counts.resets;
    const u32 patient = d->timeout_us;
    u32 late = 0, written = 0;

    for (u32 round = 0; round < LATE_ROUNDS; round++) {
        const u32 old = 500 + 2 * round, new = old + 1;

        disk_fill(0, 0, sector * d->sector_size, LATE_SECTORS * d->sector_size, old);
        EXPECT_EQ(disk_run(d, DISK_WRITE, sector, LATE_SECTORS, 1, 0, BY_INTERRUPT), IO_DONE);
        disk_fill(0, 0, sector * d->sector_size, LATE_SECTORS * d->sector_size, new);
        d->timeout_us = round * LATE_STEP_US;
        const enum io_result result =
            disk_run(d, DISK_WRITE, sector, LATE_SECTORS, 1, 0, BY_POLLING);
        d->timeout_us = patient;
        /* What ended takes nothing from memory any more. */
        disk_fill(0, 0, sector * d->sector_size, LATE_SECTORS * d->sector_size, NOBODYS);
        EXPECT_TRUE(result == IO_TIMEOUT || result == IO_DONE);
        late += result == IO_TIMEOUT;
        EXPECT_TRUE(disk_settle(d));
        judge_late_write(d, sector, old, new, &written);
    }
    EXPECT_EQ(d->counts.timeouts - timeouts, late);
    EXPECT_EQ(d->counts.resets - resets, late);
    EXPECT_FALSE(d->lost);
    say("# %s: %u of %u writes late, %u of %u sectors new\n", d->name, late, LATE_ROUNDS, written,
        LATE_ROUNDS * LATE_SECTORS);
}

GUEST_TEST(ide_reset_during_writes)
{
    u32 tried = 0;

    env_begin();
    for (u32 i = 0; i < disk_count; i++)
        if (is_ide_disk(&disks[i]) && disks[i].scratch) {
            be_late(disks[i].disk);
            tried++;
        }
    if (tried == 0)
        SKIP("no IDE disk to be written");
}

GUEST_TEST(cd_without_a_medium)
{
    struct disk *d = find_cd(false);

    if (d == NULL)
        SKIP("no CD drive without a medium");
    EXPECT_EQ(d->sectors, 0);
    disk_job_make(&jobs[0], d, DISK_READ, 0, 1, 0, 0, 1);
    EXPECT_EQ(disk_job_submit(d, &jobs[0]), E_NOENT);
    EXPECT_EQ(disk_reset(d), OK);
    EXPECT_TRUE(d->flags & DISK_HAS_NO_MEDIUM);
    /* As the drive sees it. */
    const u64 errors = d->counts.errors;
    d->flags &= ~DISK_HAS_NO_MEDIUM;
    d->sectors = 100;
    EXPECT_EQ(disk_run(d, DISK_READ, 16, 1, 1, 0, BY_INTERRUPT), IO_NO_MEDIUM);
    EXPECT_TRUE(d->flags & DISK_HAS_NO_MEDIUM);
    EXPECT_EQ(d->sectors, 0);
    EXPECT_EQ(d->counts.errors - errors, 1);
}

/* The host's medium says in each of its words which it is. */
static void read_cd(struct disk *d, u64 sector, u32 sectors)
{
    const u64 *at = (const u64 *)disk_buffer(1)->at;
    u32 wrong = 0;

    memset(disk_buffer(1)->at, 0xee, sectors * CD_SECTOR);
    EXPECT_EQ(disk_run(d, DISK_READ, sector, sectors, 2, 1, BY_INTERRUPT), IO_DONE);
    for (u32 i = 0; i < sectors * CD_WORDS; i++)
        wrong += at[i] != sector * CD_WORDS + i;
    EXPECT_EQ(wrong, 0);
}

GUEST_TEST(cd_reads)
{
    struct disk *d = find_cd(true);

    if (d == NULL)
        SKIP("no CD drive with a medium");
    for (u32 sectors = 1; sectors <= d->sectors_max; sectors *= 2) {
        read_cd(d, 0, sectors);
        read_cd(d, d->sectors - sectors, sectors);
    }
    disk_job_make(&jobs[0], d, DISK_WRITE, 0, 1, 0, 0, 1);
    EXPECT_EQ(disk_job_submit(d, &jobs[0]), E_PERM);
    const u64 sectors = d->sectors;
    d->sectors += 100;
    EXPECT_NE(disk_run(d, DISK_READ, sectors + 10, 1, 1, 0, BY_INTERRUPT), IO_DONE);
    d->sectors = sectors;
    read_cd(d, 1, 3);
}

static u32 changes;

static void on_event(struct disk *d, enum disk_event event)
{
    (void)d;
    changes += event == DISK_CHANGED;
}

/* Until a read of the CD ends otherwise than `until_not`. */
static enum io_result read_until(struct disk *d, enum io_result until_not)
{
    const u64 end = io_now(&env) + HOST_US;
    enum io_result result = until_not;

    while (result == until_not && io_now(&env) < end)
        result = disk_run(d, DISK_READ, 16, 1, 1, 1, BY_INTERRUPT);
    return result;
}

/* The host takes the medium out and puts it in again when it is asked to. */
GUEST_TEST(cd_ejected_and_inserted)
{
    struct disk *d = find_cd(true);
    const u64 end = io_now(&env) + 2 * HOST_US;

    if (d == NULL || strcmp(d->id, "ejects") != 0)
        SKIP("no CD drive 'ejects'");
    changes = 0;
    d->event = on_event;
    say("LINTEL-DRIVERS wants ejected\n");
    EXPECT_EQ(read_until(d, IO_DONE), IO_NO_MEDIUM);
    EXPECT_EQ(changes, 1);
    EXPECT_TRUE(d->flags & DISK_HAS_NO_MEDIUM);
    say("LINTEL-DRIVERS wants inserted\n");
    while ((d->flags & DISK_HAS_NO_MEDIUM) && io_now(&env) < end)
        EXPECT_EQ(disk_reset(d), OK);
    EXPECT_EQ(changes, 2);
    read_cd(d, 16, 4);
    d->event = NULL;
}
