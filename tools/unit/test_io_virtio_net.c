/* The virtio network driver against a device on the host, honest and otherwise. */
#include "drivers/io/virtio_net.h"
#include "tools/unit/fake_virtio.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define RX      0u
#define TX      1u
#define CONTROL 2u
#define HEADER  12u
#define BUFFERS 4u
#define CSUM    (BIT(0) | BIT(1) | BIT(11))
#define PLAIN   (BIT(5) | BIT(16))
#define MODES   (BIT(17) | BIT(18))
#define RING    (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)

static struct fake_virtio d;
static struct pci pci;
static struct pci_function f;
static struct virtio_net n;
static struct io_dma data;
static struct nic_buffer buffer[BUFFERS];
static struct nic_frame frame;
static struct io_segment segment[2];
static u32 sent[8], received[8], links, lost, last_len;
static struct nic_offload last_offload;
static struct nic_buffer *last;
static u8 modes_told[2]; /* promiscuous, all multicast */
static bool control_answers;

static void on_received(struct nic *nic, struct nic_buffer *b, u32 len, const struct nic_offload *o,
                        enum io_result result)
{
    assert_ptr_equal(nic, &n.nic);
    received[result]++;
    last = b;
    last_len = len;
    last_offload = *o;
}

static void on_event(struct nic *nic, enum nic_event event)
{
    (void)nic;
    links += event == NIC_LINK;
    lost += event == NIC_LOST;
}

static const struct nic_user user = {.received = on_received, .event = on_event};

static void on_sent(struct nic_frame *one, enum io_result result)
{
    assert_ptr_equal(one, &frame);
    sent[result]++;
}

static void answer_control(struct fake_virtio *device, u32 queue)
{
    struct fv_chain c;
    bool broken;

    if (queue != CONTROL || !control_answers || !fv_next(device, queue, &c, &broken))
        return;
    assert_int_equal(c.count, 3);
    assert_int_equal(c.piece[0].at[0], 0);
    modes_told[c.piece[0].at[1]] = *c.piece[1].at;
    *c.piece[2].at = 0;
    fv_used(device, queue, c.head, 1);
}

static void start(u16 size, u32 vectors, u64 features)
{
    memset(sent, 0, sizeof(sent));
    memset(received, 0, sizeof(received));
    links = lost = 0;
    control_answers = true;
    fv_open(&d, VIRTIO_NET, 3, size, vectors, features, &pci, &f);
    memcpy(d.device, "\x52\x54\x00\x12\x34\x56", 6);
    fv_put(d.device, 6, 2, 1);
    d.rung = answer_control;
    assert_int_equal(virtio_net_start(&n, &f, &d.io.env), OK);
    n.nic.user = &user;
    assert_int_equal(d.io.env.ops->dma_alloc(&d.io.env, 65536, 4096, UINT64_MAX, &data), OK);
    assert_memory_equal(n.nic.mac, "\x52\x54\x00\x12\x34\x56", 6);
}

static void stop(void)
{
    nic_stop(&n.nic);
    d.io.env.ops->dma_free(&d.io.env, &data);
    assert_true(fake_io_close(&d.io));
}

static err_t send(u32 len, struct nic_offload o)
{
    segment[0] = (struct io_segment){data.at, data.bus, 14};
    segment[1] = (struct io_segment){(u8 *)data.at + 14, data.bus + 14, len - 14};
    frame = (struct nic_frame){.segment = segment, .segments = 2, .offload = o, .sent = on_sent};
    return nic_send(&n.nic, &frame);
}

static void post(u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const u32 at = 8192 + 2048 * i;

        buffer[i] = (struct nic_buffer){.memory = {(u8 *)data.at + at, data.bus + at, 2048}};
        assert_int_equal(nic_post(&n.nic, &buffer[i]), OK);
    }
    nic_kick(&n.nic);
}

/* The device puts a frame of `len` bytes into the next buffer, and says that it wrote `said`. */
static void deliver(const u8 header[HEADER], u32 len, u32 said)
{
    struct fv_chain c;
    bool broken;

    assert_true(fv_next(&d, RX, &c, &broken));
    assert_int_equal(c.count, 2);
    assert_int_equal(c.piece[0].len, HEADER);
    assert_int_equal(c.piece[1].len, 2048);
    memcpy(c.piece[0].at, header, HEADER);
    memset(c.piece[1].at, 0x77, len);
    fv_used(&d, RX, c.head, said);
    fv_interrupt(&d, d.queue[RX].vector, 1);
}

