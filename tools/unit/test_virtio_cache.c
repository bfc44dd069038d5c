/* virtio-blk on a cache on a disk in memory, as a guest has it: random traffic in each cache mode
 * against an array; and after a flush all of it is in the disk below, but in the mode that does
 * without. */
#include "control/disk/cache.h"
#include "control/disk/memory.h"

#include "blk_collect.h" /* its names are short: last */

#define OPERATIONS 60000u
#define BLOCKS     32u
#define BUCKETS    16u

static struct memory_disk memory;
static struct cache cache;
static struct cache_block block[BLOCKS];
static struct cache_block *bucket[BUCKETS];
static _Alignas(4096) u8 medium[FAKE_SECTORS_MAX * SECTOR], cached[BLOCKS * CACHE_BLOCK];
static u64 now;

static u64 clock_now(struct io_env *env)
{
    (void)env;
    return now += 10;
}

/* It may be in the cache still. */
static void look_at_disk(const struct job *j)
{
    (void)j;
}

static void settle(void)
{
    for (u32 i = 0; i < 200; i++) {
        (void)virtio_work(&blk.v);
        (void)disk_poll(behind);
        collect((u16)(i % QUEUES));
    }
    for (u32 i = 0; i < JOBS; i++)
        assert_false(job[i].used);
}

static void flush(void)
{
    const struct virtio_blk_header h = {.type = VIRTIO_BLK_T_FLUSH};
    const struct drv_buffer b[2] = {{JOBS_AT, sizeof(h), false}, {JOBS_AT + 60, 1, true}};
    u32 head, len;

    drv_write(JOBS_AT, &h, sizeof(h));
    (void)drv_add(&q[0], b, 2, 0, 0);
    (void)drv_show(&q[0]);
    drv_kick(&d, 0);
    for (u32 i = 0; i < 200; i++) {
        (void)virtio_work(&blk.v);
        (void)disk_poll(behind);
    }
    (void)virtio_work(&blk.v);
    assert_true(drv_used(&q[0], &head, &len));
    assert_int_equal(*drv_byte(JOBS_AT + 60), VIRTIO_BLK_S_OK);
}

static void traffic(enum cache_mode mode)
{
    static const struct io_env_ops ops = {.now = clock_now};
    static struct io_env env = {.ops = &ops};
    const struct cache_memory room = {
        {cached, 0x100000, sizeof(cached)}, block, bucket, BLOCKS, BUCKETS, false};

    memset(medium, 0, sizeof(medium));
    memset(model, 0, sizeof(model));
    assert_int_equal(memory_disk_open(&memory, &env, "memory", medium, sizeof(medium), false), OK);
    assert_int_equal(cache_open(&cache, &memory.disk, mode, &room), OK);
    behind = &cache.disk;
    attach(512, NULL);
    start(ALL);
    for (u32 i = 0; i < OPERATIONS; i++)
        switch (drv_random() % 4) {
        case 0: submit(); break;
        case 1: (void)virtio_work(&blk.v); break;
        case 2: (void)disk_poll(behind); break;
        default: collect((u16)(drv_random() % QUEUES)); break;
        }
    settle();
    if (drv_offered(&d) & VIRTIO_BLK_F_FLUSH)
        flush();
    if (mode != CACHE_UNSAFE)
        assert_memory_equal(model, medium, sizeof(model));
    assert_int_equal(f.says, 0);
}

static void test_traffic(void **state)
{
    (void)state;
    traffic(CACHE_WRITEBACK);
    traffic(CACHE_NONE);
    traffic(CACHE_WRITETHROUGH);
    traffic(CACHE_UNSAFE);
    assert_true(done_jobs > OPERATIONS / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_traffic)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
