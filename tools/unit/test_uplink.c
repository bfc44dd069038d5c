/* control/net/uplink.c between the switch and a card that is slow, full, without link, lost. */
#include "control/net/uplink.h"
#include "tools/unit/fake_io.h"
#include "tools/unit/net_frames.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DEPTH 4u /* of the card */

/* A card that keeps what it gets until the test takes it. */
struct card {
    struct nic nic;
    struct nic_frame *sending[DEPTH];
    u32 frames;
    struct nic_buffer *buffer[UPLINK_RECEIVES];
    u32 buffers, kicks, mode;
    bool done; /* the next poll: all frames have been sent */
    err_t post_err;
};

static struct fake_io io;
static struct card card;
static struct net_switch sw;
static struct uplink u;

static struct {
    struct net_port port;
    u32 delivered, resumed, len;
    u8 bytes[NET_FRAME_MAX], flags;
} guest;

static struct card *card_of(struct nic *n)
{
    return CONTAINER_OF(n, struct card, nic);
}

static err_t card_send(struct nic *n, struct nic_frame *f)
{
    struct card *const c = card_of(n);

    if (c->frames == DEPTH)
        return E_NOMEM;
    c->sending[c->frames++] = f;
    return OK;
}

static err_t card_post(struct nic *n, struct nic_buffer *b)
{
    struct card *const c = card_of(n);

    if (c->post_err != OK)
        return c->post_err;
    assert_true(c->buffers < c->nic.rx_depth);
    c->buffer[c->buffers++] = b;
    return OK;
}

static void card_kick(struct nic *n)
{
    card_of(n)->kicks++;
}

static void give_back(struct card *c, enum io_result result)
{
    while (c->frames) {
        struct nic_frame *const f = c->sending[--c->frames];

        f->sent(f, result);
    }
}

static u64 card_poll(struct nic *n)
{
    struct card *const c = card_of(n);

    if (c->done)
        give_back(c, IO_DONE);
    c->done = false;
    return 12345;
}

static void card_interrupts(struct nic *n, bool on)
{
    (void)n;
    (void)on;
}

static err_t card_mode(struct nic *n, u32 mode)
{
    card_of(n)->mode = mode;
    return E_NOTSUP;
}

static err_t card_reset(struct nic *n)
{
    give_back(card_of(n), IO_RESET);
    return OK;
}

static void card_stop(struct nic *n)
{
    struct card *const c = card_of(n);

    give_back(c, IO_GONE);
    while (c->buffers) {
        struct nic_buffer *const b = c->buffer[--c->buffers];

        n->user->received(n, b, 0, &(struct nic_offload){0}, IO_GONE);
    }
}

static bool guest_deliver(struct net_port *port, const struct net_frame *frame)
{
    (void)port;
    guest.delivered++;
    guest.len = 0;
    for (u32 i = 0; i < frame->segments; i++) {
        memcpy(guest.bytes + guest.len, frame->segment[i].at, frame->segment[i].len);
        guest.len += frame->segment[i].len;
    }
    guest.flags = frame->offload.flags;
    return true;
}

static void guest_resume(struct net_port *port)
{
    (void)port;
    guest.resumed++;
}

static int fresh(void **state)
{
    static const struct nic_ops ops = {card_send,       card_post, card_kick,  card_poll,
                                       card_interrupts, card_mode, card_reset, card_stop};
    static const struct net_port_ops guest_ops = {guest_deliver, guest_resume};

    (void)state;
    fake_io_open(&io, NULL);
    memset(&guest, 0, sizeof(guest));
    card = (struct card){.nic = {.ops = &ops,
                                 .env = &io.env,
                                 .name = "card",
                                 .link = true,
                                 .mtu = NIC_MTU,
                                 .tx_queues = 1,
                                 .rx_queues = 1,
                                 .tx_depth = DEPTH,
                                 .rx_depth = 8,
                                 .segments_max = 1,
                                 .buffer_min = 2048,
                                 .bus_last = UINT64_MAX}};
    switch_init(&sw);
    guest.port = (struct net_port){
        .ops = &guest_ops, .mac = frame_mac(1), .link = true, .sum_partial = true};
    assert_int_equal(switch_attach(&sw, &guest.port), OK);
    return 0;
}

static int over(void **state)
{
    (void)state;
    assert_true(fake_io_close(&io));
    return 0;
}

static enum net_verdict send(u8 last, u8 flags)
{
    u8 bytes[80] = {0};
    const struct io_segment segment[2] = {{bytes, 0, 20}, {bytes + 20, 0, 60}};
    const struct net_frame f = {segment, 2, 80, {.flags = flags, .sum_start = 34, .sum_offset = 6}};

    (void)frame_ethernet(bytes, frame_mac(9), frame_mac(1), 0x0800);
    bytes[79] = last;
    return switch_send(&sw, &guest.port, &f, io_now(&io.env));
}

