/* Requests to virtio-blk, one by one: what is answered to good and to bad ones, what the
 * configuration says, what an error of the disk becomes. */
#include "blk_driver.h"

static int begin(void **state)
{
    (void)state;
    attach(512, NULL);
    start(ALL);
    return 0;
}

/* A request of `data` bytes; gives the status, and what the driver is told. */
static u8 request(u32 type, u64 sector, u32 data, bool in, u32 *len)
{
    const struct virtio_blk_header h = {.type = type, .sector = sector};
    const struct drv_buffer b[3] = {
        {JOBS_AT, sizeof(h), false}, {JOBS_AT + 64, data, in}, {JOBS_AT + 60, 1, true}};
    u32 head;

    drv_write(JOBS_AT, &h, sizeof(h));
    *drv_byte(JOBS_AT + 60) = 0xee;
    (void)drv_add(&q[0], b, 3, 0, 0);
    (void)drv_show(&q[0]);
    drv_kick(&d, 0);
    (void)virtio_work(&blk.v);
    for (u32 i = 0; i < 64; i++)
        (void)disk_poll(&disk.disk);
    (void)virtio_work(&blk.v);
    assert_true(drv_used(&q[0], &head, len));
    assert_int_equal(blk.v.queue[0].held, 0);
    return *drv_byte(JOBS_AT + 60);
}

static void test_answers(void **state)
{
    const u64 end = FAKE_SECTORS_MAX;
    // clang-format off
    const struct { u32 type; u64 sector; u32 data; bool in; u8 status; u32 len; } cases[] = {
        { VIRTIO_BLK_T_IN, 0, 512, true, VIRTIO_BLK_S_OK, 513 },
        { VIRTIO_BLK_T_IN, end - 1, 512, true, VIRTIO_BLK_S_OK, 513 },
        { VIRTIO_BLK_T_IN, end, 512, true, VIRTIO_BLK_S_IOERR, 513 },
        { VIRTIO_BLK_T_IN, end - 1, 1024, true, VIRTIO_BLK_S_IOERR, 1025 },
        { VIRTIO_BLK_T_IN, ~0ull, 512, true, VIRTIO_BLK_S_IOERR, 513 },
        { VIRTIO_BLK_T_IN, 1ull << 55, 512, true, VIRTIO_BLK_S_IOERR, 513 },
        { VIRTIO_BLK_T_IN, 0, 511, true, VIRTIO_BLK_S_IOERR, 512 },
        { VIRTIO_BLK_T_IN, 0, 0, true, VIRTIO_BLK_S_OK, 1 },
        { VIRTIO_BLK_T_IN, 0, 512, false, VIRTIO_BLK_S_OK, 1 }, /* no room: nothing is read */
        { VIRTIO_BLK_T_OUT, 0, 512, false, VIRTIO_BLK_S_OK, 1 },
        { VIRTIO_BLK_T_OUT, end, 512, false, VIRTIO_BLK_S_IOERR, 1 },
        { VIRTIO_BLK_T_FLUSH, 0, 0, false, VIRTIO_BLK_S_OK, 1 },
        { VIRTIO_BLK_T_FLUSH, 99, 0, false, VIRTIO_BLK_S_OK, 1 },
        { VIRTIO_BLK_T_GET_ID, 0, 20, true, VIRTIO_BLK_S_OK, 21 },
        { VIRTIO_BLK_T_GET_ID, 0, 5, true, VIRTIO_BLK_S_OK, 6 },
        { 2, 0, 512, true, VIRTIO_BLK_S_UNSUPP, 1 },
        { 12, 0, 512, true, VIRTIO_BLK_S_UNSUPP, 1 },
        { ~0u, 0, 512, true, VIRTIO_BLK_S_UNSUPP, 1 },
        { VIRTIO_BLK_T_DISCARD, 0, 0, false, VIRTIO_BLK_S_IOERR, 1 },
        { VIRTIO_BLK_T_DISCARD, 0, 15, false, VIRTIO_BLK_S_IOERR, 1 },
        { VIRTIO_BLK_T_DISCARD, 0, 9 * 16, false, VIRTIO_BLK_S_IOERR, 1 },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        u32 len = 0;
        memset(drv_byte(JOBS_AT + 64), 0, 2048);
        assert_int_equal(request(cases[i].type, cases[i].sector, cases[i].data, cases[i].in, &len),
                         cases[i].status);
        assert_int_equal(len, cases[i].len);
    }
    assert_int_equal(f.says, 0);
}

