/* The virtio network device: checksums, frames that no driver may send, waiting and not waiting,
 * filters, commands, several pairs of queues. */
#include "net_ends.h"

static int begin(void **state)
{
    const u64 features = ALL | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CSUM;

    (void)state;
    connect(1, true);
    start(&left, DRV_BASE, features | VIRTIO_NET_F_CTRL_MAC_ADDR);
    start(&right, DRV_BASE + 0x8000, features | VIRTIO_NET_F_GUEST_CSUM);
    return 0;
}

static void turn(void)
{
    u32 head, len;

    for (u32 i = 0; i < 8; i++) { /* each may wake the other */
        (void)virtio_work(&left.net.v);
        (void)virtio_work(&right.net.v);
    }
    while (drv_used(&left.q[1], &head, &len))
        ;
}

static void test_checksums(void **state)
{
    const struct virtio_net_header partial = {
        .flags = VIRTIO_NET_HDR_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
    struct virtio_net_header h;

    (void)state;
    assert_true(right.net.port.sum_partial);
    assert_false(left.net.port.sum_partial);
    post(&right), post(&right), post(&right), post(&right);
    send(&left, 60, &partial);
    turn();
    assert_int_equal(last.offload.flags, NIC_SUM_PARTIAL);
    assert_int_equal(last.offload.sum_start, 34);
    assert_int_equal(last.offload.sum_offset, 16);
    assert_true(receive(&right, &h));
    assert_int_equal(h.flags, VIRTIO_NET_HDR_NEEDS_CSUM);
    assert_int_equal(h.csum_start, 34);
    assert_int_equal(h.csum_offset, 16);
    /* What a wire's card has verified. */
    u8 bytes[60];
    memset(bytes, 0xff, sizeof(bytes));
    const struct io_segment s = {.at = bytes, .len = sizeof(bytes)};
    const struct net_frame frame = {
        .segment = &s, .segments = 1, .len = sizeof(bytes), .offload = {.flags = NIC_SUM_GOOD}};
    fifo[fifo_in % FIFO].len = sizeof(bytes);
    memcpy(fifo[fifo_in++ % FIFO].byte, bytes, sizeof(bytes));
    assert_true(right.net.port.ops->deliver(&right.net.port, &frame));
    turn();
    assert_true(receive(&right, &h));
    assert_int_equal(h.flags, VIRTIO_NET_HDR_DATA_VALID);
    SET_COMMON(&right.d, device_status, 0);
    assert_false(right.net.port.sum_partial);
}

/* What no driver may send is dropped and counted, and its buffers come back. */
static void test_malformed(void **state)
{
    // clang-format off
    static const struct { u32 len; struct virtio_net_header h; } cases[] = {
        { 13, {0} }, { NET_FRAME_MAX + 1, {0} }, { 0, {0} },
        { 60, { .gso_type = 1 } }, { 60, { .gso_type = 0x80 } },
        { 60, { .flags = VIRTIO_NET_HDR_NEEDS_CSUM, .csum_start = 34, .csum_offset = 25 } },
        { 60, { .flags = VIRTIO_NET_HDR_NEEDS_CSUM, .csum_start = 0xffff, .csum_offset = 0xffff } },
    };
    // clang-format on
    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        const struct drv_buffer b[2] = {{TX_AT, HEADER, false},
                                        {TX_AT + HEADER, MAX(cases[i].len, 1u), false}};
        u32 head, len;
        drv_write(TX_AT, &cases[i].h, HEADER);
        (void)drv_add(&left.q[1], b, cases[i].len ? 2 : 1, 0, 0);
        (void)drv_show(&left.q[1]);
        drv_kick(&left.d, 1);
        while (virtio_work(&left.net.v))
            ;
        assert_int_equal(left.net.counters.malformed, i + 1);
        assert_true(drv_used(&left.q[1], &head, &len));
    }
    assert_int_equal(left.net.counters.sent, 0);
    assert_int_equal(f.says, 0);
    refuse_with = NET_REFUSED; /* by the switch: finished, too */
    const struct virtio_net_header plain = {.flags = 0};
    send(&left, 60, &plain);
    turn();
    assert_int_equal(left.q[1].left, TX_SIZE);
    assert_int_equal(left.net.counters.sent, 0);
}

