/* drivers/io/disk.c and nic.c: what is refused before a driver sees it. */
#include "drivers/io/disk.h"
#include "drivers/io/nic.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ALL (DISK_CAN_FLUSH | DISK_CAN_DISCARD | DISK_CAN_WRITE_ZEROES)

static struct disk make_disk(u32 flags)
{
    return (struct disk){.sectors = 1000,
                         .sector_size = 512,
                         .flags = flags,
                         .queues = 2,
                         .segments_max = 3,
                         .segment_bytes_max = 4096,
                         .sectors_max = 16,
                         .discard_sectors_max = 500,
                         .zeroes_sectors_max = 100,
                         .segment_align = 2,
                         .bus_last = IO_BUS_32};
}

static void test_ranges_and_rights(void **state)
{
    // clang-format off
    static const struct {
        u32 flags; enum disk_op op; u32 queue; u64 sector; u32 sectors, segments; err_t want;
    } cases[] = {
        { ALL, DISK_READ, 0, 0, 1, 1, OK },
        { ALL, DISK_READ, 1, 999, 1, 1, OK },
        { ALL, DISK_READ, 2, 0, 1, 1, E_INVAL },
        { ALL, DISK_READ, 0, 1000, 1, 1, E_RANGE },
        { ALL, DISK_READ, 0, ~0ull, 1, 1, E_RANGE },
        { ALL, DISK_WRITE, 0, 993, 8, 1, E_RANGE },
        { ALL, DISK_WRITE, 0, 992, 8, 1, OK },
        { ALL, DISK_READ, 0, 0, 17, 1, E_INVAL },
        { ALL, DISK_READ, 0, 0, 0, 1, E_INVAL },
        { ALL, DISK_READ, 0, 0, 1, 0, E_INVAL },
        { ALL, DISK_READ, 0, 0, 1, 4, E_INVAL },
        { ALL, DISK_FLUSH, 0, 0, 0, 0, OK },
        { ALL, DISK_FLUSH, 0, 1, 0, 0, E_INVAL },
        { ALL, DISK_FLUSH, 0, 0, 0, 1, E_INVAL },
        { 0, DISK_FLUSH, 0, 0, 0, 0, E_NOTSUP },
        { ALL, DISK_DISCARD, 0, 500, 500, 0, OK },
        { ALL, DISK_DISCARD, 0, 0, 501, 0, E_INVAL },
        { ALL, DISK_DISCARD, 0, 0, 1, 1, E_INVAL },
        { DISK_CAN_FLUSH, DISK_DISCARD, 0, 0, 1, 0, E_NOTSUP },
        { ALL, DISK_WRITE_ZEROES, 0, 900, 100, 0, OK },
        { ALL, DISK_WRITE_ZEROES, 0, 900, 101, 0, E_INVAL },
        { ALL | DISK_IS_READ_ONLY, DISK_READ, 0, 0, 1, 1, OK },
        { ALL | DISK_IS_READ_ONLY, DISK_FLUSH, 0, 0, 0, 0, OK },
        { ALL | DISK_IS_READ_ONLY, DISK_WRITE, 0, 0, 1, 1, E_PERM },
        { ALL | DISK_IS_READ_ONLY, DISK_DISCARD, 0, 0, 1, 0, E_PERM },
        { ALL | DISK_IS_READ_ONLY, DISK_WRITE_ZEROES, 0, 0, 1, 0, E_PERM },
        { ALL | DISK_HAS_NO_MEDIUM, DISK_READ, 0, 0, 1, 1, E_NOENT },
        { ALL, DISK_OPS, 0, 0, 1, 1, E_INVAL },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct disk d = make_disk(cases[i].flags);
        const struct io_segment s = {NULL, 0x1000, cases[i].sectors * 512};
        const struct disk_request r = {.op = cases[i].op,
                                       .queue = cases[i].queue,
                                       .sector = cases[i].sector,
                                       .sectors = cases[i].sectors,
                                       .segments = cases[i].segments,
                                       .segment = &s};

        if (disk_check(&d, &r) != cases[i].want)
            fail_msg("case %zu: %u, not %u", i, disk_check(&d, &r), cases[i].want);
        d.lost = true;
        assert_int_equal(disk_check(&d, &r), E_IO);
    }
}

static void test_segments(void **state)
{
    // clang-format off
    static const struct { struct io_segment s[3]; u32 segments; err_t want; } cases[] = {
        { { { NULL, 0, 4096 } }, 1, OK },
        { { { NULL, 0, 1000 }, { NULL, 5000, 3000 }, { NULL, 2, 96 } }, 3, OK },
        { { { NULL, 0, 1001 }, { NULL, 5000, 3095 } }, 2, E_INVAL },
        { { { NULL, 1, 4096 } }, 1, E_INVAL },
        { { { NULL, 0, 4094 } }, 1, E_INVAL },
        { { { NULL, 0, 4098 } }, 1, E_INVAL },
        { { { NULL, 0, 4096 }, { NULL, 0, 0 } }, 2, E_INVAL },
        { { { NULL, 0xfffff000, 4096 } }, 1, OK },
        { { { NULL, 0xfffff002, 4096 } }, 1, E_INVAL },
        { { { NULL, 0x100000000, 4096 } }, 1, E_INVAL },
        { { { NULL, 0, 4294967294u }, { NULL, 0, 4098 } }, 2, E_INVAL },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct disk d = make_disk(ALL);
        const struct disk_request r = {
            .sectors = 8, .segments = cases[i].segments, .segment = cases[i].s};

        if (disk_check(&d, &r) != cases[i].want)
            fail_msg("case %zu: %u, not %u", i, disk_check(&d, &r), cases[i].want);
    }
}

