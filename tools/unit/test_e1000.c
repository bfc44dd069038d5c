/* drivers/io/e1000*.c against the model of e1000_model.h. */
#include "tools/unit/e1000_user.h"

static void test_start(void **state)
{
    static const u8 mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

    (void)state;
    assert_memory_equal(e.nic.mac, mac, 6);
    assert_true(e.nic.link);
    assert_int_equal(e.nic.speed_mbit, 1000);
    assert_int_equal(m.reg[M_RAL], 0x12005452);
    assert_int_equal(m.reg[M_RAL + 1], 0x80005634);
    assert_true(m.reg[M_IMS] != 0);
    assert_int_equal(m.config[PCI_COMMAND] & 6, 6);
    assert_int_equal(m.reg[M_RCTL] & 2, 0); /* no buffers yet */
    assert_string_equal(m.io.log, "e1000: 52:54:00:12:34:56, link up, 1000 Mbit/s\n");
}

/* Frames of all sizes, in one piece and in many. */
static void test_send(void **state)
{
    struct frame f;

    (void)state;
    for (u32 len = 14; len <= 1518; len++) {
        open_frame(&f, len, 1 + len % MIN(E1000_SEGMENTS, len));
        assert_int_equal(nic_send(&e.nic, &f.f), OK);
        assert_int_equal(f.sent, 0);
        nic_kick(&e.nic);
        e1000_model_send(&m, ~0u);
        (void)nic_poll(&e.nic);
        assert_int_equal(f.sent, 1);
        assert_int_equal(f.result, IO_DONE);
        assert_int_equal(m.sents, 1);
        assert_int_equal(m.sent_len[0], len);
        assert_memory_equal(m.sent[0], f.memory.at, len);
        m.sents = 0;
        close_frame(&f);
    }
    assert_int_equal(e.nic.counts.requests, 1505);
    assert_int_equal(e.nic.counts.errors, 0);
    open_frame(&f, 1519, 1);
    assert_int_equal(nic_send(&e.nic, &f.f), E_INVAL);
    close_frame(&f);
}

static void test_checksum(void **state)
{
    struct frame f;

    (void)state;
    open_frame(&f, 101, 3);
    f.f.offload = (struct nic_offload){.flags = NIC_SUM_PARTIAL, .sum_start = 34, .sum_offset = 6};
    assert_int_equal(nic_send(&e.nic, &f.f), OK);
    nic_kick(&e.nic);
    e1000_model_send(&m, ~0u);
    (void)nic_poll(&e.nic);
    assert_int_equal(f.result, IO_DONE);
    /* The model has put a sum there, and nothing else. */
    u32 sum = 0;
    for (u32 i = 34; i < 101; i++)
        if (i != 40 && i != 41)
            sum += (u32)m.sent[0][i] << (i % 2 ? 0 : 8);
    sum += (u32)((u8 *)f.memory.at)[40] << 8 | ((u8 *)f.memory.at)[41]; /* the partial sum */
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    assert_int_equal(m.sent[0][40] << 8 | m.sent[0][41], ~sum & 0xffff);
    m.sent[0][40] = ((u8 *)f.memory.at)[40];
    m.sent[0][41] = ((u8 *)f.memory.at)[41];
    assert_memory_equal(m.sent[0], f.memory.at, 101);
    /* Offsets have 8 bits. */
    f.f.offload = (struct nic_offload){.flags = NIC_SUM_PARTIAL, .sum_start = 90, .sum_offset = 6};
    assert_int_equal(nic_send(&e.nic, &f.f), OK);
    close_frame(&f);
    struct frame g;
    open_frame(&g, 600, 1);
    g.f.offload = (struct nic_offload){.flags = NIC_SUM_PARTIAL, .sum_start = 250, .sum_offset = 6};
    assert_int_equal(nic_send(&e.nic, &g.f), E_NOTSUP);
    g.f.offload = (struct nic_offload){.flags = NIC_SUM_PARTIAL | NIC_SEGMENT_TCP4};
    assert_int_equal(nic_send(&e.nic, &g.f), E_NOTSUP);
    close_frame(&g);
}

/* The ring goes round, full and in odd portions; frames come back in order. */
static void test_ring(void **state)
{
    static struct frame f[RING_FRAMES];
    u32 first = 0, next = 0, seed = 7;

    (void)state;
    for (u32 i = 0; i < RING_FRAMES; i++)
        open_frame(&f[i], 60 + i, 1 + i % E1000_SEGMENTS);
    for (u32 round = 0; round < 4000; round++) {
        struct frame *g = &f[next % RING_FRAMES];
        seed = seed * 1103515245 + 12345;
        if (seed >> 16 & 1 && next - first < RING_FRAMES) {
            const err_t err = nic_send(&e.nic, &g->f);
            if (err == OK) {
                g->sent = 0;
                next++;
            }
            assert_true(err == OK || err == E_NOMEM);
            assert_true(err == OK || next - first >= e.nic.tx_depth);
        }
        if (seed >> 17 & 1) {
            nic_kick(&e.nic);
            e1000_model_send(&m, seed >> 20 & 31);
            (void)nic_poll(&e.nic);
            for (u32 i = first; i < next && f[i % RING_FRAMES].sent; i++)
                first++;
            for (u32 i = first; i < next; i++)
                assert_int_equal(f[i % RING_FRAMES].sent, 0);
            m.sents = 0;
        }
    }
    nic_kick(&e.nic);
    m.sents = 0;
    e1000_model_send(&m, ~0u);
    (void)nic_poll(&e.nic);
    assert_int_equal(e.tx.used, 0);
    assert_true(next > 600);
    for (u32 i = 0; i < RING_FRAMES; i++)
        close_frame(&f[i]);
}