/* A frame too big for its buffers is dropped; nobody waits for a device that stops. */
static void test_no_buffers(void **state)
{
    const struct virtio_net_header plain = {.flags = 0};
    struct virtio_net_header h;

    (void)state;
    right.rx_len = 100;
    post(&right);
    send(&left, 89, &plain);
    turn();
    assert_int_equal(right.net.counters.dropped, 1);
    fifo_out++;
    send(&left, 88, &plain);
    turn();
    assert_true(receive(&right, &h));
    send(&left, 60, &plain);
    turn();
    assert_true(left.waits);
    right.q[0].avail->idx = 0x4000; /* broken */
    drv_kick(&right.d, 0);
    turn();
    assert_false(left.waits);
    turn();
    assert_true(COMMON(&right.d, device_status) & VIRTIO_STATUS_NEEDS_RESET);
    assert_int_equal(right.net.counters.dropped, 2);
    assert_int_equal(left.q[1].left, TX_SIZE);
}

static void test_waiting_at_a_reset(void **state)
{
    const struct virtio_net_header plain = {.flags = 0};

    (void)state;
    send(&left, 60, &plain);
    turn();
    assert_true(left.waits);
    SET_COMMON(&right.d, device_status, 0);
    assert_false(left.waits);
    turn();
    assert_int_equal(right.net.counters.dropped, 1);
    /* The sender is reset while it waits. */
    start(&right, DRV_BASE + 0x8000, ALL);
    send(&left, 60, &plain);
    turn();
    assert_true(left.waits);
    start(&left, DRV_BASE, ALL);
    for (u32 i = 0; i < 4; i++)
        post(&right);
    turn();
    assert_int_equal(right.net.counters.received, 0);
}

/* ---- the control queue ---- */

/* A command with `len` bytes of data; gives the answer. */
static u8 control(struct end *e, u8 class, u8 command, const void *data, u32 len)
{
    const u8 what[2] = {class, command};
    const struct drv_buffer b[3] = {
        {CTRL_AT, 2, false}, {CTRL_AT + 16, len, false}, {CTRL_AT + 8, 1, true}};
    u32 head, written;

    drv_write(CTRL_AT, what, 2);
    drv_write(CTRL_AT + 16, data, len);
    *drv_byte(CTRL_AT + 8) = 0xee;
    (void)drv_add(&e->q[2], b, 3, 0, 0);
    (void)drv_show(&e->q[2]);
    virtio_kick(&e->net.v, COMMON(&e->d, num_queues) - 1u);
    while (virtio_work(&e->net.v))
        ;
    assert_true(drv_used(&e->q[2], &head, &written));
    assert_int_equal(written, 1);
    return *drv_byte(CTRL_AT + 8);
}

/* Whether a frame to this address comes to the right end. */
static bool passes(const u8 to[6])
{
    u8 bytes[60] = {0};
    const struct io_segment s = {.at = bytes, .len = sizeof(bytes)};
    const struct net_frame frame = {.segment = &s, .segments = 1, .len = sizeof(bytes)};
    const u64 before = right.net.counters.received, filtered = right.net.counters.filtered;

    post(&right);
    memcpy(bytes, to, 6);
    assert_true(right.net.port.ops->deliver(&right.net.port, &frame));
    turn();
    u32 head, len;
    while (drv_used(&right.q[0], &head, &len))
        ;
    assert_int_equal(right.net.counters.received - before + right.net.counters.filtered - filtered,
                     1);
    return right.net.counters.received != before;
}