static void test_ranges(void **state)
{
    // clang-format off
    static const struct { u32 type; struct virtio_blk_range r[2]; u8 status; } cases[] = {
        { VIRTIO_BLK_T_DISCARD, {{0, 8, 0}, {FAKE_SECTORS_MAX - 1, 1, 0}}, VIRTIO_BLK_S_OK },
        { VIRTIO_BLK_T_DISCARD, {{0, 8, 0}, {FAKE_SECTORS_MAX, 1, 0}}, VIRTIO_BLK_S_IOERR },
        { VIRTIO_BLK_T_DISCARD, {{0, 8, 0}, {1, ~0u, 0}}, VIRTIO_BLK_S_IOERR },
        { VIRTIO_BLK_T_DISCARD, {{0, 8, 0}, {~0ull, 2, 0}}, VIRTIO_BLK_S_IOERR },
        { VIRTIO_BLK_T_DISCARD, {{0, 8, VIRTIO_BLK_RANGE_F_UNMAP}, {0, 1, 0}}, VIRTIO_BLK_S_UNSUPP },
        { VIRTIO_BLK_T_WRITE_ZEROES, {{0, 8, VIRTIO_BLK_RANGE_F_UNMAP}, {9, 1, 0}}, VIRTIO_BLK_S_OK },
        { VIRTIO_BLK_T_WRITE_ZEROES, {{0, 8, 2}, {9, 1, 0}}, VIRTIO_BLK_S_UNSUPP },
        { VIRTIO_BLK_T_WRITE_ZEROES, {{0, 0, 0}, {9, 0, 0}}, VIRTIO_BLK_S_OK },
    };
    // clang-format on
    u32 len;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memset(disk.content, 0x55, sizeof(disk.content));
        drv_write(JOBS_AT + 64, cases[i].r, sizeof(cases[i].r));
        assert_int_equal(request(cases[i].type, 0, sizeof(cases[i].r), false, &len),
                         cases[i].status);
        if (cases[i].status != VIRTIO_BLK_S_OK) /* all or nothing of what can be seen before */
            assert_int_equal(disk.content[0], 0x55);
    }
}

static void test_errors_of_the_disk(void **state)
{
    // clang-format off
    static const struct { enum io_result result; u8 status; } cases[] = {
        { IO_DONE, VIRTIO_BLK_S_OK }, { IO_ERROR, VIRTIO_BLK_S_IOERR }, { IO_TIMEOUT, VIRTIO_BLK_S_IOERR },
        { IO_RESET, VIRTIO_BLK_S_IOERR }, { IO_NO_MEDIUM, VIRTIO_BLK_S_IOERR }, { IO_GONE, VIRTIO_BLK_S_IOERR },
        { IO_UNSUPPORTED, VIRTIO_BLK_S_UNSUPP },
    };
    // clang-format on
    u32 len;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        disk.next = cases[i].result;
        assert_int_equal(request(VIRTIO_BLK_T_IN, 0, 512, true, &len), cases[i].status);
    }
    /* An error in a later part ends the whole. */
    disk.disk.sectors_max = 1;
    disk.next = IO_ERROR;
    assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, 1024, false, &len), VIRTIO_BLK_S_IOERR);
    disk.disk.lost = true;
    assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, false, &len), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_IN, 0, 512, true, &len), VIRTIO_BLK_S_IOERR);
}

static void test_id(void **state)
{
    u8 id[24] = {0};
    u32 len;

    (void)state;
    assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, 20, true, &len), VIRTIO_BLK_S_OK);
    drv_read(id, JOBS_AT + 64, 20);
    assert_string_equal((char *)id, "serial-0123456789abc");
}

static void test_config(void **state)
{
    struct virtio_blk_config c;

    (void)state;
    for (u32 i = 0; i < sizeof(c) / 4; i++) {
        const u32 word = (u32)mem_read(&f, d.config + 4 * i, 4);
        memcpy((u8 *)&c + 4 * i, &word, 4);
    }
    assert_int_equal(c.capacity, FAKE_SECTORS_MAX);
    assert_int_equal(c.seg_max, 126);
    assert_int_equal(c.blk_size, 512);
    assert_int_equal(c.physical_block_exp, 3);
    assert_int_equal(c.num_queues, QUEUES);
    assert_int_equal(c.max_discard_seg, 8);
    assert_int_equal(c.max_discard_sectors, ~0u);
    assert_int_equal(c.write_zeroes_may_unmap, 1);
    mem_write(&f, d.config, 4, 7); /* nothing there can be written */
    assert_int_equal(mem_read(&f, d.config, 4), FAKE_SECTORS_MAX);
    disk.disk.sectors = 100;
    virtio_blk_changed(&blk);
    assert_int_equal(f.data_count[32], 1);
    assert_int_equal(mem_read(&f, d.config, 4), 100);
    const u64 offered = drv_offered(&d);
    assert_true(offered & VIRTIO_BLK_F_FLUSH && offered & VIRTIO_BLK_F_MQ);
    assert_false(offered & VIRTIO_BLK_F_RO);
}

