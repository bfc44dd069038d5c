/* control/disk/backing.h: guests' disks by their texts, of a disk that is partitioned by sgdisk and
 * has files of mtools; who may have what at the same time; and that all memory comes back. */
#include "control/disk/backing.h"
#include "control/disk/cache_map.h"
#include "control/disk/memory.h"
#include "control/memory.h"
#include "control/rt.h"
#include "tools/unit/fake_io.h"
#include "tools/unit/run_tool.h"
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define IMAGE (24 * MiB)
#define ESP   2048u   /* sectors */
#define FAR   BIT(63) /* no device reaches that */

static char folder[] = "/tmp/lintel-backing-XXXXXX";
static u8 *image;
static struct fake_io io;
static struct memory_disk machine;
static struct disk cd;
static char why[256];

/* ------------------------------------------------------------ what stands around it */

struct io_env *machine_env(void)
{
    return &io.env;
}

struct disk *machine_disk(const char *name)
{
    return strcmp(name, "ide0") == 0 ? &machine.disk : strcmp(name, "ide1") == 0 ? &cd : NULL;
}

u64 env_tsc(u64 us)
{
    return us;
}

u64 memory_free(void)
{
    return MiB;
}

void say(const char *format, ...)
{
    (void)format;
}

/* What lasts: one entry that an earlier life has left, or none. */
static struct lasting_entry left;
static u32 kept; /* times that something was to last */

err_t memory_lasts(const char *name, const void *first, u32 count, u32 word)
{
    assert_non_null(first);
    assert_non_null(strchr(name, '\n'));
    assert_true(count != 0);
    kept += word != 0;
    return OK;
}

const struct lasting_entry *memory_lasting(const char *name)
{
    if (left.at == 0 || left.is_his || strcmp(left.name, name) != 0)
        return NULL;
    left.is_his = true;
    return &left;
}

const struct lasting_entry *memory_left(void)
{
    return left.at != 0 && !left.is_his ? &left : NULL;
}

void memory_pages_free(void *first, u32 count)
{
    assert_ptr_equal(first, (void *)left.at);
    assert_int_equal(count, left.pages);
    fake_dma_free(&io.env, &(struct io_dma){first, left.at, 0});
    left.at = 0;
}

static void free_lasting(struct io_env *env, const struct io_dma *dma)
{
    fake_dma_free(env, dma);
    if (dma->bus == left.at)
        left.at = 0;
}

static int make(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    run_tool("cd %s && truncate -s %llu disk && "
             "/usr/sbin/sgdisk -n 1:%u:+16M -t 1:ef00 -c 1:system -n 2:0:0 -c 2:data disk "
             ">/dev/null && truncate -s 16M esp && /usr/sbin/mkfs.vfat esp >/dev/null && "
             "head -c 100000 /dev/zero | tr '\\0' z > file && mmd -i esp ::/vm && "
             "mcopy -i esp file ::/vm/one.img && mcopy -i esp file ::/vm/two.img",
             folder, IMAGE, ESP);
    image = malloc(IMAGE);
    assert_non_null(image);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    free(image);
    run_tool("rm -r %s", folder);
    return 0;
}

static int begin(void **state)
{
    static struct io_env_ops ops;

    (void)state;
    transfer(folder, "disk", "rb", image, IMAGE);
    transfer(folder, "esp", "rb", image + ESP * 512, 16 * MiB);
    fake_io_open(&io, NULL);
    ops = *io.env.ops;
    ops.dma_free = free_lasting;
    io.env.ops = &ops;
    assert_int_equal(memory_disk_open(&machine, &io.env, "ide0", image, IMAGE, false), OK);
    machine.disk.bus_last = IO_BUS_32;
    cd = machine.disk;
    cd.sectors = 0;
    cd.flags |= DISK_HAS_NO_MEDIUM;
    return 0;
}

static int end(void **state)
{
    (void)state;
    assert_true(fake_io_close(&io)); /* all memory has come back */
    return 0;
}

static struct disk *open_disk(const char *text)
{
    struct disk *disk = NULL;

    if (backing_open(text, "web", &disk, why, sizeof(why)) != OK)
        fail_msg("%s", why);
    return disk;
}

/* ------------------------------------------------------------ content */

static enum io_result answer;
static bool over;

static void done(struct disk_request *r, enum io_result result)
{
    (void)r;
    answer = result;
    over = true;
}

/* A request of 8 sectors of a guest's memory. */
static void run(struct disk *disk, enum disk_op op, u64 sector, u8 *data)
{
    const struct io_segment segment = {data, FAR, 4096};
    struct disk_request r = {
        .op = op, .sector = sector, .sectors = 8, .segment = &segment, .segments = 1, .done = done};

    over = false;
    assert_int_equal(disk_submit(disk, &r), OK);
    disk_kick(disk, 0);
    while (!over)
        (void)backing_poll();
    assert_int_equal(answer, IO_DONE);
}

