/* control/disk/fat.c: volumes that are right, volumes that are damaged, and volumes made by
 * mkfs.vfat and mtools, which also look at what was written in place. */
#include "tools/unit/fat_image.h"
#include "tools/unit/run_tool.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define MOST 8u

static struct volume v;
static struct fat f;
static struct sectors s;
static struct fat_entry e;
static struct fat_file file;
static struct extent x[MOST];

static err_t fresh(enum fat_kind kind)
{
    volume_init(&v, kind);
    s = volume_sectors(&v);
    return fat_open(&f, &s);
}

/* Opens the volume as it is now, and asks for a file's place. */
static err_t place(const char *path)
{
    s = volume_sectors(&v);
    const err_t err = fat_open(&f, &s);

    if (err != OK)
        return err;
    TRY(fat_find(&f, path, &e));
    return fat_extents(&f, &e, x, MOST, &file);
}

static void test_good(void **state)
{
    (void)state;
    for (enum fat_kind kind = FAT12; kind <= FAT32; kind++) {
        assert_int_equal(fresh(kind), OK);
        assert_int_equal(f.kind, kind);
        assert_int_equal(f.clusters, v.clusters);
        assert_int_equal(place("Disk Image.RAW"), OK);
        assert_string_equal(e.name, "Disk image.raw");
        assert_string_equal(e.short_name, "DISKIM~1.RAW");
        assert_int_equal(file.size, 5 * 512 - 100);
        assert_false(file.read_only);
        assert_int_equal(file.extents, 2);
        assert_int_equal(x[0].sector, f.data_first + 3);
        assert_int_equal(x[0].sectors, 3);
        assert_int_equal(x[1].sector, f.data_first + 18);
        assert_int_equal(x[1].sectors, 2);
        assert_int_equal(place("\\diskim~1.raw"), OK);
        /* more clusters than the size needs: the rest is not the file's */
        assert_int_equal(place("/sub/a.txt"), OK);
        assert_int_equal(file.extents, 1);
        assert_int_equal(x[0].sectors, 2);
        assert_true(file.read_only);
    }
}

static void test_list(void **state)
{
    static const char *const names[] = {"Disk image.raw", "SUB"};
    struct fat_folder folder;

    (void)state;
    for (enum fat_kind kind = FAT12; kind <= FAT32; kind++) {
        assert_int_equal(fresh(kind), OK);
        fat_root(&f, &folder);
        for (u32 i = 0; i < ARRAY_LEN(names); i++) {
            assert_int_equal(fat_next(&f, &folder, &e), OK);
            assert_string_equal(e.name, names[i]);
        }
        assert_int_equal(fat_next(&f, &folder, &e), E_NOENT);
        assert_int_equal(fat_next(&f, &folder, &e), E_NOENT);
    }
}

