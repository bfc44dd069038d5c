/* Rings that a driver must not make: each stops with its own fault, and says so; and the edges of
 * what it may make. */
#include "control/virtio/ring.h"
#include "virtio_driver.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SIZE     8u
#define ROOM     6u
#define TABLE_AT (DRV_BASE + 0x4000)
#define DATA_AT  (DRV_BASE + 0x8000)

static struct grant grant;
static struct drv_queue driver;
static struct vring ring;
static struct io_segment room[ROOM];
static struct vring_chain chain = {.segment = room, .room = ROOM};

static struct vring_place place(bool indirect)
{
    return (struct vring_place){.size = SIZE,
                                .desc = {driver.desc_at},
                                .avail = {driver.avail_at},
                                .used = {driver.used_at},
                                .indirect = indirect};
}

static void begin(bool indirect)
{
    drv_grant(&grant);
    (void)drv_queue_init(&driver, DRV_BASE, SIZE, false);
    const struct vring_place p = place(indirect);
    assert_int_equal(vring_start(&ring, &grant, &p), OK);
}

static void expect_fault(enum vring_error error, const char *text)
{
    char said[200];

    assert_int_equal(ring.fault.error, error);
    vring_fault_text(&ring.fault, said, sizeof(said));
    assert_string_equal(said, text);
    /* For good: */
    assert_false(vring_take(&ring, &chain));
    assert_false(vring_publish(&ring));
    assert_false(vring_want_kicks(&ring, true));
    assert_int_equal(ring.fault.error, error);
}

