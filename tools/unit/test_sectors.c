/* control/disk/sectors.c: what is read ahead, in how many commands, and what is not. */
#include "control/disk/sectors.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECTORS 1000u
#define NONE    UINT64_MAX

static struct disk disk;
static u8 content[SECTORS][512], buffer[SECTORS_ROOM];
static u64 bad; /* cannot be read */
static u32 largest;
static struct disk_sectors reader;
static struct sectors sectors;

static err_t submit(struct disk *d, struct disk_request *r)
{
    (void)d;
    assert_int_equal(r->segments, 1);
    largest = r->sectors > largest ? r->sectors : largest;
    r->result = bad - r->sector < r->sectors ? IO_ERROR : IO_DONE;
    if (r->result == IO_DONE)
        memcpy(r->segment->at, content[r->sector], r->sectors * 512);
    disk_done(&disk, r);
    return OK;
}

static void kick(struct disk *d, u32 queue)
{
    (void)d;
    (void)queue;
}

static int fresh(void **state)
{
    static const struct disk_ops ops = {.submit = submit, .kick = kick};

    (void)state;
    disk = (struct disk){.ops = &ops,
                         .sector_size = 512,
                         .sectors = SECTORS,
                         .queues = 1,
                         .segments_max = 1,
                         .segment_bytes_max = 64 * KiB,
                         .sectors_max = 128,
                         .segment_align = 2,
                         .bus_last = UINT64_MAX};
    for (u32 i = 0; i < SECTORS; i++)
        memset(content[i], (int)(i * 7 + 1), 512);
    bad = NONE;
    largest = 0;
    return 0;
}

static void open(u32 bytes)
{
    const struct io_segment room = {buffer, 0x10000, bytes};

    assert_int_equal(disk_sectors(&reader, &disk, &room, &sectors), OK);
}

static err_t look(u64 sector)
{
    u8 data[512];
    const err_t err = sectors.read(sectors.context, sector, data);

    if (err == OK)
        assert_memory_equal(data, content[sector], 512);
    return err;
}

static void test_rows(void **state)
{
    (void)state;
    open(SECTORS_ROOM);
    for (u64 i = 0; i < 160; i++)
        assert_int_equal(look(i), OK);
    assert_int_equal(disk.counts.requests, 10);
    assert_int_equal(largest, 16);
    assert_int_equal(look(159), OK);
    assert_int_equal(disk.counts.requests, 10);
    assert_int_equal(look(0), OK); /* gone */
    assert_int_equal(disk.counts.requests, 11);
}

/* Two copies of a table and a folder, as they are gone through together. */
static void test_several_rows(void **state)
{
    (void)state;
    open(SECTORS_ROOM);
    for (u64 i = 0; i < 64; i++) {
        assert_int_equal(look(100 + i), OK);
        assert_int_equal(look(300 + i), OK);
        assert_int_equal(look(500), OK);
    }
    assert_int_equal(disk.counts.requests, 4 + 4 + 1);
}

static void test_the_end(void **state)
{
    (void)state;
    open(SECTORS_ROOM);
    assert_int_equal(look(SECTORS - 1), OK);
    assert_int_equal(look(SECTORS - 3), OK);
    assert_int_equal(look(SECTORS - 1), OK);
    assert_int_equal(disk.counts.requests, 2);
    assert_int_equal(look(SECTORS), E_RANGE);
    assert_int_equal(look(UINT64_MAX), E_RANGE);
    assert_int_equal(look(0), OK);
}

/* A sector that cannot be read takes no other one with it. */
static void test_bad_sector(void **state)
{
    (void)state;
    bad = 5;
    open(SECTORS_ROOM);
    for (u64 i = 0; i < 20; i++)
        assert_int_equal(look(i), i == bad ? E_IO : OK);
    assert_int_equal(look(bad), E_IO);
    bad = NONE;
    assert_int_equal(look(5), OK);
}

/* Never more than the disk takes, nor than the buffer has. */
static void test_limits(void **state)
{
    const struct io_segment none = {buffer, 0, 511};

    (void)state;
    disk.sectors_max = 3;
    open(SECTORS_ROOM);
    assert_int_equal(look(0), OK);
    assert_int_equal(largest, 3);
    disk.sectors_max = 128;
    disk.segment_bytes_max = 2 * 512 + 500;
    largest = 0;
    open(SECTORS_ROOM);
    assert_int_equal(look(0), OK);
    assert_int_equal(largest, 2);
    disk.segment_bytes_max = 64 * KiB;
    largest = 0;
    open(5 * 512 + 100); /* four windows of one sector */
    memset(buffer, 0xee, sizeof(buffer));
    for (u64 i = 0; i < 8; i++)
        assert_int_equal(look(i), OK);
    assert_int_equal(largest, 1);
    assert_int_equal(buffer[4 * 512], 0xee);
    open(512);
    for (u64 i = 0; i < 8; i++)
        assert_int_equal(look(i), OK);
    assert_int_equal(disk_sectors(&reader, &disk, &none, &sectors), E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_rows, fresh),
        cmocka_unit_test_setup(test_several_rows, fresh),
        cmocka_unit_test_setup(test_the_end, fresh),
        cmocka_unit_test_setup(test_bad_sector, fresh),
        cmocka_unit_test_setup(test_limits, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