static void test_receive(void **state)
{
    u8 bytes[2048];

    (void)state;
    repost = true;
    post_all();
    for (u32 len = 14; len <= 1518; len++) {
        struct buffer *b = &buffers[(len - 14) % BUFFERS];
        for (u32 i = 0; i < len; i++)
            bytes[i] = (u8)(i * 3 + len);
        const u32 back = b->back;
        assert_true(e1000_model_receive(&m, bytes, len));
        (void)nic_poll(&e.nic);
        assert_int_equal(b->back, back + 1);
        assert_int_equal(b->result, IO_DONE);
        assert_int_equal(b->len, len);
        assert_memory_equal(b->memory.at, bytes, len);
        nic_kick(&e.nic);
    }
    assert_int_equal(e.nic.counts.received, 1505);
    assert_int_equal(e.nic.counts.errors, 0);
}

static void test_interrupts(void **state)
{
    struct frame f;
    u8 bytes[60] = {0};

    (void)state;
    post_all();
    assert_int_equal(fake_line(&m.io, E1000_LINE), 0); /* another device's */
    assert_true(e1000_model_receive(&m, bytes, 60));
    assert_true(model_line(&m));
    assert_int_equal(fake_line(&m.io, E1000_LINE), 1);
    assert_false(model_line(&m));
    expect_back(0, 60, IO_DONE);
    open_frame(&f, 60, 1);
    assert_int_equal(nic_send(&e.nic, &f.f), OK);
    nic_kick(&e.nic);
    e1000_model_send(&m, ~0u);
    assert_int_equal(fake_line(&m.io, E1000_LINE), 1);
    assert_int_equal(f.sent, 1);
    m.reg[M_STATUS] &= ~2u;
    model_cause(&m, 4);
    assert_int_equal(fake_line(&m.io, E1000_LINE), 1);
    assert_int_equal(links, 1);
    assert_false(e.nic.link);
    assert_int_equal(e.nic.counts.interrupts, 3);
    nic_interrupts(&e.nic, false);
    assert_true(e1000_model_receive(&m, bytes, 60));
    assert_false(model_line(&m));
    close_frame(&f);
}

/* Without interrupts the link is looked at now and then. */
static void test_link(void **state)
{
    (void)state;
    assert_int_equal(nic_poll(&e.nic), IO_NEVER);
    nic_interrupts(&e.nic, false);
    m.io.now += 100000;
    const u64 next = nic_poll(&e.nic);
    assert_true(next > m.io.now && next <= m.io.now + 100000);
    m.reg[M_STATUS] &= ~2u;
    (void)nic_poll(&e.nic);
    assert_int_equal(links, 0);
    m.io.now = next;
    (void)nic_poll(&e.nic);
    assert_int_equal(links, 1);
    assert_false(e.nic.link);
    assert_int_equal(e.nic.speed_mbit, 0);
}

static void test_receive_mode(void **state)
{
    (void)state;
    assert_int_equal(nic_receive_mode(&e.nic, NIC_ALL_MULTICAST), OK);
    assert_int_equal(m.reg[M_RCTL] & 2, 0);
    post_all();
    assert_int_equal(m.reg[M_RCTL] & 0x1a, 0x12);
    assert_int_equal(nic_receive_mode(&e.nic, NIC_PROMISCUOUS), OK);
    assert_int_equal(m.reg[M_RCTL] & 0x1a, 0x1a);
    assert_int_equal(nic_receive_mode(&e.nic, 0), OK);
    assert_int_equal(m.reg[M_RCTL] & 0x1a, 0x02);
}

static void test_span(void **state)
{
    struct e1000_span s = {.size = 8, .first = 6, .used = 4};

    (void)state;
    assert_int_equal(e1000_tail(&s), 2);
    assert_int_equal(e1000_free(&s), 3);
    assert_int_equal(e1000_next(&s, 7), 0);
    assert_int_equal(e1000_upto(&s, 6), 1);
    assert_int_equal(e1000_upto(&s, 1), 4);
    assert_int_equal(e1000_upto(&s, 2), 0);
    assert_int_equal(e1000_upto(&s, 5), 0);
    assert_int_equal(e1000_upto(&s, 8), 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_start), CASE(test_send),         CASE(test_checksum),
        CASE(test_ring),  CASE(test_receive),      CASE(test_interrupts),
        CASE(test_link),  CASE(test_receive_mode), cmocka_unit_test(test_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