static void test_paths(void **state)
{
    static const struct {
        const char *path;
        err_t err;
    } cases[] = {
        {"", E_INVAL},
        {"\\", E_INVAL},
        {"sub\\", E_INVAL},
        {"sub\\\\a.txt", E_INVAL},
        {".", E_INVAL},
        {"sub/..", E_INVAL},
        {"none", E_NOENT},
        {"sub/none", E_NOENT},
        {"su", E_NOENT},
        {"subb", E_NOENT},
        {"lintel", E_NOENT},
        {"?old.txt", E_NOENT},
        {"sub/a.txt/b", E_NOENT},
        {"s?b", E_NOENT},
        {"sub", OK},
        {"SUB/A.TXT", OK},
    };

    (void)state;
    assert_int_equal(fresh(FAT16), OK);
    for (u32 i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(fat_find(&f, cases[i].path, &e), cases[i].err);
    assert_int_equal(place("sub"), E_INVAL); /* a folder has no place */
    assert_int_equal(fat_enter(&f, &(struct fat_entry){.cluster = 11}, &(struct fat_folder){0}),
                     E_INVAL);
}

/* ------------------------------------------------------------ damage */

static void test_boot(void **state)
{
    static const struct {
        u32 offset, value, bytes;
        err_t err;
    } cases[] = {
        {510, 0, 1, E_INVAL},         {11, 1024, 2, E_NOTSUP}, {11, 513, 2, E_INVAL},
        {11, 0, 2, E_INVAL},          {13, 0, 1, E_INVAL},     {13, 3, 1, E_INVAL},
        {14, 0, 2, E_INVAL},          {16, 0, 1, E_INVAL},     {16, 3, 1, E_INVAL},
        {17, 0, 2, E_INVAL},          {22, 0, 2, E_INVAL},     {22, 1, 2, E_INVAL},
        {32, 0, 4, E_INVAL},          {32, 1, 4, E_INVAL},     {14, 0xffff, 2, E_INVAL},
        {32, UINT32_MAX, 4, E_INVAL},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(fresh(FAT16), OK);
        volume_put(v.boot + cases[i].offset, cases[i].value, cases[i].bytes);
        assert_int_equal(place("sub"), cases[i].err);
    }
    assert_int_equal(fresh(FAT32), OK);
    volume_put(v.boot + 44, 1, 4); /* the root's cluster */
    assert_int_equal(place("sub"), E_INVAL);
    volume_put(v.boot + 44, 70002, 4);
    assert_int_equal(place("sub"), E_INVAL);
    volume_put(v.boot + 44, 2, 4);
    volume_put(v.boot + 40, 0x82, 2); /* a third copy is the active one */
    assert_int_equal(place("sub"), E_INVAL);
    volume_put(v.boot + 40, 0x81, 2); /* the second one */
    volume_link(&v, 0, 5, 0);
    assert_int_equal(place("disk image.raw"), OK);
    assert_true(file.read_only);
}

static void test_chains(void **state)
{
    static const struct {
        u32 copies; /* bit 0: the first, bit 1: the second */
        u32 cluster, next;
        err_t err;
        bool read_only;
    } cases[] = {
        {3, 5, 6, OK, false},
        {1, 21, 0x0fffffff, OK, false},
        {2, 6, 8, OK, true}, /* the copies differ: read-only */
        {3, 6, 0, E_INVAL, false},
        {3, 6, 1, E_INVAL, false},
        {3, 7, 5, E_INVAL, false}, /* a loop */
        {3, 6, 6, E_INVAL, false},
        {3, 7, 2002, E_INVAL, false},
        {3, 7, 0x0fffffff, E_INVAL, false}, /* too short */
        {3, 21, 0, E_INVAL, false},
        {3, 21, 22, OK, false}, /* longer than the file */
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(fresh(FAT12), OK);
        for (u32 copy = 0; copy < 2; copy++)
            if (cases[i].copies >> copy & 1)
                volume_link(&v, copy, cases[i].cluster, cases[i].next);
        assert_int_equal(place("disk image.raw"), cases[i].err);
        if (cases[i].err == OK)
            assert_int_equal(file.read_only, cases[i].read_only);
    }
}

static void test_pieces(void **state)
{
    (void)state;
    assert_int_equal(fresh(FAT16), OK);
    assert_int_equal(fat_find(&f, "disk image.raw", &e), OK);
    assert_int_equal(fat_extents(&f, &e, x, 1, &file), E_NOTSUP);
    assert_int_equal(fat_extents(&f, &e, x, 2, &file), OK);
    e.size = 0;
    assert_int_equal(fat_extents(&f, &e, x, 2, &file), E_INVAL);
    e.size = UINT32_MAX;
    assert_int_equal(fat_extents(&f, &e, x, 2, &file), E_INVAL);
}

/* A folder whose chain is a ring ends, and so do long names of any kind. */
static void test_folders(void **state)
{
    u8 *root;

    (void)state;
    assert_int_equal(fresh(FAT32), OK);
    volume_chain(&v, (const u32[]){2, 3, 0});
    volume_link(&v, 0, 3, 3);
    for (u32 i = 0; i < 1024; i += 32) /* the root has no end */
        volume_entry(v.data + i, "X          ", 0x20, 5, 1);
    v.reads = 0;
    assert_int_equal(place("sub"), E_INVAL);
    assert_true(v.reads < 10);

    assert_int_equal(fresh(FAT12), OK);
    root = volume_root(&v);
    root[64 + 13] ^= 1; /* the sum of one part: it is the short name's */
    assert_int_equal(place("disk image.raw"), E_NOENT);
    assert_int_equal(place("diskim~1.raw"), OK);
    assert_string_equal(e.name, "DISKIM~1.RAW");
    volume_long(root + 64, "Disk image.raw", 1, true, volume_sum("DISKIM~1RAW"));
    assert_int_equal(place("diskim~1.raw"), OK);
    root[64] = 0x40 | 63;
    assert_int_equal(place("diskim~1.raw"), OK);
    root[128 + 12] = 0x18; /* Windows NT: small letters */
    root[96] = 0xe5;
    assert_int_equal(place("diskim~1.raw"), OK);
    assert_string_equal(e.name, "diskim~1.raw");
}

/* ------------------------------------------------------------ volumes that others have made */

static FILE *real;

static err_t real_read(void *context, u64 sector, void *to)
{
    (void)context;
    return fseek(real, (long)sector * 512, SEEK_SET) == 0 && fread(to, 512, 1, real) == 1 ? OK
                                                                                          : E_IO;
}

static void run_real(const char *folder, u32 kind, u32 mib)
{
    static struct extent many[64];
    u8 sector[512], wanted[512];
    u64 done = 0;
    char path[128];

    snprintf(path, sizeof(path), "%s/image", folder);
    run_tool("truncate -s %uM %s && /usr/sbin/mkfs.vfat -F %u -n TEST %s >/dev/null", mib, path,
             kind, path);
    run_tool("cd %s && for i in 1 2 3 4 5 6 7 8; do mcopy -oi image small ::/small$i; done",
             folder);
    run_tool("cd %s && mdel -i image ::/small2 ::/small4 ::/small6", folder); /* holes */
    run_tool("cd %s && mmd -i image ::/deep '::/deep/A Folder' && "
             "mcopy -oi image big '::/deep/A Folder/A long name of a file.img'",
             folder);
    real = fopen(path, "r+b");
    assert_non_null(real);
    s = (struct sectors){real_read, NULL, (u64)mib * 2048, 512};
    assert_int_equal(fat_open(&f, &s), OK);
    assert_int_equal(f.kind, kind == 12 ? FAT12 : kind == 16 ? FAT16 : FAT32);
    assert_int_equal(fat_find(&f, "deep\\a folder\\a LONG name of a file.img", &e), OK);
    assert_int_equal(e.size, 300000);
    assert_int_equal(fat_extents(&f, &e, many, 64, &file), OK);
    assert_false(file.read_only);
    assert_true(file.extents >=
                (kind == 32 ? 1u : 2u)); /* around the small ones; FAT32 goes on behind */
    for (u32 i = 0; i < file.extents; i++)
        for (u64 n = 0; n < many[i].sectors; n++, done++) {
            assert_int_equal(real_read(NULL, many[i].sector + n, sector), OK);
            memset(wanted, (int)('a' + done % 26), sizeof(wanted));
            assert_memory_equal(sector, wanted, MIN(512u, 300000 - done * 512));
            memset(sector, (int)('A' + done % 26), sizeof(sector)); /* written in place */
            fseek(real, (long)(many[i].sector + n) * 512, SEEK_SET);
            assert_int_equal(fwrite(sector, 512, 1, real), 1);
        }
    assert_int_equal(done, (300000 + 511) / 512);
    fclose(real);
    run_tool("cd %s && mcopy -oni image '::/deep/A Folder/A long name of a file.img' back && "
             "tr A-Z a-z < back | cmp - big && ! cmp -s back big && "
             "/usr/sbin/fsck.vfat -n image >/dev/null",
             folder);
}

static void test_real(void **state)
{
    char folder[] = "/tmp/lintel-fat-XXXXXX", path[128];
    FILE *out;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/big", folder);
    out = fopen(path, "wb");
    assert_non_null(out);
    for (u32 i = 0; i < 300000; i++)
        fputc((int)('a' + i / 512 % 26), out);
    fclose(out);
    run_tool("head -c 3000 %s > %s/small", path, folder);
    run_real(folder, 12, 4);
    run_real(folder, 16, 16);
    run_real(folder, 32, 64);
    run_tool("rm -r %s", folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),    cmocka_unit_test(test_list),
        cmocka_unit_test(test_paths),   cmocka_unit_test(test_boot),
        cmocka_unit_test(test_chains),  cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_folders), cmocka_unit_test(test_real),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