// clang-format off
/* Descriptors 0 to 3, entered at 1; and an indirect table that the first of these may name. */
static const struct bad {
    struct virtq_desc desc[4], table[3];
    enum vring_error error;
    const char *text;
} bads[] = {
    { .desc = {[1] = {DATA_AT, 16, VIRTQ_DESC_F_NEXT, 8}},
      .error = VRING_INDEX, .text = "there is no such descriptor (chain 1, descriptor 8)" },
    { .desc = {[1] = {DATA_AT, 0, VIRTQ_DESC_F_NEXT, 2}, [2] = {DATA_AT, 0, VIRTQ_DESC_F_NEXT, 1}},
      .error = VRING_LOOP, .text = "the chain is a loop (chain 1, descriptor 1)" },
    { .desc = {[1] = {DATA_AT, 1, VIRTQ_DESC_F_NEXT, 2}, [2] = {DATA_AT, 1, VIRTQ_DESC_F_NEXT, 1}},
      .error = VRING_LONG, .text = "the chain has more buffers than the device takes (chain 1, descriptor 1)" },
    { .desc = {[1] = {DATA_AT, 0xffffffff, VIRTQ_DESC_F_WRITE, 0}},
      .error = VRING_BUFFER,
      .text = "a buffer is not in the guest's memory (chain 1, descriptor 1: 0x108000, 4294967295 bytes)" },
    { .desc = {[1] = {DRV_END - 8, 9, 0, 0}},
      .error = VRING_BUFFER, .text = "a buffer is not in the guest's memory (chain 1, descriptor 1: 0x1ffff8, 9 bytes)" },
    { .desc = {[1] = {DRV_BASE - 1, 1, 0, 0}},
      .error = VRING_BUFFER, .text = "a buffer is not in the guest's memory (chain 1, descriptor 1: 0xfffff, 1 bytes)" },
    { .desc = {[1] = {~0ull, 2, 0, 0}},
      .error = VRING_BUFFER,
      .text = "a buffer is not in the guest's memory (chain 1, descriptor 1: 0xffffffffffffffff, 2 bytes)" },
    { .desc = {[1] = {DATA_AT, 16, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE, 3}, [3] = {DATA_AT, 2, 0, 0}},
      .error = VRING_ORDER,
      .text = "a buffer to be read follows one to be written (chain 1, descriptor 3: 0x108000, 2 bytes)" },
    { .desc = {[1] = {DATA_AT, 16, VIRTQ_DESC_F_NEXT, 2}, [2] = {DATA_AT, 0xfffffff0, 0, 0}},
      .error = VRING_BYTES,
      .text = "the chain's buffers have 4 GiB or more (chain 1, descriptor 2: 0x108000, 4294967280 bytes)" },
    { .desc = {[1] = {TABLE_AT, 16, VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_NEXT, 2}},
      .error = VRING_NESTED, .text = "an indirect table is not the last descriptor of a queue's chain "
                                     "(chain 1, descriptor 1: 0x104000, 16 bytes)" },
    { .desc = {[1] = {TABLE_AT, 16, VIRTQ_DESC_F_INDIRECT, 0}},
      .table = {{TABLE_AT, 16, VIRTQ_DESC_F_INDIRECT, 0}},
      .error = VRING_NESTED, .text = "an indirect table is not the last descriptor of a queue's chain "
                                     "(chain 1, descriptor 0: 0x104000, 16 bytes)" },
    { .desc = {[1] = {TABLE_AT, 24, VIRTQ_DESC_F_INDIRECT, 0}},
      .error = VRING_TABLE_LENGTH, .text = "an indirect table has not 1 to 1024 whole descriptors "
                                           "(chain 1, descriptor 1: 0x104000, 24 bytes)" },
    { .desc = {[1] = {TABLE_AT, 0, VIRTQ_DESC_F_INDIRECT, 0}},
      .error = VRING_TABLE_LENGTH, .text = "an indirect table has not 1 to 1024 whole descriptors "
                                           "(chain 1, descriptor 1: 0x104000, 0 bytes)" },
    { .desc = {[1] = {TABLE_AT, 1025 * 16, VIRTQ_DESC_F_INDIRECT, 0}},
      .error = VRING_TABLE_LENGTH, .text = "an indirect table has not 1 to 1024 whole descriptors "
                                           "(chain 1, descriptor 1: 0x104000, 16400 bytes)" },
    { .desc = {[1] = {DRV_END - 16, 32, VIRTQ_DESC_F_INDIRECT, 0}},
      .error = VRING_TABLE, .text = "an indirect table is not in the guest's memory "
                                    "(chain 1, descriptor 1: 0x1ffff0, 32 bytes)" },
    { .desc = {[1] = {TABLE_AT, 32, VIRTQ_DESC_F_INDIRECT, 0}},
      .table = {{DATA_AT, 1, VIRTQ_DESC_F_NEXT, 2}},
      .error = VRING_INDEX, .text = "there is no such descriptor (chain 1, descriptor 2)" },
    { .desc = {[1] = {TABLE_AT, 32, VIRTQ_DESC_F_INDIRECT, 0}},
      .table = {{DATA_AT, 0, VIRTQ_DESC_F_NEXT, 1}, {DATA_AT, 0, VIRTQ_DESC_F_NEXT, 0}},
      .error = VRING_LOOP, .text = "the chain is a loop (chain 1, descriptor 0)" },
};
// clang-format on

static void expose(u16 head)
{
    driver.avail->ring[driver.avail_idx++ & (SIZE - 1)] = head;
    (void)drv_show(&driver);
}

static void test_bad_chains(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bads); i++) {
        begin(true);
        memcpy(driver.desc, bads[i].desc, sizeof(bads[i].desc));
        drv_write(TABLE_AT, bads[i].table, sizeof(bads[i].table));
        expose(1);
        assert_false(vring_take(&ring, &chain));
        expect_fault(bads[i].error, bads[i].text);
    }
}

static void test_not_negotiated(void **state)
{
    (void)state;
    begin(false);
    driver.desc[0] = (struct virtq_desc){TABLE_AT, 16, VIRTQ_DESC_F_INDIRECT, 0};
    expose(0);
    assert_false(vring_take(&ring, &chain));
    expect_fault(VRING_NO_INDIRECT, "indirect descriptors were not negotiated "
                                    "(chain 0, descriptor 0: 0x104000, 16 bytes)");
}