/* A frame that the card has received, in its oldest buffer. */
static void arrive(u32 len, u8 flags, enum io_result result)
{
    struct nic_buffer *const b = card.buffer[0];
    const struct nic_offload offload = {.flags = flags};

    card.buffers--;
    memmove(card.buffer, card.buffer + 1, card.buffers * sizeof(card.buffer[0]));
    memset(b->memory.at, 0, b->memory.len);
    (void)frame_ethernet(b->memory.at, frame_mac(1), frame_mac(9), 0x0800);
    card.nic.user->received(&card.nic, b, len, &offload, result);
}

static void test_both_ways(void **state)
{
    (void)state;
    assert_int_equal(uplink_open(&u, &sw, &card.nic, false), OK);
    assert_int_equal(card.buffers, 8);
    assert_int_equal(card.mode, NIC_PROMISCUOUS);
    assert_false(u.port.sum_partial);
    assert_int_equal(send(0x5a, NIC_SUM_PARTIAL), NET_TAKEN);
    assert_int_equal(card.frames, 1);
    assert_int_equal(card.sending[0]->segment[0].len, 80);
    assert_int_equal(((u8 *)card.sending[0]->segment[0].at)[79], 0x5a);
    assert_int_equal(card.sending[0]->offload.flags, 0); /* completed by the switch */
    assert_int_not_equal(((u8 *)card.sending[0]->segment[0].at)[40], 0);
    assert_ptr_equal(fake_at(&io, card.sending[0]->segment[0].bus, 80),
                     card.sending[0]->segment[0].at);
    card.kicks = 0;
    assert_int_equal(uplink_poll(&u), 12345);
    assert_true(card.kicks >= 1);
    arrive(60, NIC_SUM_GOOD, IO_DONE);
    assert_int_equal(guest.delivered, 1);
    assert_int_equal(guest.len, 60);
    assert_int_equal(guest.flags, NIC_SUM_GOOD);
    assert_int_equal(card.buffers, 8); /* it is back in the card */
    arrive(13, 0, IO_DONE);            /* what is no frame */
    arrive(2048, 0, IO_DONE);
    arrive(0, 0, IO_RESET);
    assert_int_equal(guest.delivered, 1);
    assert_int_equal(u.port.counters.in_malformed, 2);
    assert_int_equal(card.buffers, 8);
    uplink_close(&u);
    assert_int_equal(u.posted, 0);
    assert_int_equal(card.frames, 0);
}

static void test_full(void **state)
{
    (void)state;
    card.nic.features = NIC_CAN_SUM;
    assert_int_equal(uplink_open(&u, &sw, &card.nic, true), OK);
    arrive(60, 0, IO_DONE); /* the switch knows now who is there: a guest waits */
    for (u32 i = 0; i < DEPTH; i++)
        assert_int_equal(send((u8)i, NIC_SUM_PARTIAL), NET_TAKEN);
    assert_int_equal(card.sending[0]->offload.flags, NIC_SUM_PARTIAL); /* the card does it */
    assert_int_equal(send(4, 0), NET_WAIT);
    (void)uplink_poll(&u);
    assert_int_equal(guest.resumed, 0);
    card.done = true;
    (void)uplink_poll(&u);
    assert_int_equal(guest.resumed, 1);
    assert_int_equal(send(4, 0), NET_TAKEN);
    assert_int_equal(u.failed, 0);
    card.nic.mtu = 20; /* a card that does not want it */
    assert_int_equal(send(5, 0), NET_TAKEN);
    assert_int_equal(u.failed, 1);
    uplink_close(&u);
    assert_int_equal(u.failed, 2); /* what was in it */
}

static void test_link(void **state)
{
    (void)state;
    assert_int_equal(uplink_open(&u, &sw, &card.nic, false), OK);
    card.nic.link = false;
    (void)uplink_poll(&u);
    assert_false(u.port.link);
    assert_int_equal(send(1, 0), NET_TAKEN); /* into nowhere */
    assert_int_equal(card.frames, 0);
    card.nic.link = true;
    (void)uplink_poll(&u);
    assert_int_equal(send(1, 0), NET_TAKEN);
    assert_int_equal(card.frames, 1);
    card.post_err = E_IO;
    arrive(60, 0, IO_RESET);
    assert_int_equal(u.posted, 7);
    card.nic.lost = true;
    (void)uplink_poll(&u);
    assert_false(u.port.link);
    uplink_close(&u);
}

static void test_open(void **state)
{
    (void)state;
    card.nic.buffer_min = UPLINK_BUFFER + 1;
    assert_int_equal(uplink_open(&u, &sw, &card.nic, false), E_INVAL);
    card.nic.buffer_min = 0;
    io.allocations_left = 0;
    assert_int_equal(uplink_open(&u, &sw, &card.nic, false), E_NOMEM);
    io.allocations_left = 10;
    card.post_err = E_IO;
    assert_int_equal(uplink_open(&u, &sw, &card.nic, false), E_IO);
    card.post_err = OK;
    for (u32 i = 0; i < SWITCH_PORTS; i++)
        assert_true(sw.slot[i].port == NULL || sw.slot[i].port == &guest.port);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_both_ways, fresh, over),
        cmocka_unit_test_setup_teardown(test_full, fresh, over),
        cmocka_unit_test_setup_teardown(test_link, fresh, over),
        cmocka_unit_test_setup_teardown(test_open, fresh, over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
