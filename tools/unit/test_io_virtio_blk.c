/* The virtio disk driver against a device on the host, honest and otherwise. */
#include "drivers/io/virtio_blk.h"
#include "tools/unit/fake_virtio.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CAPACITY 1000u /* sectors of 512 bytes */
#define ALL      (BIT(1) | BIT(2) | BIT(6) | BIT(9) | BIT(12) | BIT(13) | BIT(14))
#define RING     (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)

static struct fake_virtio d;
static struct pci pci;
static struct pci_function f;
static struct virtio_blk b;
static u8 medium[CAPACITY * 512];
static struct io_dma data;
static struct disk_request request[160];
static struct io_segment segment[160][2];
static u32 done[8]; /* by result */
static u8 status_to_give;
static u32 unsaid;    /* bytes written that it does not say */
static u32 meanwhile; /* requests that it does while an end is told: without an interrupt */

/* Does one request; the driver's memory has to be right. */
static bool serve_one(u32 queue, bool interrupt)
{
    struct fv_chain c;
    bool broken;
    u32 type, written = 1;
    u64 sector;

    if (!fv_next(&d, queue, &c, &broken)) {
        assert_false(broken);
        return false;
    }
    assert_true(c.count >= 2 && c.piece[0].len == 16 && !c.piece[0].write);
    memcpy(&type, c.piece[0].at, 4);
    memcpy(&sector, c.piece[0].at + 8, 8);
    for (u32 i = 1; i + 1 < c.count; i++) {
        u8 *at = medium + sector * 512;

        if (type == 8) {
            memcpy(c.piece[i].at, "a serial number\0", 16);
        } else if (type == 0) {
            assert_true(c.piece[i].write);
            memcpy(c.piece[i].at, at, c.piece[i].len);
            written += c.piece[i].len;
        } else if (type == 1) {
            assert_false(c.piece[i].write);
            memcpy(at, c.piece[i].at, c.piece[i].len);
        } else {
            u64 first;
            u32 sectors;

            assert_int_equal(c.piece[i].len, 16);
            memcpy(&first, c.piece[i].at, 8);
            memcpy(&sectors, c.piece[i].at + 8, 4);
            memset(medium + first * 512, 0, sectors * 512);
        }
        sector += c.piece[i].len / 512;
    }
    assert_true(c.piece[c.count - 1].write);
    *c.piece[c.count - 1].at = status_to_give;
    fv_used(&d, queue, c.head, written - unsaid);
    if (interrupt)
        fv_interrupt(&d, d.queue[queue].vector, 1);
    return true;
}

static void serve_id(struct fake_virtio *device, u32 queue)
{
    (void)device;
    (void)serve_one(queue, false);
}

static void serve_all(u32 queue)
{
    while (serve_one(queue, true))
        ;
}

static void start(u16 size, u32 vectors, u64 features)
{
    status_to_give = 0;
    unsaid = 0;
    memset(done, 0, sizeof(done));
    memset(request, 0, sizeof(request));
    fv_open(&d, VIRTIO_BLK, 2, size, vectors, features, &pci, &f);
    fv_put(d.device, 0, 8, CAPACITY);
    fv_put(d.device, 8, 4, 8192);
    fv_put(d.device, 12, 4, 30);
    fv_put(d.device, 20, 4, 512);
    fv_put(d.device, 34, 2, 2);
    fv_put(d.device, 36, 4, 500);
    fv_put(d.device, 48, 4, 500);
    d.rung = serve_id;
    assert_int_equal(virtio_blk_start(&b, &f, &d.io.env, 4), OK);
    d.rung = NULL;
    assert_int_equal(d.io.env.ops->dma_alloc(&d.io.env, 1 << 20, 4096, UINT64_MAX, &data), OK);
}

static void stop(void)
{
    disk_stop(&b.disk);
    d.io.env.ops->dma_free(&d.io.env, &data);
    assert_true(fake_io_close(&d.io));
}

static void on_done(struct disk_request *r, enum io_result result)
{
    assert_non_null(r->context); /* exactly once */
    r->context = NULL;
    done[result]++;
    if (meanwhile != 0 && meanwhile-- != 0)
        assert_true(serve_one(r->queue, false));
}

