/* A cache over a model of a disk, and a load on it: what the tests of control/disk/cache.c share.
 */
#pragma once
#include "control/disk/cache_parts.h"
#include "control/disk/extents.h"
#include "tools/unit/disk_load.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SECTORS 2048u
#define BLOCKS  24u /* small: much is evicted */
#define BUCKETS 8u

struct rig {
    struct model_disk *model;
    struct extents_disk file; /* between the two, with odd seeds */
    struct cache cache;
    struct load *load;
    struct cache_block block[BLOCKS];
    struct cache_block *bucket[BUCKETS];
    u8 *data;
};

static struct rig *rig_open(enum cache_mode mode, u32 sector_size, u64 seed)
{
    static const struct extent pieces[] = {{0, 50}, {50, 1000}, {1050, SECTORS - 1050}};
    struct rig *const g = calloc(1, sizeof(*g));

    g->model = model_open(SECTORS, sector_size, seed);
    g->data = malloc(BLOCKS * CACHE_BLOCK);

    const struct cache_memory memory = {
        {g->data, 1 * MiB, BLOCKS * CACHE_BLOCK}, g->block, g->bucket, BLOCKS, BUCKETS, false};

    assert_int_equal(
        extents_disk_open(&g->file, &g->model->disk, "file", pieces, ARRAY_LEN(pieces), false), OK);
    assert_int_equal(
        cache_open(&g->cache, seed % 2 ? &g->file.disk : &g->model->disk, mode, &memory), OK);
    g->load = load_open(&g->cache.disk, seed + 1);
    g->load->discards = true;
    return g;
}

static void rig_close(struct rig *g)
{
    load_close(g->load);
    model_close(g->model);
    free(g->data);
    free(g);
}

static void turn(struct rig *g)
{
    const u32 some = random_below(&g->load->random, 4);

    for (u32 i = 0; i < some; i++)
        load_submit(g->load);
    disk_kick(&g->cache.disk, 0);
    (void)disk_poll(&g->cache.disk);
}

/* Every sector is what was written last. */
static void require_content(struct rig *g, const u8 *content)
{
    for (u32 s = 0; s < SECTORS; s++)
        assert_true(load_right(g->load, content + (u64)s * g->load->size, s,
                               g->load->acknowledged[s], false));
}