static void check_traffic(u16 size, u32 vectors, u64 features)
{
    static const u8 none[HEADER];
    struct fv_chain c;
    bool broken;

    start(size, vectors, features);
    post(2);
    for (u32 round = 0; round < 3; round++) {
        assert_int_equal(send(100, (struct nic_offload){0}), OK);
        nic_kick(&n.nic);
        assert_true(fv_next(&d, TX, &c, &broken));
        assert_int_equal(c.count, 3);
        assert_int_equal(c.piece[0].len, HEADER);
        assert_ptr_equal(c.piece[1].at, data.at);
        assert_int_equal(c.piece[2].len, 86);
        assert_false(c.piece[2].write);
        fv_used(&d, TX, c.head, 0);
        fv_interrupt(&d, d.queue[TX].vector, 1);
        assert_int_equal(sent[IO_DONE], round + 1);
    }
    deliver(none, 60, 72);
    assert_int_equal(received[IO_DONE], 1);
    assert_int_equal(last_len, 60);
    assert_ptr_equal(last, &buffer[0]);
    assert_int_equal(last_offload.flags, 0);
    assert_int_equal(n.nic.counts.interrupts, 4);
    stop();
    assert_int_equal(received[IO_GONE], 1);
}

static void test_frames_both_ways(void **state)
{
    (void)state;
    check_traffic(128, 4, PLAIN | RING);
    check_traffic(128, 0, PLAIN);
    check_traffic(4, 2, PLAIN | VIRTIO_F_EVENT_IDX);
    check_traffic(256, 1, PLAIN | CSUM | RING);
}

#define FAST 4u

static struct nic_frame fast[FAST];
static u32 fast_sent;

static void send_one_more(void)
{
    struct fv_chain c;
    bool broken;

    assert_true(fv_next(&d, TX, &c, &broken));
    fv_used(&d, TX, c.head, 0);
}

static void on_fast_sent(struct nic_frame *one, enum io_result result)
{
    assert_ptr_equal(one, &fast[fast_sent]);
    assert_int_equal(result, IO_DONE);
    if (++fast_sent < FAST)
        send_one_more();
}

/* What is sent between the last look at the ring and the word that asks for an interrupt has none:
 * nobody else tells of it. */
static void test_card_that_is_faster_than_its_interrupts(void **state)
{
    (void)state;
    start(64, 3, PLAIN | RING);
    fast_sent = 0;
    segment[0] = (struct io_segment){data.at, data.bus, 60};
    for (u32 i = 0; i < FAST; i++) {
        fast[i] = (struct nic_frame){.segment = segment, .segments = 1, .sent = on_fast_sent};
        assert_int_equal(nic_send(&n.nic, &fast[i]), OK);
    }
    nic_kick(&n.nic);
    send_one_more();
    fv_interrupt(&d, d.queue[TX].vector, 1);
    assert_int_equal(fast_sent, FAST);
    stop();
}

static void test_offloads(void **state)
{
    static const u8 valid[HEADER] = {2}, partial[HEADER] = {1, 0, 0, 0, 0, 0, 34, 0, 16, 0};
    static const u8 outside[HEADER] = {1, 0, 0, 0, 0, 0, 59, 0, 0, 0};
    struct fv_chain c;
    bool broken;

    (void)state;
    start(128, 4, PLAIN | CSUM | RING);
    post(3);
    assert_int_equal(
        send(9014, (struct nic_offload){NIC_SUM_PARTIAL | NIC_SEGMENT_TCP4, 34, 16, 54, 1460}), OK);
    nic_kick(&n.nic);
    assert_true(fv_next(&d, TX, &c, &broken));
    assert_memory_equal(c.piece[0].at, "\x01\x01\x36\x00\xb4\x05\x22\x00\x10\x00\x00\x00", HEADER);
    deliver(valid, 60, 72);
    assert_int_equal(last_offload.flags, NIC_SUM_GOOD);
    deliver(partial, 60, 72);
    assert_int_equal(last_offload.flags, NIC_SUM_PARTIAL);
    assert_int_equal(last_offload.sum_start, 34);
    deliver(outside, 60, 72); /* a sum that would be behind the frame */
    assert_int_equal(last_offload.flags, 0);
    stop();

    start(128, 4, PLAIN | RING);
    post(1);
    deliver(valid, 60, 72); /* nobody asked for that */
    assert_int_equal(last_offload.flags, 0);
    stop();
}

