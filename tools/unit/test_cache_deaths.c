/* control/disk/cache.c when its program dies and the next one goes on with its memory: nothing that
 * was told to be done is lost, whatever the memory holds. */
#include "tools/unit/cache_rig.h"

static struct cache_memory memory_of(struct rig *g)
{
    return (struct cache_memory){{g->data, 1 * MiB, BLOCKS * CACHE_BLOCK},
                                 g->block,
                                 g->bucket,
                                 BLOCKS,
                                 BUCKETS,
                                 .resumed = true};
}

/* The next program finds the memory as it is now; what the disk has got by now it will do.  What
 * nobody was told of may be there or not. */
static void die(struct rig *g)
{
    const enum cache_mode mode = g->cache.mode;
    struct disk *const below = g->cache.below;
    const size_t table = g->load->sectors * sizeof(u32);
    struct cache_block block[BLOCKS];
    u8 *const data = malloc(BLOCKS * CACHE_BLOCK);
    u32 *const told = malloc(table), *const promised = malloc(table);
    const struct cache_memory memory = memory_of(g);

    memcpy(block, g->block, sizeof(block));
    memcpy(data, g->data, BLOCKS * CACHE_BLOCK);
    memcpy(told, g->load->acknowledged, table);
    memcpy(promised, g->load->promised, table);
    load_drain(g->load);
    while (cache_writes(&g->cache))
        (void)disk_poll(below);
    memcpy(g->block, block, sizeof(block));
    memcpy(g->data, data, BLOCKS * CACHE_BLOCK);
    memcpy(g->load->acknowledged, told, table);
    memcpy(g->load->promised, promised, table);
    memset(g->bucket, 0xcc, sizeof(g->bucket));
    assert_int_equal(cache_open(&g->cache, below, mode, &memory), OK);
    free(data), free(told), free(promised);
}

static void run_deaths(enum cache_mode mode, u32 sector_size)
{
    struct rig *const g = rig_open(mode, sector_size, 900 + mode);
    u32 dirty = 0;

    for (u32 n = 0; n < 100; n++) {
        for (u32 i = random_below(&g->load->random, 60); i > 0; i--)
            turn(g);
        dirty += g->cache.map.dirty;
        die(g);
    }
    assert_int_equal(dirty > 100, mode == CACHE_WRITEBACK || mode == CACHE_UNSAFE);
    load_drain(g->load);
    assert_int_equal(g->load->wrong, 0);
    disk_stop(&g->cache.disk);
    require_content(g, g->model->content);
    require_content(g, g->model->medium);
    rig_close(g);
}

static void test_deaths(void **state)
{
    (void)state;
    for (u32 mode = 0; mode < CACHE_MODES; mode++) {
        run_deaths((enum cache_mode)mode, 512);
        run_deaths((enum cache_mode)mode, 4096);
    }
}

/* Whatever is in the memory, each block of the disk is in one of the cache's at most, and it ends.
 */
static void test_resumed_nonsense(void **state)
{
    (void)state;
    for (u32 n = 0; n < 100; n++) {
        struct rig *const g = rig_open(CACHE_WRITEBACK, 512, 400 + n);
        const struct cache_memory memory = memory_of(g);
        u8 *const bytes = (u8 *)g->block;

        for (size_t i = 0; i < sizeof(g->block); i++)
            bytes[i] = (u8)random_below(&g->load->random, 256);
        for (u32 i = 0; i < BLOCKS; i++)
            g->block[i].number = random_below(&g->load->random, SECTORS / 6);
        assert_int_equal(cache_open(&g->cache, g->cache.below, CACHE_WRITEBACK, &memory), OK);
        assert_true(g->cache.map.dirty <= BLOCKS);
        for (u32 i = 0; i < BLOCKS; i++)
            if (g->block[i].named)
                assert_ptr_equal(cache_map_find(&g->cache.map, g->block[i].number), &g->block[i]);
        disk_stop(&g->cache.disk);
        assert_int_equal(g->cache.map.dirty, 0);
        rig_close(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deaths),
        cmocka_unit_test(test_resumed_nonsense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
