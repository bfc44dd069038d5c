/* control/disk/gpt.c: partitions of a good disk, and every way in which a table can be wrong. */
#include "tools/unit/gpt_image.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct image m;
static struct gpt g;

static err_t take(void)
{
    const struct sectors s = image_sectors(&m);

    return gpt_read(&g, &s);
}

static int fresh(void **state)
{
    (void)state;
    image_init(&m);
    image_partition(&m, 0, 100, 199, "EFI system");
    image_partition(&m, 3, 200, 200, "root");
    return 0;
}

static void test_crc(void **state)
{
    (void)state;
    /* the check value of CRC-32 */
    assert_int_equal(~crc32_add(CRC32_BEGIN, "123456789", 9), 0xcbf43926u);
    assert_int_equal(~crc32_add(crc32_add(CRC32_BEGIN, "1234", 4), "56789", 5), 0xcbf43926u);
}

static void test_good(void **state)
{
    (void)state;
    assert_int_equal(take(), OK);
    assert_int_equal(g.doubts, 0);
    assert_int_equal(g.count, 2);
    assert_int_equal(g.partition[0].number, 1);
    assert_int_equal(g.partition[0].first, 100);
    assert_int_equal(g.partition[0].sectors, 100);
    assert_string_equal(g.partition[0].name, "EFI system");
    assert_false(g.partition[0].read_only);
    assert_ptr_equal(gpt_find(&g, "4"), &g.partition[1]);
    assert_ptr_equal(gpt_find(&g, "root"), &g.partition[1]);
    assert_int_equal(g.partition[1].sectors, 1);
    assert_null(gpt_find(&g, "2"));
    assert_null(gpt_find(&g, ""));
    assert_null(gpt_find(&g, "0"));
    assert_null(gpt_find(&g, "roo"));
    assert_null(gpt_find(&g, "4294967300"));
}

/* A row changes bytes of one or both tables, with their CRCs made right again or not. */
static const struct {
    u32 sector; /* of the header, the MBR; entries: ENTRY */
    u32 offset;
    u64 value;
    u32 bytes;
    bool sign, both;
    u32 doubts;
    err_t err;
} damages[] = {
#define ENTRY 1000u
    {0, 510, 0, 1, false, false, BIT32(GPT_MBR), OK},
    {0, 450, 0x83, 1, false, false, BIT32(GPT_MBR), OK},
    {0, 466, 0x83, 1, false, false, BIT32(GPT_MBR), OK}, /* a hybrid */
    {0, 454, 2, 4, false, false, BIT32(GPT_MBR), OK},
    {1, 0, 'x', 1, false, false, BIT32(GPT_PRIMARY), OK},
    {1, 16, 0, 4, false, false, BIT32(GPT_PRIMARY), OK},
    {1, 50, 1, 1, false, false, BIT32(GPT_PRIMARY), OK},
    {511, 0, 'x', 1, false, false, BIT32(GPT_BACKUP), OK},
    {1, 8, 0x20000, 4, true, false, BIT32(GPT_PRIMARY), OK},
    {1, 12, 91, 4, true, false, BIT32(GPT_PRIMARY), OK},
    {1, 12, 513, 4, true, false, BIT32(GPT_PRIMARY), OK},
    {1, 24, 2, 8, true, false, BIT32(GPT_PRIMARY), OK},
    {511, 24, 600, 8, true, false, BIT32(GPT_BACKUP), OK},
    {1, 56, 'x', 1, true, false, BIT32(GPT_DIFFERENT), OK}, /* another disk's */
    {1, 32, 100, 8, true, false, BIT32(GPT_DIFFERENT), OK},
    {1, 40, 2, 8, true, false, BIT32(GPT_PRIMARY), OK}, /* over the table */
    {1, 40, 7, 8, true, false, BIT32(GPT_DIFFERENT), OK},
    {1, 40, 510, 8, true, false, BIT32(GPT_PRIMARY), OK},
    {1, 48, 511, 8, true, false, BIT32(GPT_PRIMARY), OK}, /* over the other header */
    {511, 40, 1, 8, true, false, BIT32(GPT_BACKUP), OK},
    {1, 48, 512, 8, true, false, BIT32(GPT_PRIMARY), OK},
    {1, 48, UINT64_MAX, 8, true, false, BIT32(GPT_PRIMARY), OK},
    {1, 72, 1, 8, true, false, BIT32(GPT_PRIMARY), OK},
    {1, 72, UINT64_MAX, 8, true, false, BIT32(GPT_PRIMARY), OK},
    {511, 72, 511, 8, true, false, BIT32(GPT_BACKUP), OK},
    {1, 80, 0, 4, true, false, BIT32(GPT_PRIMARY), OK},
    {1, 80, UINT32_MAX, 4, true, false, BIT32(GPT_PRIMARY), OK},
    {1, 84, 64, 4, true, false, BIT32(GPT_PRIMARY), OK},
    {1, 84, 192, 4, true, false, BIT32(GPT_PRIMARY), OK},
    {1, 84, 1024, 4, true, false, BIT32(GPT_PRIMARY), OK},
    {ENTRY, 60, 'x', 1, false, false, BIT32(GPT_PRIMARY), OK},
    {ENTRY, 60, 'x', 1, true, false, BIT32(GPT_DIFFERENT), OK},
    {ENTRY, 60, 'x', 1, false, true, 0, E_INVAL},
    {ENTRY, 60, 'x', 1, true, true, 0, OK},
    {ENTRY, 32, 2, 8, true, true, BIT32(GPT_ENTRY), OK},
    {ENTRY, 40, 511, 8, true, true, BIT32(GPT_ENTRY), OK},
    {ENTRY, 40, 99, 8, true, true, BIT32(GPT_ENTRY), OK},
    {ENTRY, 40, UINT64_MAX, 8, true, true, BIT32(GPT_ENTRY), OK},
    {ENTRY, 40, 200, 8, true, true, BIT32(GPT_OVERLAP), OK},
    {1, 0, 'x', 1, false, true, 0, E_NOENT},
    {1, 16, 0, 4, false, true, 0, E_INVAL},
};