static void test_lengths_that_cannot_be(void **state)
{
    static const u8 none[HEADER];

    (void)state;
    start(128, 4, PLAIN | RING);
    post(4);
    deliver(none, 0, 0);
    deliver(none, 0, HEADER + 13);
    assert_int_equal(received[IO_ERROR], 2);
    assert_int_equal(d.resets, 1);
    deliver(none, 60, HEADER + 2049); /* more than it can have written: reset */
    assert_int_equal(d.resets, 2);
    assert_int_equal(received[IO_RESET], 2);
    assert_int_equal(n.nic.counts.nonsense, 1);
    post(1);
    deliver(none, 60, 72);
    assert_int_equal(received[IO_DONE], 1);
    stop();
}

static void test_frame_that_is_not_sent(void **state)
{
    (void)state;
    start(128, 4, PLAIN | RING);
    post(2);
    n.nic.timeout_us = 1000;
    assert_int_equal(send(60, (struct nic_offload){0}), OK);
    nic_kick(&n.nic);
    assert_true(nic_poll(&n.nic) <= d.io.now + 1000);
    d.io.now += 1100;
    assert_int_equal(nic_poll(&n.nic), IO_NEVER);
    assert_int_equal(sent[IO_TIMEOUT], 1);
    assert_int_equal(received[IO_RESET], 2);
    assert_int_equal(d.resets, 2);
    d.stuck = true;
    assert_int_equal(nic_reset(&n.nic), E_IO);
    assert_int_equal(lost, 1);
    assert_int_equal(d.config[PCI_COMMAND] & PCI_COMMAND_MASTER, 0);
    assert_int_equal(send(60, (struct nic_offload){0}), E_IO);
    assert_int_equal(nic_post(&n.nic, &buffer[0]), E_IO);
    stop();
}

static void test_receive_modes(void **state)
{
    (void)state;
    start(128, 4, PLAIN | MODES | RING);
    assert_int_equal(nic_receive_mode(&n.nic, NIC_PROMISCUOUS), OK);
    assert_int_equal(modes_told[0], 1);
    assert_int_equal(modes_told[1], 0);
    modes_told[0] = 0;
    assert_int_equal(nic_reset(&n.nic), OK); /* told again */
    assert_int_equal(modes_told[0], 1);
    control_answers = false;
    assert_int_equal(nic_receive_mode(&n.nic, NIC_ALL_MULTICAST), E_IO);
    control_answers = true; /* too late: what comes now may be the old answer */
    assert_int_equal(nic_receive_mode(&n.nic, NIC_ALL_MULTICAST), E_IO);
    assert_int_equal(nic_reset(&n.nic), OK);
    assert_int_equal(modes_told[1], 1);
    stop();
    start(128, 4, PLAIN | RING);
    assert_int_equal(nic_receive_mode(&n.nic, 0), E_NOTSUP);
    stop();
}

static void test_link(void **state)
{
    (void)state;
    start(128, 4, PLAIN | RING);
    assert_true(n.nic.link);
    fv_put(d.device, 6, 2, 0);
    fv_interrupt(&d, d.config_vector, 2);
    assert_false(n.nic.link);
    fv_interrupt(&d, d.config_vector, 2);
    assert_int_equal(links, 1);
    stop();
}

static void test_devices_that_are_refused(void **state)
{
    (void)state;
    for (u32 i = 0; i < 5; i++) {
        fv_open(&d, VIRTIO_NET, 3, 128, 4, PLAIN | RING, &pci, &f);
        switch (i) {
        case 0: d.features &= ~BIT(5); break; /* no address */
        case 1: d.queue[TX].size = 1; break;
        case 2: d.queues = 1; break;
        case 3: d.queue[RX].notify_off = 0xfff; break;
        default: d.io.allocations_left = 4; break;
        }
        assert_int_not_equal(virtio_net_start(&n, &f, &d.io.env), OK);
        assert_true(n.nic.lost);
        nic_stop(&n.nic);
        assert_true(fake_io_close(&d.io));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_both_ways),
        cmocka_unit_test(test_card_that_is_faster_than_its_interrupts),
        cmocka_unit_test(test_offloads),
        cmocka_unit_test(test_lengths_that_cannot_be),
        cmocka_unit_test(test_frame_that_is_not_sent),
        cmocka_unit_test(test_receive_modes),
        cmocka_unit_test(test_link),
        cmocka_unit_test(test_devices_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