static void require_byte(struct disk *disk, u64 sector, u8 byte)
{
    u8 data[4096] = {0};

    run(disk, DISK_READ, sector, data);
    for (u32 i = 0; i < sizeof(data); i++)
        assert_int_equal(data[i], byte);
}

static u64 changes(const u8 *before)
{
    u64 n = 0;

    for (u64 i = 0; i < IMAGE / 512; i++)
        n += memcmp(before + i * 512, image + i * 512, 512) != 0;
    return n;
}

static void test_content(void **state)
{
    static const char *const texts[] = {
        "ide0:data",          "ide0:2,cache=none", "ide0:data,cache=writethrough",
        "ide0:1:/vm/two.img", "ide0,cache=unsafe", "ide0:system:/VM/ONE.IMG,cache=none",
        "memory:64K"};
    u8 *const before = malloc(IMAGE);
    u8 data[4096], back[4096];

    (void)state;
    assert_non_null(before);
    for (u32 i = 0; i < ARRAY_LEN(texts); i++) {
        const bool memory = strncmp(texts[i], "memory", 6) == 0;
        struct disk *const disk = open_disk(texts[i]);

        assert_string_equal(why, "");
        memcpy(before, image, IMAGE);
        memset(data, (int)(0x30 + i), sizeof(data));
        run(disk, DISK_READ, 40, back);
        assert_true(!memory || (back[0] == 0 && memcmp(back, back + 1, 4095) == 0));
        run(disk, DISK_WRITE, 40, data);
        run(disk, DISK_READ, 40, back);
        assert_memory_equal(data, back, sizeof(data));
        backing_close(disk);
        assert_int_equal(changes(before), memory ? 0 : 8);
    }
    free(before);
    transfer(folder, "esp", "wb", image + ESP * 512, 16 * MiB);
    run_tool("cd %s && mcopy -ni esp ::/vm/two.img back && cmp -n 20480 back file && "
             "test $(tr -cd 3 < back | wc -c) = 4096 && test $(wc -c < back) = 100000",
             folder);
}

/* ------------------------------------------------------------ who has what */

static void test_rivals(void **state)
{
    static const struct {
        const char *first, *second;
        bool allowed;
    } cases[] = {
        {"ide0", "ide0", false},
        {"ide0,ro", "ide0,ro", true},
        {"ide0,ro", "ide0", false},
        {"ide0:1", "ide0:2", true},
        {"ide0:1", "ide0:system", false},
        {"ide0", "ide0:2", false},
        {"ide0:2,ro", "ide0", false},
        {"ide0:1:/vm/one.img", "ide0:1:/vm/two.img", true},
        {"ide0:1:/vm/one.img", "ide0:1:/vm/ONE.img,ro", false},
        {"ide0:1:/vm/one.img", "ide0:2", true},
        {"ide0:1:/vm/one.img", "ide0:1,ro", false},
        {"memory:4K", "memory:4K", true},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        struct disk *const first = open_disk(cases[i].first), *second = NULL;
        const err_t err = backing_open(cases[i].second, "db", &second, why, sizeof(why));

        assert_int_equal(err, cases[i].allowed ? OK : E_EXIST);
        if (!cases[i].allowed) {
            assert_non_null(strstr(why, "guest db: disk = "));
            assert_non_null(strstr(why, "guest web "));
        } else
            backing_close(second);
        backing_close(first);
        backing_close(open_disk(cases[i].second));
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        err_t err;
        const char *what;
    } cases[] = {
        {"ide0:", E_INVAL, "disk = ide0:: character 6: a partition is"},
        {"ide7", E_NOENT, "no disk ide7"},
        {"ide1:1", E_NOENT, "no medium in ide1"},
        {"ide0:3", E_NOENT, "no partition '3'; it has 1 'system', 2 'data'"},
        {"ide0:1:/vm/three.img", E_NOENT, "no file /vm/three.img on ide0:1"},
        {"ide0:1:/vm", E_INVAL, "a folder"},
        {"ide0:2:/f", E_INVAL, "ide0:2 has no FAT volume"},
        {"ide0::/f", E_INVAL, "ide0 has no FAT volume"},
        {"memory:512M", E_NOMEM, "set control_memory"},
    };
    struct disk *disk;

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(backing_open(cases[i].text, "web", &disk, why, sizeof(why)), cases[i].err);
        if (!strstr(why, cases[i].what) || !strstr(why, "guest web: disk = "))
            fail_msg("%s: %s", cases[i].text, why);
        assert_true(fake_io_close(&io));
    }
    memset(image + 512, 0, 512); /* one of two tables */
    disk = open_disk("ide0:2");
    assert_non_null(strstr(why, "read-only: the table at the beginning is damaged"));
    assert_true(disk->flags & DISK_IS_READ_ONLY);
    backing_close(disk);
    backing_close(open_disk("ide0:2,ro"));
    assert_string_equal(why, "");
    memset(image + IMAGE - 512, 0, 512);
    assert_int_equal(backing_open("ide0:2", "web", &disk, why, sizeof(why)), E_NOENT);
    assert_non_null(strstr(why, "no GUID partition table"));
}