static void test_bad_index(void **state)
{
    (void)state;
    begin(false);
    expose(SIZE);
    assert_false(vring_take(&ring, &chain));
    expect_fault(VRING_INDEX, "there is no such descriptor (chain 8, descriptor 8)");

    begin(false);
    driver.avail->idx = SIZE + 1;
    assert_false(vring_take(&ring, &chain));
    expect_fault(VRING_AVAIL_IDX, "avail.idx is further ahead than the queue is long (9 after 0)");

    begin(false);
    driver.avail->idx = 0xffff; /* one back */
    assert_false(vring_take(&ring, &chain));
    expect_fault(VRING_AVAIL_IDX,
                 "avail.idx is further ahead than the queue is long (65535 after 0)");
}

static void test_too_many(void **state)
{
    (void)state;
    begin(false);
    driver.desc[0] = (struct virtq_desc){DATA_AT, 1, 0, 0};
    for (u32 i = 0; i < SIZE; i++) {
        expose(0); /* the same one again and again: harmless, but for the number of them */
        assert_true(vring_take(&ring, &chain));
    }
    expose(0);
    assert_false(vring_take(&ring, &chain));
    expect_fault(VRING_OPEN,
                 "more chains are outstanding than there are descriptors (chain 0, descriptor 8)");
}

static void test_bad_places(void **state)
{
    // clang-format off
    static const struct { u16 size; u64 desc, avail, used; enum vring_error error; const char *text; } cases[] = {
        { 0, DRV_BASE, DRV_BASE, DRV_BASE, VRING_SIZE, "the queue's size is no power of two up to 32768 (0x0, 0)" },
        { 3, DRV_BASE, DRV_BASE, DRV_BASE, VRING_SIZE, "the queue's size is no power of two up to 32768 (0x0, 3)" },
        { 32769, DRV_BASE, DRV_BASE, DRV_BASE, VRING_SIZE, "the queue's size is no power of two up to 32768 (0x0, 32769)" },
        { 8, DRV_BASE + 8, DRV_BASE, DRV_BASE, VRING_ALIGN, "an area of the queue is not aligned (0x100008, 128)" },
        { 8, DRV_BASE, DRV_BASE + 1, DRV_BASE, VRING_ALIGN, "an area of the queue is not aligned (0x100001, 22)" },
        { 8, DRV_BASE, DRV_BASE, DRV_BASE + 2, VRING_ALIGN, "an area of the queue is not aligned (0x100002, 70)" },
        { 8, DRV_END - 112, DRV_BASE, DRV_BASE, VRING_AREA, "an area of the queue is not in the guest's memory (0x1fff90, 128)" },
        { 8, DRV_BASE, DRV_END - 20, DRV_BASE, VRING_AREA, "an area of the queue is not in the guest's memory (0x1fffec, 22)" },
        { 8, DRV_BASE, DRV_BASE, DRV_BASE - 4, VRING_AREA, "an area of the queue is not in the guest's memory (0xffffc, 70)" },
        { 8, DRV_BASE, DRV_BASE, ~3ull, VRING_AREA, "an area of the queue is not in the guest's memory (0xfffffffffffffffc, 70)" },
        { 8, DRV_BASE + DRV_HALF - 64, DRV_BASE, DRV_BASE, VRING_AREA, "an area of the queue is not in the guest's memory (0x17ffc0, 128)" },
    };
    // clang-format on
    (void)state;
    drv_grant(&grant);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct vring_place p = {.size = cases[i].size,
                                      .desc = {cases[i].desc},
                                      .avail = {cases[i].avail},
                                      .used = {cases[i].used}};
        assert_int_equal(vring_start(&ring, &grant, &p), E_INVAL);
        expect_fault(cases[i].error, cases[i].text);
    }
}

/* The guest takes its memory back while the ring is in use. */
static void test_revoked(void **state)
{
    (void)state;
    begin(false);
    driver.desc[0] = (struct virtq_desc){DATA_AT, 1, 0, 0};
    expose(0), expose(0);
    assert_true(vring_take(&ring, &chain));
    assert_int_equal(grant_remove(&grant, (gpa_t){DRV_BASE + DRV_HALF}), OK);
    assert_true(vring_take(&ring, &chain)); /* nothing of it lies there */
    assert_int_equal(grant_remove(&grant, (gpa_t){DRV_BASE}), OK);
    vring_give(&ring, 0, 0);
    assert_int_equal(driver.used->ring[0].id, 0);
    expect_fault(VRING_AREA, "an area of the queue is not in the guest's memory (0x100000, 128)");
}