/* ------------------------------------------------------------ cards */

static err_t took(struct nic *n, struct nic_frame *f)
{
    (void)n, (void)f;
    return OK;
}

static err_t took_buffer(struct nic *n, struct nic_buffer *b)
{
    (void)n, (void)b;
    return OK;
}

static const struct nic_ops ops = {.send = took, .post = took_buffer};

static void test_frames(void **state)
{
    // clang-format off
    static const struct { u32 len, features; struct nic_offload o; err_t want; } cases[] = {
        { 14, 0, { 0 }, OK },
        { 13, 0, { 0 }, E_INVAL },
        { 1518, 0, { 0 }, OK },
        { 1519, 0, { 0 }, E_INVAL },
        { 100, NIC_CAN_SUM, { .flags = NIC_SUM_PARTIAL, .sum_start = 34, .sum_offset = 16 }, OK },
        { 100, 0, { .flags = NIC_SUM_PARTIAL, .sum_start = 34, .sum_offset = 16 }, E_NOTSUP },
        { 52, NIC_CAN_SUM, { .flags = NIC_SUM_PARTIAL, .sum_start = 34, .sum_offset = 16 }, OK },
        { 51, NIC_CAN_SUM, { .flags = NIC_SUM_PARTIAL, .sum_start = 34, .sum_offset = 16 }, E_INVAL },
        { 51, NIC_CAN_SUM, { .flags = NIC_SUM_PARTIAL, .sum_start = 65535, .sum_offset = 65535 }, E_INVAL },
        { 100, NIC_CAN_SUM, { .flags = NIC_SUM_GOOD }, E_INVAL },
        { 9000, NIC_CAN_SUM | NIC_CAN_SEGMENT_TCP4,
          { NIC_SUM_PARTIAL | NIC_SEGMENT_TCP4, 34, 16, 54, 1460 }, OK },
        { 9000, NIC_CAN_SUM, { NIC_SUM_PARTIAL | NIC_SEGMENT_TCP4, 34, 16, 54, 1460 }, E_NOTSUP },
        { 9000, NIC_CAN_SUM | NIC_CAN_SEGMENT_TCP4,
          { NIC_SUM_PARTIAL | NIC_SEGMENT_TCP4, 34, 16, 54, 0 }, E_INVAL },
        { 9000, NIC_CAN_SUM | NIC_CAN_SEGMENT_TCP4,
          { NIC_SUM_PARTIAL | NIC_SEGMENT_TCP4, 34, 16, 9001, 1460 }, E_INVAL },
        { 9000, NIC_CAN_SUM | NIC_CAN_SEGMENT_TCP4, { NIC_SEGMENT_TCP4, 34, 16, 54, 1460 }, E_INVAL },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct nic n = {.ops = &ops,
                        .mtu = NIC_MTU,
                        .features = cases[i].features,
                        .tx_queues = 1,
                        .segments_max = 2,
                        .bus_last = UINT64_MAX};
        const struct io_segment s[2] = {{NULL, 0x1000, 4}, {NULL, 0x2000, cases[i].len - 4}};
        struct nic_frame f = {.segment = s, .segments = 2, .offload = cases[i].o};
        const err_t got = nic_send(&n, &f);

        if (got != cases[i].want)
            fail_msg("case %zu: %u, not %u", i, got, cases[i].want);
        assert_int_equal(n.counts.requests, got == OK);
        f.segments = 3;
        assert_int_equal(nic_send(&n, &f), E_INVAL);
        f.queue = 1;
        f.segments = 2;
        assert_int_equal(nic_send(&n, &f), E_INVAL);
        n.lost = true;
        assert_int_equal(nic_send(&n, &f), E_IO);
    }
}

static void test_buffers(void **state)
{
    struct nic n = {.ops = &ops, .rx_queues = 1, .buffer_min = 1518, .bus_last = IO_BUS_32};
    struct nic_buffer b = {.memory = {NULL, 0xfffff000, 2048}};

    (void)state;
    assert_int_equal(nic_post(&n, &b), OK);
    b.memory.bus = 0xfffff801;
    assert_int_equal(nic_post(&n, &b), E_INVAL);
    b.memory = (struct io_segment){NULL, 0, 1517};
    assert_int_equal(nic_post(&n, &b), E_INVAL);
    b = (struct nic_buffer){.memory = {NULL, 0, 2048}, .queue = 1};
    assert_int_equal(nic_post(&n, &b), E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges_and_rights),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