static void test_filters(void **state)
{
    static const u8 own[6] = {2, 0, 0, 0, 0, 3}, other[6] = {2, 0, 0, 0, 0, 9},
                    multi[6] = {1, 0, 0x5e, 0, 0, 1}, all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const u8 *const to[4] = {own, other, multi, all};
    // clang-format off
    /* What is switched on or off, and then who passes: own, another's, a group's, all. */
    static const struct { u8 mode, on; bool pass[4]; } steps[] = {
        { VIRTIO_NET_RX_PROMISC, 1, { true, true, true, true } },
        { VIRTIO_NET_RX_PROMISC, 0, { true, false, false, true } },
        { VIRTIO_NET_RX_ALLMULTI, 1, { true, false, true, true } },
        { VIRTIO_NET_RX_NOMULTI, 1, { true, false, false, true } },
        { VIRTIO_NET_RX_NOMULTI, 0, { true, false, true, true } },
        { VIRTIO_NET_RX_ALLMULTI, 0, { true, false, false, true } },
        { VIRTIO_NET_RX_ALLUNI, 1, { true, true, false, true } },
        { VIRTIO_NET_RX_NOUNI, 1, { false, false, false, true } },
        { VIRTIO_NET_RX_NOUNI, 0, { true, true, false, true } },
        { VIRTIO_NET_RX_ALLUNI, 0, { true, false, false, true } },
        { VIRTIO_NET_RX_NOBCAST, 1, { true, false, false, false } },
    };
    // clang-format on
    (void)state;
    for (u32 k = 0; k < 4; k++)
        assert_true(passes(to[k])); /* as after a reset */
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        assert_int_equal(control(&right, VIRTIO_NET_CTRL_RX, steps[i].mode, &steps[i].on, 1),
                         VIRTIO_NET_OK);
        for (u32 k = 0; k < 4; k++)
            assert_int_equal(passes(to[k]), steps[i].pass[k]);
    }
    static const struct PACKED {
        u32 unicast;
        u8 a[6];
        u32 multicast;
        u8 b[6];
    } table = {1, {2, 0, 0, 0, 0, 9}, 1, {1, 0, 0x5e, 0, 0, 1}};
    assert_int_equal(
        control(&right, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_MAC_TABLE_SET, &table, sizeof(table)),
        VIRTIO_NET_OK);
    assert_true(passes(other) && passes(multi));
    static struct PACKED {
        u32 unicast;
        u8 a[NET_FILTER_MACS + 1][6];
        u32 multicast;
    } many = {.unicast = NET_FILTER_MACS + 1};
    assert_int_equal(
        control(&right, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_MAC_TABLE_SET, &many, sizeof(many)),
        VIRTIO_NET_OK);
    assert_true(passes(other)); /* more than fit: all */
    assert_false(passes(multi));
    many.unicast = NET_FILTER_MACS;
    assert_int_equal(
        control(&right, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_MAC_TABLE_SET, &many, sizeof(many)),
        VIRTIO_NET_OK);
    assert_false(passes(other));
}

