/* Virtio network cards at the real switch: what one guest sends comes to the other with its bytes,
 * the switch completes a checksum for a receiver that does not, a foreign source address is
 * refused, and a receiver without buffers holds the sender up for a while, and no longer. */
#include "control/net/switch.h"
#include "net_ends.h"

/* The switch in the place of the wire between both ends. */
static struct {
    struct virtio_net_wire wire;
    struct net_switch sw;
    u64 now;
} at;

static enum net_verdict to_switch(const struct virtio_net_wire *wire, struct net_port *port,
                                  const struct net_frame *frame)
{
    assert_ptr_equal(wire, &at.wire);
    return switch_send(&at.sw, port, frame, at.now);
}

static void room_again(const struct virtio_net_wire *wire, struct net_port *port)
{
    assert_ptr_equal(wire, &at.wire);
    switch_ready(&at.sw, port);
}

static int begin(void **state)
{
    (void)state;
    connect(1, false);
    at.wire = (struct virtio_net_wire){.send = to_switch, .ready = room_again};
    at.now = 1000;
    switch_init(&at.sw);
    left.net.wire = right.net.wire = &at.wire;
    assert_int_equal(switch_attach(&at.sw, &left.net.port), OK);
    assert_int_equal(switch_attach(&at.sw, &right.net.port), OK);
    start(&left, DRV_BASE, ALL | VIRTIO_NET_F_CSUM);
    start(&right, DRV_BASE + 0x8000, ALL | VIRTIO_NET_F_MRG_RXBUF);
    return 0;
}

static void turn(void)
{
    u32 head, len;

    for (u32 i = 0; i < 8; i++) {
        (void)virtio_work(&left.net.v);
        (void)virtio_work(&right.net.v);
    }
    while (drv_used(&left.q[1], &head, &len))
        ;
}

/* From left to right: addresses, then `len` - 12 random bytes. */
static void send_to_right(u32 len, const struct virtio_net_header *h, u8 from)
{
    const u8 head[12] = {2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, from};
    const u64 buffer = TX_AT + left.q[1].unused * (u64)BUFFER;
    const struct drv_buffer b[3] = {{buffer, HEADER, false},
                                    {buffer + HEADER, 30, false},
                                    {buffer + HEADER + 30, len - 30, false}};

    fifo[fifo_in % FIFO].len = len;
    for (u32 i = 0; i < len; i++)
        fifo[fifo_in % FIFO].byte[i] = i < 12 ? head[i] : (u8)drv_random();
    fifo[fifo_in % FIFO].byte[12] = 8, fifo[fifo_in % FIFO].byte[13] = 0; /* IPv4 */
    drv_write(buffer, h, HEADER);
    drv_write(buffer + HEADER, fifo[fifo_in % FIFO].byte, len);
    fifo_in++;
    (void)drv_add(&left.q[1], b, 3, 0, 0);
    (void)drv_show(&left.q[1]);
    drv_kick(&left.d, 1);
}

static const struct virtio_net_header plain = {.flags = 0};

static void test_through(void **state)
{
    struct virtio_net_header h;

    (void)state;
    for (u32 i = 0; i < 500; i++) {
        while (right.q[0].left >= 2)
            post(&right);
        send_to_right(60 + (u32)(drv_random() % 1454), &plain, 2);
        turn();
        assert_true(receive(&right, &h));
    }
    assert_true(left.net.port.counters.in_frames == 500);
    assert_true(right.net.port.counters.out_frames == 500);
}

/* The sum of the bytes from the start on, with the sum itself in them, is all ones. */
static void test_checksum(void **state)
{
    const struct virtio_net_header partial = {
        .flags = VIRTIO_NET_HDR_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6};
    u8 bytes[100];
    u32 head, len, sum = 0;

    (void)state;
    for (u32 i = 0; i < 8; i++)
        post(&right);
    assert_false(right.net.port.sum_partial);
    send_to_right(100, &partial, 2);
    fifo_in--;
    u8 *const sent = fifo[fifo_in % FIFO].byte;
    const u32 pseudo = (u32)sent[40] << 8 | sent[41];
    turn();
    assert_true(drv_used(&right.q[0], &head, &len));
    drv_read(bytes, right.rx_at[head] + HEADER, sizeof(bytes));
    for (u32 i = 34; i < 100; i += 2)
        sum += i == 40 ? 0 : (u32)bytes[i] << 8 | bytes[i + 1];
    sum += pseudo;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    assert_int_equal((u32)bytes[40] << 8 | bytes[41], ~sum & 0xffff);
}

static void test_foreign_source(void **state)
{
    struct virtio_net_header h;

    (void)state;
    post(&right), post(&right);
    send_to_right(60, &plain, 9);
    turn();
    assert_true(left.net.port.counters.in_spoofed == 1);
    assert_false(receive(&right, &h));
    assert_int_equal(left.q[1].left, TX_SIZE); /* the sender has its buffers back */
}

static void test_back_pressure(void **state)
{
    struct virtio_net_header h;

    (void)state;
    send_to_right(60, &plain, 2);
    turn();
    assert_true(left.q[1].left < TX_SIZE);
    post(&right);
    turn();
    assert_true(receive(&right, &h));
    assert_int_equal(left.q[1].left, TX_SIZE);
    /* Who does not listen stops nobody for long. */
    send_to_right(60, &plain, 2);
    turn();
    assert_true(left.q[1].left < TX_SIZE);
    at.now += SWITCH_STALL_US + 1;
    (void)switch_poll(&at.sw, at.now);
    turn();
    assert_int_equal(left.q[1].left, TX_SIZE);
    assert_true(right.net.port.counters.out_dropped == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_through, begin),
        cmocka_unit_test_setup(test_checksum, begin),
        cmocka_unit_test_setup(test_foreign_source, begin),
        cmocka_unit_test_setup(test_back_pressure, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
