/* control/disk as a whole: a disk partitioned by sgdisk, with a volume of mkfs.vfat in one
 * partition and files of mtools on it.  Guests' disks of a partition and of a file are written
 * through the cache; then the same tools look at the result. */
#include "control/disk/cache.h"
#include "control/disk/memory.h"
#include "control/disk/source.h"
#include "control/disk/volume.h"
#include "tools/unit/model_disk.h"
#include "tools/unit/run_tool.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define IMAGE  (24 * MiB)
#define ESP    2048u /* sectors */
#define BLOCKS 64u
#define MOST   64u

static char folder[] = "/tmp/lintel-source-XXXXXX";
static u8 *image, *cached;
static struct model_disk ticks; /* for its clock */
static struct memory_disk whole;
static struct gpt gpt;
static struct fat fat;
static struct extents_disk esp, part;
static struct extent esp_extent, extent[MOST];
static struct disk_sectors on_whole, on_esp;
static struct sectors whole_sectors, esp_sectors;
static u8 bounce[SECTOR_MAX];
static struct cache cache;
static struct cache_block block[BLOCKS];
static struct cache_block *bucket[32];

static int make(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    run_tool("cd %s && truncate -s %llu disk && "
             "/usr/sbin/sgdisk -n 1:%u:+16M -t 1:ef00 -c 1:'EFI system' -n 2:0:0 -c 2:data disk "
             ">/dev/null "
             "&& truncate -s 16M esp && /usr/sbin/mkfs.vfat esp >/dev/null && "
             "head -c 1000000 /dev/zero | tr '\\0' z > file && mmd -i esp ::/vm && "
             "mcopy -i esp file '::/vm/guest one.img' && mcopy -i esp file ::/other",
             folder, IMAGE, ESP);
    image = malloc(IMAGE);
    cached = malloc(BLOCKS * CACHE_BLOCK);
    transfer(folder, "disk", "rb", image, IMAGE);
    transfer(folder, "esp", "rb", image + ESP * 512, 16 * MiB);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    free(image);
    free(cached);
    run_tool("rm -r %s", folder);
    return 0;
}

static void open_disks(void)
{
    static const struct io_env_ops env_ops = {.now = model_now};
    const struct io_segment buffer = {bounce, 0, sizeof(bounce)};

    ticks.env.ops = &env_ops;
    assert_int_equal(memory_disk_open(&whole, &ticks.env, "disk0", image, IMAGE, false), OK);
    assert_int_equal(disk_sectors(&on_whole, &whole.disk, &buffer, &whole_sectors), OK);
    assert_int_equal(gpt_read(&gpt, &whole_sectors), OK);
    assert_int_equal(gpt.doubts, 0);
    assert_int_equal(gpt.count, 2);
    assert_int_equal(source_partition(&esp, &esp_extent, &whole.disk, &gpt, "EFI system"), OK);
    assert_string_equal(esp.disk.name, "disk0:1");
    assert_int_equal(esp.disk.sectors, 16 * MiB / 512);
    assert_int_equal(disk_sectors(&on_esp, &esp.disk, &buffer, &esp_sectors), OK);
    assert_int_equal(fat_open(&fat, &esp_sectors), OK);
}

static u32 dones;

static void note(struct disk_request *r, enum io_result result)
{
    (void)r;
    assert_int_equal(result, IO_DONE);
    dones++;
}

/* Fills a guest's disk, which is `below` behind a cache. */
static void fill(struct disk *below, u8 byte)
{
    static u8 data[64 * 512];
    const struct cache_memory memory = {
        {cached, 0, BLOCKS * CACHE_BLOCK}, block, bucket, BLOCKS, ARRAY_LEN(bucket), false};
    const struct io_segment segment = {data, 0, 512};

    assert_int_equal(cache_open(&cache, below, CACHE_WRITEBACK, &memory), OK);
    memset(data, byte, sizeof(data));
    for (u64 sector = 0; sector < below->sectors; sector++) {
        struct disk_request r = {.op = DISK_WRITE,
                                 .sector = sector,
                                 .sectors = 1,
                                 .segment = &segment,
                                 .segments = 1,
                                 .done = note};
        const u32 before = dones;

        assert_int_equal(disk_submit(&cache.disk, &r), OK);
        while (dones == before)
            (void)disk_poll(&cache.disk);
    }
    disk_stop(&cache.disk);
}

static void test_file(void **state)
{
    u64 bytes = 0;

    (void)state;
    open_disks();
    assert_int_equal(source_file(&part, extent, MOST, &esp.disk, &fat, "\\vm\\none", &bytes),
                     E_NOENT);
    assert_int_equal(
        source_file(&part, extent, MOST, &esp.disk, &fat, "\\vm\\Guest One.img", &bytes), OK);
    assert_int_equal(part.disk.sectors, (1000000 + 511) / 512);
    assert_int_equal(bytes, 1000000);
    fill(&part.disk, 'y');
    transfer(folder, "esp", "wb", image + ESP * 512, 16 * MiB);
    run_tool(
        "cd %s && /usr/sbin/fsck.vfat -n esp >/dev/null && mcopy -ni esp '::/vm/guest one.img' "
        "back && "
        "tr y z < back | cmp - file && ! cmp -s back file && mcopy -oni esp ::/other back && cmp "
        "back file",
        folder);
}

static void test_partition(void **state)
{
    u64 changed = 0;

    (void)state;
    open_disks();
    assert_int_equal(source_partition(&part, extent, &whole.disk, &gpt, "3"), E_NOENT);
    assert_int_equal(source_partition(&part, extent, &whole.disk, &gpt, "2"), OK);
    fill(&part.disk, 0xee);
    for (u64 i = 0; i < IMAGE; i++)
        changed += image[i] == 0xee;
    assert_in_range(changed, part.disk.sectors * 512, part.disk.sectors * 512 + 5000);
    transfer(folder, "disk", "wb", image, IMAGE);
    run_tool("cd %s && /usr/sbin/sgdisk -v disk | grep -q 'No problems found'", folder);
    open_disks(); /* the tables are what they were */
}

/* The volume that has a file: in a partition, on a disk without any, on none. */
static void test_volume(void **state)
{
    const struct io_segment buffer = {bounce, 0, sizeof(bounce)};
    u32 partition = 99;

    (void)state;
    open_disks();
    assert_int_equal(volume_find(&whole.disk, &buffer, "/vm/Guest One.img", &partition), OK);
    assert_int_equal(partition, 1);
    assert_int_equal(volume_find(&esp.disk, &buffer, "/other", &partition), OK);
    assert_int_equal(partition, 0);
    assert_int_equal(volume_find(&whole.disk, &buffer, "/vm", &partition), E_NOENT);
    assert_int_equal(volume_find(&whole.disk, &buffer, "/nothing", &partition), E_NOENT);
    assert_int_equal(
        volume_find(&whole.disk, &(struct io_segment){bounce, 0, 100}, "/other", &partition),
        E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_volume),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_partition),
    };

    return cmocka_run_group_tests(tests, make, clean);
}