static void test_commands_refused(void **state)
{
    static const u8 zeros[16], group[6] = {1}, one[6] = {2, 0, 0, 0, 0, 77};
    static const u32 too_many[4] = {0x2aaaaaab}; /* times 6 it is 2 */
    // clang-format off
    const struct { u8 class, command; const void *data; u32 len; } cases[] = {
        { VIRTIO_NET_CTRL_RX, 6, zeros, 1 }, { VIRTIO_NET_CTRL_RX, 0, zeros, 0 },
        { VIRTIO_NET_CTRL_VLAN, 0, zeros, 2 }, { VIRTIO_NET_CTRL_VLAN, 1, zeros, 2 },
        { 3, 0, zeros, 0 }, { 5, 0, zeros, 8 }, { 0xff, 0xff, zeros, 16 },
        { VIRTIO_NET_CTRL_MAC, 2, zeros, 16 }, { VIRTIO_NET_CTRL_MAC, VIRTIO_NET_MAC_TABLE_SET, zeros, 3 },
        { VIRTIO_NET_CTRL_MAC, VIRTIO_NET_MAC_TABLE_SET, zeros, 7 },
        { VIRTIO_NET_CTRL_MAC, VIRTIO_NET_MAC_TABLE_SET, too_many, 16 },
        { VIRTIO_NET_CTRL_MAC, VIRTIO_NET_MAC_ADDR_SET, group, 6 },
        { VIRTIO_NET_CTRL_MAC, VIRTIO_NET_MAC_ADDR_SET, one, 5 },
        { VIRTIO_NET_CTRL_MQ, VIRTIO_NET_MQ_PAIRS_SET, zeros, 2 },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(
            control(&left, cases[i].class, cases[i].command, cases[i].data, cases[i].len),
            VIRTIO_NET_ERR);
    /* Only a guest that may send from any address changes its own. */
    assert_int_equal(control(&left, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_MAC_ADDR_SET, one, 6),
                     VIRTIO_NET_OK);
    assert_int_equal(mem_read(&f, left.d.config + 4, 2), 77u << 8);
    assert_int_equal(control(&right, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_MAC_ADDR_SET, one, 6),
                     VIRTIO_NET_ERR);
    connect(1, false);
    assert_false(drv_offered(&left.d) & VIRTIO_NET_F_CTRL_MAC_ADDR);
}

static void test_config(void **state)
{
    (void)state;
    assert_int_equal(mem_read(&f, left.d.config, 4), 2);
    assert_int_equal(mem_read(&f, left.d.config + 4, 2), 2u << 8);
    assert_int_equal(mem_read(&f, left.d.config + 6, 2), VIRTIO_NET_S_LINK_UP);
    assert_int_equal(mem_read(&f, left.d.config + 8, 4), 1500u << 16 | 1);
    virtio_net_set_link(&left.net, true);
    assert_int_equal(f.data_count[32], 0);
    virtio_net_set_link(&left.net, false);
    assert_int_equal(f.data_count[32], 1);
    assert_int_equal(mem_read(&f, left.d.config + 6, 2), 0);
}

static void test_features(void **state)
{
    (void)state;
    connect(2, true);
    assert_false(drv_negotiate(&left.d, ALL | VIRTIO_NET_F_MQ));
    assert_false(drv_negotiate(&left.d, ALL | VIRTIO_NET_F_CTRL_RX));
    assert_string_equal(f.said,
                        "left: VIRTIO_NET_F_CTRL_RX without a control queue; FEATURES_OK refused");
    assert_true(drv_negotiate(&left.d, drv_offered(&left.d)));
    connect(1, true);
    assert_false(drv_offered(&left.d) & (VIRTIO_NET_F_MQ | VIRTIO_NET_F_CTRL_VLAN));
    struct virtio_net_setup s = {.pairs = 0};
    static struct virtio_net none;
    assert_int_equal(virtio_net_init(&none, &s), E_INVAL);
    s.pairs = VIRTIO_NET_PAIRS_MAX + 1;
    assert_int_equal(virtio_net_init(&none, &s), E_INVAL);
    s.pairs = 1, s.mac.byte[0] = 1;
    assert_int_equal(virtio_net_init(&none, &s), E_INVAL);
}

/* An answer comes by the pair that has asked. */
static void test_pairs(void **state)
{
    const u64 features = ALL | VIRTIO_NET_F_MQ | VIRTIO_NET_F_CTRL_VQ;
    static const u16 two = 2, three = 3;
    u8 bytes[60] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 3};
    const struct io_segment s = {.at = bytes, .len = sizeof(bytes)};
    const struct net_frame answer = {.segment = &s, .segments = 1, .len = sizeof(bytes)};

    (void)state;
    connect(2, false);
    start(&left, DRV_BASE, features);
    drv_queue(&left.d, &left.q[3], 2, RX_SIZE, features);
    drv_queue(&left.d, &left.q[4], 3, TX_SIZE, features);
    assert_int_equal(control(&left, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_MQ_PAIRS_SET, &three, 2),
                     VIRTIO_NET_ERR);
    assert_int_equal(control(&left, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_MQ_PAIRS_SET, &two, 2),
                     VIRTIO_NET_OK);
    for (u32 round = 0; round < 4; round++) {
        const u32 pair = round % 2;
        const u8 to[12] = {2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 2};
        const struct drv_buffer b = {TX_AT, HEADER + 60, false}, in = {RX_AT, BUFFER, true};
        u32 head, len;
        memset(drv_byte(TX_AT), 0, HEADER);
        drv_write(TX_AT + HEADER, to, sizeof(to));
        (void)drv_add(&left.q[pair ? 4 : 1], &b, 1, 0, 0);
        (void)drv_show(&left.q[pair ? 4 : 1]);
        drv_kick(&left.d, (u16)(2 * pair + 1));
        (void)drv_add(&left.q[pair ? 3 : 0], &in, 1, 0, 0);
        (void)drv_show(&left.q[pair ? 3 : 0]);
        while (virtio_work(&left.net.v))
            ;
        assert_true(left.net.port.ops->deliver(&left.net.port, &answer));
        (void)virtio_work(&left.net.v);
        assert_true(drv_used(&left.q[pair ? 3 : 0], &head, &len));
        assert_int_equal(len, HEADER + 60);
        assert_true(drv_used(&left.q[pair ? 4 : 1], &head, &len));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_checksums, begin),
        cmocka_unit_test_setup(test_malformed, begin),
        cmocka_unit_test_setup(test_no_buffers, begin),
        cmocka_unit_test_setup(test_waiting_at_a_reset, begin),
        cmocka_unit_test_setup(test_filters, begin),
        cmocka_unit_test_setup(test_commands_refused, begin),
        cmocka_unit_test_setup(test_config, begin),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_pairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