static err_t submit(u32 i, enum disk_op op, u64 sector, u32 sectors, u32 queue)
{
    const u32 bytes = op == DISK_READ || op == DISK_WRITE ? sectors * 512 : 0;

    request[i] = (struct disk_request){.op = op,
                                       .sector = sector,
                                       .sectors = sectors,
                                       .queue = queue,
                                       .segment = segment[i],
                                       .segments = bytes == 0     ? 0
                                                   : bytes > 8192 ? 2
                                                                  : 1,
                                       .done = on_done,
                                       .context = &done};
    segment[i][0] = (struct io_segment){data.at, data.bus, MIN(bytes, 8192u)};
    segment[i][1] =
        (struct io_segment){(u8 *)data.at + 8192, data.bus + 8192, bytes > 8192 ? bytes - 8192 : 0};
    return disk_submit(&b.disk, &request[i]);
}

static void run(enum disk_op op, u64 sector, u32 sectors)
{
    assert_int_equal(submit(0, op, sector, sectors, 0), OK);
    disk_kick(&b.disk, 0);
    serve_all(0);
}

static void check_data(u16 size, u32 vectors, u64 features)
{
    start(size, vectors, features);
    assert_string_equal(b.disk.id, "a serial number");
    assert_int_equal(b.disk.sectors, CAPACITY);
    memset(data.at, 0x5a, 16384);
    run(DISK_WRITE, 10, 8);
    memset(data.at, 0, 16384);
    run(DISK_READ, 8, 12);
    assert_int_equal(((u8 *)data.at)[1023], 0);
    assert_int_equal(((u8 *)data.at)[1024], 0x5a);
    assert_int_equal(((u8 *)data.at)[1024 + 4095], 0x5a);
    assert_int_equal(((u8 *)data.at)[1024 + 4096], 0);
    run(DISK_FLUSH, 0, 0);
    run(DISK_WRITE_ZEROES, 11, 2);
    run(DISK_DISCARD, 13, 2);
    assert_int_equal(medium[10 * 512], 0x5a);
    assert_int_equal(medium[11 * 512], 0);
    assert_int_equal(medium[14 * 512], 0);
    assert_int_equal(medium[15 * 512], 0x5a);
    assert_int_equal(done[IO_DONE], 5);
    assert_int_equal(b.disk.counts.interrupts, 5);
    assert_int_equal(b.disk.counts.nonsense, 0);
    memset(medium, 0, sizeof(medium));
    stop();
}

static void test_data_with_all_and_with_no_features(void **state)
{
    (void)state;
    check_data(128, 3, ALL | RING);
    check_data(128, 2, ALL | VIRTIO_F_EVENT_IDX);
    check_data(64, 1, ALL | VIRTIO_F_INDIRECT_DESC);
    check_data(4, 0, ALL);
    check_data(1024, 0, ALL | RING);
}

static void test_full_queue_and_many_rounds(void **state)
{
    u32 count = 0;
    (void)state;
    start(16, 3, ALL | VIRTIO_F_EVENT_IDX);
    for (u32 round = 0; round < 30000; round++) { /* the indices wrap */
        while (count < ARRAY_LEN(request) &&
               submit(count, DISK_READ, round % 100, 1, round % 2) == OK)
            count++;
        assert_int_equal(count, 5); /* of 3 descriptors each */
        disk_kick(&b.disk, round % 2);
        meanwhile = round % 4 < 2 ? 4 : 0;
        for (u32 i = meanwhile; i < count; i++)
            assert_true(serve_one(round % 2, true));
        assert_int_equal(done[IO_DONE], (round + 1) * 5);
        count = 0;
    }
    stop();
}

static void test_errors_of_the_device(void **state)
{
    (void)state;
    start(128, 3, ALL | RING);
    status_to_give = 1;
    run(DISK_READ, 0, 1);
    status_to_give = 2;
    run(DISK_READ, 0, 1);
    status_to_give = 77;
    run(DISK_READ, 0, 1);
    status_to_give = 0;
    unsaid = 1; /* not all was read */
    run(DISK_READ, 0, 1);
    assert_int_equal(done[IO_ERROR], 3);
    assert_int_equal(done[IO_UNSUPPORTED], 1);
    assert_int_equal(b.disk.counts.errors, 4);
    assert_int_equal(b.disk.counts.nonsense, 2);
    assert_int_equal(d.resets, 1);
    stop();
}

