/* Random frames from one virtio network card to another, through queues that run empty and full,
 * with and without merged buffers, event index and indirect tables: each comes once, in order, with
 * its bytes. */
#include "net_ends.h"

#define FRAMES 40000u

static void traffic(u64 features, u32 frames)
{
    static const struct virtio_net_header plain = {.flags = 0};
    struct virtio_net_header h;
    u32 sent = 0, head, len;

    connect(1, false);
    start(&left, DRV_BASE, features);
    start(&right, DRV_BASE + 0x8000, features);
    waited = 0;
    while (fifo_out < frames) {
        const u32 burst = (u32)(drv_random() % 20);
        for (u32 i = 0;
             i < burst && sent < frames && left.q[1].left >= 6 && fifo_in - fifo_out < FIFO - 1;
             i++, sent++)
            send(&left, NIC_FRAME_MIN + (u32)(drv_random() % (NET_FRAME_MAX - NIC_FRAME_MIN + 1)),
                 &plain);
        for (u64 i = drv_random() % 24; i != 0; i--)
            post(&right);
        (void)virtio_work(&left.net.v);
        (void)virtio_work(&right.net.v);
        while (drv_used(&left.q[1], &head, &len))
            assert_int_equal(len, 0);
        if (drv_random() % 2) {
            while (receive(&right, &h))
                assert_int_equal(h.flags, 0);
            *drv_used_event(&right.q[0]) = right.q[0].used_seen;
        }
    }
    assert_true(waited > frames / 200);
    assert_true(left.net.counters.sent == frames && right.net.counters.received == frames);
    assert_true(left.net.counters.malformed == 0 && right.net.counters.dropped == 0);
    assert_int_equal(f.says, 0);
}

static void test_traffic(void **state)
{
    (void)state;
    traffic(ALL, FRAMES / 4);
    traffic(ALL | VIRTIO_NET_F_MRG_RXBUF, FRAMES / 4);
    traffic(VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MRG_RXBUF, FRAMES / 4);
    traffic(VIRTIO_F_VERSION_1, FRAMES / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_traffic)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