static void test_read_only(void **state)
{
    u32 len;

    (void)state;
    static const struct disk limits = {.flags = DISK_IS_READ_ONLY,
                                       .queues = 1,
                                       .depth = 4,
                                       .segments_max = 9,
                                       .segment_bytes_max = 4096,
                                       .sectors_max = 9,
                                       .discard_sectors_max = 9,
                                       .zeroes_sectors_max = 9,
                                       .segment_align = 1,
                                       .bus_last = ~0ull};
    attach(512, &limits);
    assert_true(drv_offered(&d) & VIRTIO_BLK_F_RO);
    start(ALL | VIRTIO_BLK_F_RO);
    assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, 512, false, &len), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_IN, 0, 512, true, &len), VIRTIO_BLK_S_OK);
}

/* Without a header or a status byte there is nothing to answer. */
static void test_malformed(void **state)
{
    const struct drv_buffer bad[][2] = {
        {{JOBS_AT, 16, false}, {JOBS_AT + 16, 512, false}},
        {{JOBS_AT, 15, false}, {JOBS_AT + 60, 1, true}},
        {{JOBS_AT, 16, true}, {JOBS_AT + 60, 1, true}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        start(ALL);
        (void)drv_add(&q[1], bad[i], 2, 0, 0);
        (void)drv_show(&q[1]);
        drv_kick(&d, 1);
        (void)virtio_work(&blk.v);
        assert_true(COMMON(&d, device_status) & VIRTIO_STATUS_NEEDS_RESET);
        assert_string_equal(f.said, "disk: a request without a whole header or a status byte; "
                                    "the device needs a reset");
    }
    assert_int_equal(f.says, ARRAY_LEN(bad));
}

/* What the bounce buffer holds at a reset stays there. */
static void test_bounced_at_a_reset(void **state)
{
    const struct virtio_blk_header h = {.type = VIRTIO_BLK_T_IN};
    const struct drv_buffer b[4] = {{JOBS_AT, sizeof(h), false},
                                    {JOBS_AT + 65, 100, true},
                                    {JOBS_AT + 200, 412, true},
                                    {JOBS_AT + 60, 1, true}};

    (void)state;
    disk.disk.segment_align = 512;
    memset(disk.content, 0x55, 512);
    drv_write(JOBS_AT, &h, sizeof(h));
    memset(drv_byte(JOBS_AT + 60), 0x77, 1000);
    (void)drv_add(&q[0], b, 4, 0, 0);
    (void)drv_show(&q[0]);
    drv_kick(&d, 0);
    (void)virtio_work(&blk.v);
    assert_true(blk.bounce_used);
    SET_COMMON(&d, device_status, 0);
    (void)disk_poll(&disk.disk);
    assert_int_equal(COMMON(&d, device_status), 0);
    assert_false(blk.bounce_used);
    for (u32 i = 60; i < 1060; i++)
        assert_int_equal(*drv_byte(JOBS_AT + i), 0x77);
}

static void test_setup(void **state)
{
    static struct virtio_blk none;
    struct virtio_blk_setup s = {.grant = &grant,
                                 .name = "x",
                                 .id = "",
                                 .disk = &disk.disk,
                                 .queues = 0,
                                 .pool = pool,
                                 .pool_size = 1};
    (void)state;
    assert_int_equal(virtio_blk_init(&none, &s), E_INVAL);
    s.queues = VIRTIO_BLK_QUEUES_MAX + 1;
    assert_int_equal(virtio_blk_init(&none, &s), E_INVAL);
    s.queues = 1, s.pool_size = 0;
    assert_int_equal(virtio_blk_init(&none, &s), E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_answers, begin),
        cmocka_unit_test_setup(test_ranges, begin),
        cmocka_unit_test_setup(test_errors_of_the_disk, begin),
        cmocka_unit_test_setup(test_id, begin),
        cmocka_unit_test_setup(test_config, begin),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test_setup(test_malformed, begin),
        cmocka_unit_test_setup(test_bounced_at_a_reset, begin),
        cmocka_unit_test_setup(test_setup, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