/* What the device puts into the used ring, with five requests in flight. */
static void test_ring_of_nonsense(void **state)
{
    // clang-format off
    static const struct { u32 id, len; u16 index; } cases[] = {
        { 128, 0, 1 }, { 0xffffffff, 0, 1 }, { 100, 0, 1 }, { 0, 514, 1 }, { 0, 0xffffffff, 1 },
        { 0, 1, 6 }, { 0, 1, 0x8000 }, { 0, 1, 0xffff },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const u16 base = 1; /* the question for the serial number */
        u16 index = (u16)(base + cases[i].index);
        u8 *used;

        start(128, 3, ALL | RING);
        for (u32 n = 0; n < 5; n++)
            assert_int_equal(submit(n, DISK_READ, n, 1, 0), OK);
        disk_kick(&b.disk, 0);
        used = fv_ring(&d, 0, 2, 0, 16);
        memcpy(used + 4 + 8 * base, &cases[i].id, 4);
        memcpy(used + 8 + 8 * base, &cases[i].len, 4);
        memcpy(used + 2, &index, 2);
        (void)disk_poll(&b.disk);
        assert_int_equal(done[IO_ERROR], 5);
        assert_int_equal(d.resets, 2);
        assert_int_equal(b.disk.counts.nonsense, 1);
        run(DISK_READ, 0, 1); /* it works again */
        assert_int_equal(done[IO_DONE], 1);
        stop();
    }
}

/* Done twice: the second time nobody has that id.  Done before it was shown: nobody either. */
static void test_ids_at_the_wrong_time(void **state)
{
    (void)state;
    start(128, 3, ALL);
    assert_int_equal(submit(0, DISK_READ, 0, 1, 0), OK);
    disk_kick(&b.disk, 0);
    assert_int_equal(submit(1, DISK_READ, 0, 1, 0), OK); /* not kicked */
    fv_used(&d, 0, request[1].slot, 1);
    (void)disk_poll(&b.disk);
    assert_int_equal(done[IO_ERROR], 2);
    assert_int_equal(submit(0, DISK_READ, 0, 1, 0), OK);
    assert_int_equal(submit(1, DISK_READ, 0, 1, 0), OK);
    disk_kick(&b.disk, 0);
    serve_one(0, true);
    assert_int_equal(done[IO_DONE], 1);
    fv_used(&d, 0, request[0].slot, 1);
    (void)disk_poll(&b.disk);
    assert_int_equal(done[IO_ERROR], 3);
    stop();
}

/* The first request is done last, after more than the indices can count. */
static void test_slow_one_among_many(void **state)
{
    struct fv_chain slow;
    bool broken;

    (void)state;
    start(16, 3, ALL | RING);
    b.disk.timeout_us = 1u << 30;
    assert_int_equal(submit(0, DISK_WRITE, 0, 1, 0), OK);
    disk_kick(&b.disk, 0);
    assert_true(fv_next(&d, 0, &slow, &broken));
    for (u32 i = 0; i < 70000; i++) {
        assert_int_equal(submit(1, DISK_READ, 0, 1, 0), OK);
        disk_kick(&b.disk, 0);
        assert_true(serve_one(0, true));
        assert_int_equal(done[IO_DONE], i + 1);
    }
    *slow.piece[slow.count - 1].at = 0;
    fv_used(&d, 0, slow.head, 1);
    (void)disk_poll(&b.disk);
    assert_int_equal(done[IO_DONE], 70001);
    assert_int_equal(b.disk.counts.nonsense, 0);
    stop();
}

static void test_timeout(void **state)
{
    (void)state;
    start(128, 3, ALL | RING);
    b.disk.timeout_us = 1000;
    assert_int_equal(submit(0, DISK_READ, 0, 1, 0), OK);
    d.io.now += 900;
    assert_int_equal(submit(1, DISK_READ, 0, 1, 1), OK);
    disk_kick(&b.disk, 0);
    disk_kick(&b.disk, 1);
    assert_true(disk_poll(&b.disk) <= d.io.now + 100);
    d.io.now += 200;
    assert_int_equal(disk_poll(&b.disk), IO_NEVER);
    assert_int_equal(done[IO_TIMEOUT], 1);
    assert_int_equal(done[IO_RESET], 1);
    assert_int_equal(b.disk.counts.timeouts, 1);
    run(DISK_READ, 0, 1);
    assert_int_equal(done[IO_DONE], 1);
    stop();
}

static u32 events[2];

static void on_event(struct disk *disk, enum disk_event event)
{
    (void)disk;
    events[event]++;
}

