/* Random traffic on several queues of virtio-blk against an array, with buffers cut anywhere and
 * disks with narrow limits; and resets in the middle of it. */
#include "blk_collect.h"

#define OPERATIONS 400000u

static void look_at_disk(const struct job *j)
{
    assert_memory_equal(disk.content + j->first * SECTOR, model + j->first * SECTOR,
                        j->sectors * SECTOR);
}

static void traffic(u32 sector_size, const struct disk *limits, u64 features, u32 operations)
{
    attach(sector_size, limits);
    start(features);
    memset(model, 0, sizeof(model));
    done_jobs = 0;
    for (u32 i = 0; i < operations; i++) {
        switch (drv_random() % 4) {
        case 0: submit(); break;
        case 1: (void)virtio_work(&blk.v); break;
        case 2: (void)disk_poll(&disk.disk); break;
        default: collect((u16)(drv_random() % QUEUES)); break;
        }
    }
    for (u32 i = 0; i < 200 * JOBS; i++) { /* all comes back */
        (void)virtio_work(&blk.v);
        (void)disk_poll(&disk.disk);
        collect((u16)(i % QUEUES));
    }
    for (u32 i = 0; i < JOBS; i++)
        assert_false(job[i].used);
    assert_memory_equal(model, disk.content, sizeof(model));
    assert_true(done_jobs > operations / 25);
    assert_true(blk.counters.requests == done_jobs);
    assert_true(blk.counters.errors == 0);
    assert_int_equal(f.says, 0);
}

static void test_traffic(void **state)
{
    // clang-format off
    static const struct disk wide = { .queues = 1, .depth = FAKE_DEPTH, .segments_max = 1000, .segment_bytes_max = ~0u, .sectors_max = ~0u,
        .discard_sectors_max = ~0u, .discard_align = 1, .zeroes_sectors_max = ~0u, .segment_align = 1, .bus_last = ~0ull, .physical_sector = 512 };
    static const struct disk narrow = { .queues = 2, .depth = 2, .segments_max = 3, .segment_bytes_max = 2048, .sectors_max = 5,
        .discard_sectors_max = 9, .discard_align = 1, .zeroes_sectors_max = 7, .segment_align = 4, .bus_last = ~0ull, .physical_sector = 512 };
    static const struct disk aligned = { .queues = 3, .depth = 5, .segments_max = 20, .segment_bytes_max = 4096, .sectors_max = 64,
        .discard_sectors_max = 100, .discard_align = 1, .zeroes_sectors_max = 100, .segment_align = 512, .bus_last = ~0ull, .physical_sector = 4096 };
    // clang-format on
    (void)state;
    traffic(512, &wide, ALL, OPERATIONS / 4);
    assert_true(blk.counters.bounced == 0);
    traffic(512, &narrow, ALL & ~VIRTIO_F_INDIRECT_DESC, OPERATIONS / 4);
    assert_true(blk.counters.parts > done_jobs && blk.counters.bounced > 0 && disk.refused > 0);
    assert_true(disk.unmaps > 0 && disk.flushes > 0);
    traffic(512, &aligned, ALL & ~VIRTIO_F_EVENT_IDX, OPERATIONS / 4);
    assert_true(blk.counters.bounced > 0);
    traffic(1024, &narrow, ALL, OPERATIONS / 4);
}

/* A reset with requests in the disk, in parts, waiting, and bounced: it ends when the disk has let
 * go of the last, nothing comes back, and the pool is whole again. */
static void test_reset(void **state)
{
    static const struct disk limits = {.queues = 1,
                                       .depth = 2,
                                       .segments_max = 9,
                                       .segment_bytes_max = 4096,
                                       .sectors_max = 2,
                                       .discard_sectors_max = 9,
                                       .zeroes_sectors_max = 9,
                                       .segment_align = 512,
                                       .bus_last = ~0ull};

    (void)state;
    for (u32 round = 0; round < 300; round++) {
        attach(512, &limits);
        start(ALL);
        for (u32 i = 0; i < 20; i++)
            submit();
        (void)virtio_work(&blk.v);
        for (u32 i = 0; i < round % 20; i++)
            (void)disk_poll(&disk.disk);
        (void)virtio_work(&blk.v);
        u16 used[QUEUES];
        for (u32 i = 0; i < QUEUES; i++)
            used[i] = q[i].used->idx;
        const u64 requests = disk.requests;
        SET_COMMON(&d, device_status, 0);
        assert_int_equal(COMMON(&d, device_status) == 0, disk.count == 0);
        while (disk.count != 0) {
            assert_int_not_equal(COMMON(&d, device_status), 0);
            (void)disk_poll(&disk.disk);
            (void)virtio_work(&blk.v);
        }
        assert_int_equal(COMMON(&d, device_status), 0);
        assert_true(disk.requests == requests); /* nothing more was begun */
        u32 unused = 0;
        for (const struct blk_request *r = blk.unused; r; r = r->next)
            unused++;
        assert_int_equal(unused, POOL);
        assert_null(blk.waiting);
        assert_false(blk.bounce_used);
        for (u32 i = 0; i < QUEUES; i++)
            assert_int_equal(used[i], q[i].used->idx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_traffic),
                                       cmocka_unit_test(test_reset)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