static void test_most_that_fits(void **state)
{
    struct drv_buffer b[ROOM];

    (void)state;
    begin(true);
    for (u32 i = 0; i < ROOM; i++)
        b[i] = (struct drv_buffer){DATA_AT + i, 1, i >= 2};
    const u16 head = drv_add(&driver, b, ROOM, 0, 0);
    (void)drv_show(&driver);
    assert_true(vring_take(&ring, &chain));
    assert_int_equal(chain.outs, 2);
    assert_int_equal(chain.ins, ROOM - 2);
    vring_give(&ring, head, 3);
    assert_true(vring_publish(&ring));
    /* A table at an odd address, which may be so. */
    assert_int_equal(drv_add(&driver, b, 1, 1, TABLE_AT + 1), 6);
    (void)drv_show(&driver);
    assert_true(vring_take(&ring, &chain));
    assert_int_equal(chain.outs, 1);
    assert_ptr_equal(chain.segment[0].at, drv_byte(DATA_AT));
}

static void test_grant(void **state)
{
    struct grant g = {.ranges = 0};
    struct io_segment piece;
    u8 bytes[64];

    (void)state;
    assert_int_equal(grant_add(&g, (gpa_t){0x1000}, 0, bytes, 0), E_INVAL);
    assert_int_equal(grant_add(&g, (gpa_t){~0ull}, 2, bytes, 0), E_INVAL);
    assert_int_equal(grant_add(&g, (gpa_t){0x1000}, 16, bytes, 0x500), OK);
    assert_int_equal(grant_add(&g, (gpa_t){0x100f}, 16, bytes, 0), E_EXIST);
    assert_int_equal(grant_add(&g, (gpa_t){0xff1}, 16, bytes, 0), E_EXIST);
    assert_int_equal(grant_add(&g, (gpa_t){0x1010}, 16, bytes + 32, 0x900), OK);
    assert_true(grant_piece(&g, (gpa_t){0x100c}, 8, &piece));
    assert_ptr_equal(piece.at, bytes + 12);
    assert_int_equal(piece.bus, 0x50c);
    assert_int_equal(piece.len, 4);
    assert_true(grant_piece(&g, (gpa_t){0x1010}, 8, &piece));
    assert_ptr_equal(piece.at, bytes + 32);
    assert_int_equal(piece.bus, 0x900);
    assert_int_equal(piece.len, 8);
    assert_false(grant_piece(&g, (gpa_t){0x1020}, 1, &piece));
    assert_false(grant_piece(&g, (gpa_t){0xfff}, 1, &piece));
    assert_false(grant_piece(&g, (gpa_t){0x1000}, 0, &piece));
    assert_null(grant_whole(&g, (gpa_t){0x100c}, 8));
    assert_null(grant_whole(&g, (gpa_t){0x100c}, 0));
    assert_ptr_equal(grant_whole(&g, (gpa_t){0x100c}, 4), bytes + 12);
    for (u32 i = g.ranges; i < GRANT_RANGES; i++)
        assert_int_equal(grant_add(&g, (gpa_t){0x2000 * i}, 1, bytes, 0), OK);
    assert_int_equal(grant_add(&g, (gpa_t){0x90000}, 1, bytes, 0), E_NOMEM);
    assert_int_equal(grant_remove(&g, (gpa_t){0x1001}), E_NOENT);
    assert_int_equal(grant_remove(&g, (gpa_t){0x1000}), OK);
    assert_false(grant_piece(&g, (gpa_t){0x1000}, 1, &piece));
    assert_ptr_equal(grant_whole(&g, (gpa_t){0x101f}, 1), bytes + 47);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_chains),     cmocka_unit_test(test_not_negotiated),
        cmocka_unit_test(test_bad_index),      cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_bad_places),     cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_most_that_fits), cmocka_unit_test(test_grant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