/* Whatever memory is missing: refused, and the rest comes back. */
static void test_no_memory(void **state)
{
    static const char *const texts[] = {"ide0:1:/vm/one.img", "memory:64K"};
    struct disk *disk;

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(texts); i++) {
        u32 enough = 0;
        err_t err;

        do {
            io.allocations_left = enough++;
            err = backing_open(texts[i], "web", &disk, why, sizeof(why));
            if (err != OK && (err != E_NOMEM || !strstr(why, "set control_memory")))
                fail_msg("%u: error %d: %s", enough, err, why);
        } while (err != OK);
        assert_true(enough > 2);
        backing_close(disk);
        assert_true(fake_io_close(&io));
    }
}

#define ROOM_BLOCKS 16u

/* The memory of a cache with a dirty block, or other memory under that name; bus addresses are what
 * the control partition's are: the same. */
static u8 *leave(const char *name, u32 word)
{
    const u32 bytes = (u32)ALIGN_UP(
        ROOM_BLOCKS * (CACHE_BLOCK + sizeof(struct cache_block) + sizeof(void *)), PAGE_SIZE);
    u8 *const at = calloc(1, bytes);
    struct cache_block *const block = (void *)(at + ROOM_BLOCKS * CACHE_BLOCK);

    io.block[io.blocks++] = (struct io_dma){at, (u64)at, bytes};
    left = (struct lasting_entry){.at = (u64)at, .pages = (u32)(bytes / PAGE_SIZE), .word = word};
    snprintf(left.name, sizeof(left.name), "%s", name);
    memset(at + 3 * CACHE_BLOCK, 'd', CACHE_BLOCK);
    block[3] = (struct cache_block){.number = 5, .dirty = 0x0f, .writing = 0xf0, .pins = 77};
    return at;
}

#define DATA (ESP + 16 * MiB / 512) /* the second partition's first sector */

/* A guest that is no more has left it: it is written back, and all memory comes back. */
static void test_left(void **state)
{
    const u8 *const block = image + DATA * 512 + 5 * CACHE_BLOCK;

    (void)state;
    (void)leave("web\nide0:2", ROOM_BLOCKS);
    assert_int_equal(block[0], 0);
    backing_finish_left();
    for (u32 i = 0; i < CACHE_BLOCK; i++)
        assert_int_equal(block[i], 'd');
    assert_int_equal(io.blocks, 0);
}

/* No cache's memory, a disk that is not there, a disk in memory: it is given up. */
static void test_left_otherwise(void **state)
{
    static const struct {
        const char *name;
        u32 word;
    } cases[] = {
        {"web\nide0:2", ROOM_BLOCKS + 5},
        {"web\nide7:2", ROOM_BLOCKS},
        {"web", ROOM_BLOCKS},
        {"web\nmemory:64K", 0},
        {"\n", 1},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        (void)leave(cases[i].name, cases[i].word);
        backing_finish_left();
        assert_true(left.at == 0);
        assert_int_equal(io.blocks, 0);
    }
}

/* The guest lives: it reads what was not written yet, of a cache and of a disk in memory. */
static void test_goes_on(void **state)
{
    struct disk *disk;
    const u8 *at;

    (void)state;
    (void)leave("web\nide0:2", ROOM_BLOCKS);
    kept = 0;
    disk = open_disk("ide0:2");
    require_byte(disk, 5 * CACHE_BLOCK / 512, 'd');
    assert_int_equal(kept, 0); /* it lasts already */
    backing_close(disk);
    disk = open_disk("ide0:2");
    assert_int_equal(kept, 1);
    backing_close(disk);
    at = leave("web\nmemory:64K", 0);
    left.pages = 16;
    disk = open_disk("memory:64K");
    assert_int_equal(at[3 * CACHE_BLOCK], 'd');
    require_byte(disk, 3 * CACHE_BLOCK / 512, 'd');
    backing_close(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_content, begin, end),
        cmocka_unit_test_setup_teardown(test_rivals, begin, end),
        cmocka_unit_test_setup_teardown(test_refused, begin, end),
        cmocka_unit_test_setup_teardown(test_no_memory, begin, end),
        cmocka_unit_test_setup_teardown(test_left, begin, end),
        cmocka_unit_test_setup_teardown(test_left_otherwise, begin, end),
        cmocka_unit_test_setup_teardown(test_goes_on, begin, end),
    };

    return cmocka_run_group_tests(tests, make, clean);
}