/* A device that confirms no reset is cut off from the bus, and all ends at once. */
static void test_device_that_does_not_come_back(void **state)
{
    (void)state;
    start(128, 3, ALL | RING);
    memset(events, 0, sizeof(events));
    b.disk.event = on_event;
    b.disk.timeout_us = 1000;
    assert_int_equal(submit(0, DISK_READ, 0, 1, 0), OK);
    disk_kick(&b.disk, 0);
    d.stuck = true;
    d.io.now += 2000;
    assert_int_equal(disk_poll(&b.disk), IO_NEVER);
    assert_int_equal(done[IO_TIMEOUT], 1);
    assert_int_equal(events[DISK_LOST], 1);
    assert_int_equal(d.config[PCI_COMMAND] & PCI_COMMAND_MASTER, 0);
    assert_int_equal(submit(0, DISK_READ, 0, 1, 0), E_IO);
    assert_int_equal(disk_poll(&b.disk), IO_NEVER);
    assert_int_equal(disk_reset(&b.disk), E_IO);
    stop();
}

static void test_reset_and_stop_under_way(void **state)
{
    (void)state;
    start(128, 3, ALL | RING);
    for (u32 i = 0; i < 20; i++)
        assert_int_equal(submit(i, DISK_READ, 0, 1, i % 2), OK);
    disk_kick(&b.disk, 0);
    serve_one(0, false);
    assert_int_equal(disk_reset(&b.disk), OK);
    assert_int_equal(done[IO_RESET], 20);
    for (u32 i = 0; i < 20; i++)
        assert_int_equal(submit(i, DISK_READ, 0, 1, i % 2), OK);
    stop();
    assert_int_equal(done[IO_GONE], 20);
}

static void test_configuration_changes(void **state)
{
    (void)state;
    start(128, 3, ALL | RING);
    memset(events, 0, sizeof(events));
    b.disk.event = on_event;
    fv_put(d.device, 0, 8, 2 * CAPACITY);
    fv_interrupt(&d, d.config_vector, 2);
    assert_int_equal(events[DISK_CHANGED], 1);
    assert_int_equal(b.disk.sectors, 2 * CAPACITY);
    d.status |= 64; /* DEVICE_NEEDS_RESET */
    assert_int_equal(submit(0, DISK_READ, 0, 1, 0), OK);
    fv_interrupt(&d, d.config_vector, 2);
    assert_int_equal(done[IO_ERROR], 1);
    assert_int_equal(d.resets, 2);
    stop();
}

/* What is refused at the start leaves nothing behind. */
static void test_devices_that_are_refused(void **state)
{
    (void)state;
    for (u32 i = 0; i < 8; i++) {
        fv_open(&d, VIRTIO_BLK, 2, 128, 3, ALL | RING, &pci, &f);
        fv_put(d.device, 0, 8, CAPACITY);
        fv_put(d.device, 8, 4, 4096);
        fv_put(d.device, 20, 4, 512);
        d.rung = serve_id;
        switch (i) {
        case 0: d.features &= ~VIRTIO_F_VERSION_1; break;
        case 1: d.refuses = true; break;
        case 2: d.stuck = true, d.status = 4; break;
        case 3: fv_put(d.device, 20, 4, 1000); break;
        case 4: d.restless = true; break;
        case 5: d.queue[0].size = 2; break;
        case 6: d.rung = NULL; break;
        default: fv_put(d.config, 0x48, 4, 0x3fff); break; /* registers outside of the BAR */
        }
        assert_int_not_equal(virtio_blk_start(&b, &f, &d.io.env, 4), OK);
        assert_true(b.disk.lost);
        disk_stop(&b.disk);
        assert_true(fake_io_close(&d.io));
    }
}

static void test_no_dma_memory(void **state)
{
    (void)state;
    for (u32 left = 0; left < 6; left++) {
        fv_open(&d, VIRTIO_BLK, 2, 128, 3, ALL | RING, &pci, &f);
        fv_put(d.device, 0, 8, CAPACITY);
        fv_put(d.device, 8, 4, 4096);
        fv_put(d.device, 20, 4, 512);
        fv_put(d.device, 34, 2, 2);
        d.io.allocations_left = left;
        assert_int_equal(virtio_blk_start(&b, &f, &d.io.env, 4), E_NOMEM);
        assert_true(fake_io_close(&d.io));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_with_all_and_with_no_features),
        cmocka_unit_test(test_full_queue_and_many_rounds),
        cmocka_unit_test(test_errors_of_the_device),
        cmocka_unit_test(test_ring_of_nonsense),
        cmocka_unit_test(test_ids_at_the_wrong_time),
        cmocka_unit_test(test_slow_one_among_many),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_device_that_does_not_come_back),
        cmocka_unit_test(test_reset_and_stop_under_way),
        cmocka_unit_test(test_configuration_changes),
        cmocka_unit_test(test_devices_that_are_refused),
        cmocka_unit_test(test_no_dma_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