static void test_damages(void **state)
{
    for (u32 i = 0; i < ARRAY_LEN(damages); i++) {
        (void)fresh(state);
        for (u32 backup = 0; backup <= damages[i].both; backup++) {
            const bool last = backup || damages[i].sector == 511;
            const u32 sector = backup ? IMAGE_SECTORS - 1 : damages[i].sector;
            u8 *const at = damages[i].sector == ENTRY ? image_entry(&m, backup, 0) : m.at[sector];

            image_put(at + damages[i].offset, damages[i].value, damages[i].bytes);
            if (damages[i].sign && damages[i].sector != ENTRY) { /* the header alone */
                image_put(at + 16, 0, 4);
                image_put(at + 16, ~crc32_add(CRC32_BEGIN, at, MIN(get32(at + 12), 512u)), 4);
            } else if (damages[i].sign)
                image_sign(&m, last);
        }
        assert_int_equal(take(), damages[i].err);
        if (damages[i].err != OK)
            continue;
        assert_int_equal(g.doubts, damages[i].doubts);
        assert_int_equal(g.count, damages[i].doubts == BIT32(GPT_ENTRY) ? 1 : 2);
        for (u32 p = 0; p < g.count; p++)
            assert_int_equal(g.partition[p].read_only, g.doubts != 0);
        for (u32 d = 0; d < GPT_DOUBTS; d++)
            assert_true(strlen(gpt_doubt_text((enum gpt_doubt)d)) > 20);
    }
}

static void test_attribute(void **state)
{
    (void)state;
    for (u32 backup = 0; backup < 2; backup++) {
        image_put(image_entry(&m, backup, 0) + 48, BIT(60), 8);
        image_sign(&m, backup);
    }
    assert_int_equal(take(), OK);
    assert_true(g.partition[0].read_only);
    assert_false(g.partition[1].read_only);
}

/* Each read fails in turn. */
static void test_errors(void **state)
{
    const struct sectors tiny = {image_read, &m, 5, 512};
    u32 good = 0;

    (void)state;
    assert_int_equal(gpt_read(&g, &tiny), E_NOENT);
    for (u32 reads = 0; reads < 40; reads++) {
        m.reads_left = reads;
        const err_t err = take();

        assert_true(err == OK || err == E_IO);
        good += err == OK && g.doubts == 0;
    }
    assert_true(good > 0 && good < 35);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc),
        cmocka_unit_test_setup(test_good, fresh),
        cmocka_unit_test(test_damages),
        cmocka_unit_test_setup(test_attribute, fresh),
        cmocka_unit_test_setup(test_errors, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
