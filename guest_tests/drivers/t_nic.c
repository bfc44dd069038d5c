/* Network cards: frames of all sizes, ARP, DHCP, echo, interrupts, resets, the link. */
#include "guest_tests/drivers/devices.h"
#include "guest_tests/drivers/env.h"
#include "guest_tests/drivers/net_frames.h"
#include "guest_tests/rt/guest.h"

#define BUFFERS       32u
#define BUFFER_ROOM   2048u
#define SENDS         64u
#define SELF_IP       0x0a00020fu /* 10.0.2.15, as slirp leases it first */
#define GATEWAY_IP    0x0a000202u
#define ANSWER_MS     3000u
#define HOST_MS       20000u
#define DEAF          0x99u /* last byte of its address: nobody takes what that card sends */
#define DEAF_US       300000u
#define DEAF_FRAMES   100000u
#define DHCP_DISCOVER 1u
#define DHCP_OFFER    2u
#define DHCP_REQUEST  3u
#define DHCP_ACK      5u

/* The card under test, and what it has. */
static struct nic *card;
static struct io_dma memory;
static struct nic_buffer buffer[BUFFERS];
static struct nic_frame frame[SENDS];
static struct io_segment segment[SENDS][4];
static volatile u64 sent, sent_badly, received, returned, wanted_seen, links;
static bool reposting;
static bool (*wanted)(const u8 *frame, u32 len); /* what a test waits for */

static struct net_peer self, gateway = {.ip = GATEWAY_IP};
static u16 ping_number;
static u32 ping_payload, lease, server;

static void on_received(struct nic *n, struct nic_buffer *b, u32 len, const struct nic_offload *o,
                        enum io_result result)
{
    (void)o;
    if (result == IO_DONE) {
        received++;
        EXPECT_TRUE(len <= b->memory.len);
        if (wanted != NULL && wanted(b->memory.at, len))
            wanted_seen++;
    } else {
        returned++;
    }
    if (reposting && nic_post(n, b) == OK)
        nic_kick(n);
}

static void on_event(struct nic *n, enum nic_event event)
{
    (void)n;
    links += event == NIC_LINK;
}

static const struct nic_user user = {.received = on_received, .event = on_event};

static void on_sent(struct nic_frame *f, enum io_result result)
{
    (void)f;
    sent++;
    sent_badly += result != IO_DONE;
}

static u8 *send_room(u32 i)
{
    return (u8 *)memory.at + (BUFFERS + i) * BUFFER_ROOM;
}

static void post_all(void)
{
    for (u32 i = 0; i < BUFFERS; i++) {
        const u32 at = i * BUFFER_ROOM;

        buffer[i] =
            (struct nic_buffer){.memory = {(u8 *)memory.at + at, memory.bus + at, BUFFER_ROOM}};
        EXPECT_EQ(nic_post(card, &buffer[i]), OK);
    }
    nic_kick(card);
}

static bool begin(struct nic_place *p)
{
    card = p->nic;
    if (card == NULL || card->lost)
        return false;
    if (memory.len == 0)
        EXPECT_EQ(env.ops->dma_alloc(&env, (BUFFERS + SENDS) * BUFFER_ROOM, PAGE_SIZE, IO_BUS_32,
                                     &memory),
                  OK);
    card->user = &user;
    memcpy(self.mac, card->mac, 6);
    self.ip = SELF_IP;
    sent = sent_badly = received = returned = 0;
    wanted = NULL;
    return true;
}

/* Frame i, `len` bytes in send_room(i), in so many segments. */
static err_t send(u32 i, u32 len, u32 segments)
{
    const u64 bus = memory.bus + (u64)(BUFFERS + i) * BUFFER_ROOM;
    u32 at = 0;

    frame[i] = (struct nic_frame){.segment = segment[i], .sent = on_sent};
    while (at < len) {
        const bool last = frame[i].segments + 1 == segments || len - at == 1;
        const u32 piece = last ? len - at : MAX((len - at) / 2, 1u);

        segment[i][frame[i].segments++] = (struct io_segment){send_room(i) + at, bus + at, piece};
        at += piece;
    }
    return nic_send(card, &frame[i]);
}

/* Sends frame 0 and waits until what `match` says has come. */
static bool ask(u32 len, bool (*match)(const u8 *frame, u32 len))
{
    wanted = match;
    wanted_seen = 0;
    if (!EXPECT_EQ(send(0, len, 1), OK))
        return false;
    nic_kick(card);

    const bool came = env_wait(&wanted_seen, 1, ANSWER_MS, NULL, NULL);

    wanted = NULL;
    return came;
}

static bool is_deaf(const struct nic_place *p)
{
    return p->nic != NULL && p->nic->mac[5] == DEAF;
}

/* Runs `test` on every card, its receive buffers posted before the first. */
static bool each_nic(void (*test)(void))
{
    bool any = false;

    env_begin();
    for (u32 i = 0; i < nic_count; i++)
        if (!is_deaf(&nics[i]) && begin(&nics[i])) {
            test();
            any = true;
        }
    return any;
}

#define ON_NICS(test)                                                                              \
    do {                                                                                           \
        if (!each_nic(test))                                                                       \
            SKIP("no network card");                                                               \
    } while (0)

static void post_first(void)
{
    reposting = true;
    post_all();
}

GUEST_TEST(nic_posts_buffers)
{
    ON_NICS(post_first);
}

static bool is_arp(const u8 *f, u32 len)
{
    return frame_is_arp_reply(f, len, GATEWAY_IP, gateway.mac);
}

static void arp(void)
{
    EXPECT_TRUE(ask(frame_arp_request(send_room(0), &self, GATEWAY_IP), is_arp));
    EXPECT_EQ(sent, 1);
    EXPECT_EQ(sent_badly, 0);
    EXPECT_TRUE(card->counts.interrupts > 0);
}

GUEST_TEST(nic_arp)
{
    ON_NICS(arp);
}

static bool is_offer(const u8 *f, u32 len)
{
    return frame_is_dhcp(f, len, DHCP_OFFER, &lease, &server);
}

static bool is_ack(const u8 *f, u32 len)
{
    u32 ip, from;

    return frame_is_dhcp(f, len, DHCP_ACK, &ip, &from) && ip == lease;
}

static void dhcp(void)
{
    EXPECT_TRUE(ask(frame_dhcp(send_room(0), &self, DHCP_DISCOVER, 0, 0), is_offer));
    EXPECT_EQ(lease >> 8, GATEWAY_IP >> 8);
    EXPECT_EQ(server, GATEWAY_IP);
    EXPECT_TRUE(ask(frame_dhcp(send_room(0), &self, DHCP_REQUEST, lease, server), is_ack));
    say("# %s: lease %u.%u.%u.%u\n", card->name, lease >> 24, lease >> 16 & 255, lease >> 8 & 255,
        lease & 255);
}

GUEST_TEST(nic_dhcp)
{
    ON_NICS(dhcp);
}

static bool is_pong(const u8 *f, u32 len)
{
    return frame_is_pong(f, len, &self, ping_number, ping_payload);
}

static bool ping(u32 payload)
{
    ping_payload = payload;
    ping_number++;
    return ask(frame_ping(send_room(0), &self, &gateway, ping_number, payload), is_pong);
}

/* From the shortest to the longest frame: each is sent, echoed, and received whole. */
static void ping_all_sizes(void)
{
    const u64 before = card->counts.received;
    u32 good = 0;

    if (!EXPECT_TRUE(ask(frame_arp_request(send_room(0), &self, GATEWAY_IP), is_arp)))
        return;
    for (u32 payload = 0; payload <= FRAME_MAX - PING_AROUND; payload++) {
        if (!ping(payload)) {
            FAIL("%s: no echo of %u bytes", card->name, payload);
            break;
        }
        good++;
    }
    EXPECT_TRUE(card->counts.received - before >= good);
    say("# %s: %u echoes, %llu interrupts\n", card->name, good,
        (unsigned long long)card->counts.interrupts);
}

GUEST_TEST(nic_ping_of_all_sizes)
{
    ON_NICS(ping_all_sizes);
}

/* To nobody, in one to four segments; several at a time. */
static void send_all_sizes(void)
{
    u32 count = 0;

    for (u32 len = NIC_FRAME_MIN; len <= FRAME_MAX; len++) {
        const u32 i = count % SENDS;

        memset(send_room(i), (int)len, len);
        memcpy(send_room(i), self.mac, 6);
        memcpy(send_room(i) + 6, self.mac, 6);
        EXPECT_EQ(send(i, len, 1 + len % 4), OK);
        count++;
        nic_kick(card);
        if (count % MIN(SENDS, card->tx_depth) == 0)
            EXPECT_TRUE(env_wait(&sent, count, ANSWER_MS, NULL, NULL));
    }
    EXPECT_TRUE(env_wait(&sent, count, ANSWER_MS, NULL, NULL));
    EXPECT_EQ(sent, count);
    EXPECT_EQ(sent_badly, 0);
    EXPECT_EQ(send(0, FRAME_MAX + 5, 1), E_INVAL);
    EXPECT_EQ(send(0, NIC_FRAME_MIN - 1, 1), E_INVAL);
}

GUEST_TEST(nic_send_of_all_sizes)
{
    ON_NICS(send_all_sizes);
}

static void poll(void *n)
{
    (void)nic_poll(n);
}

static void without_interrupts(void)
{
    const u64 interrupts = card->counts.interrupts;
    const u32 count = 20;

    nic_interrupts(card, false);
    (void)nic_poll(card);
    for (u32 i = 0; i < count; i++) {
        const u64 got = received;

        (void)frame_ping(send_room(0), &self, &gateway, ++ping_number, 100);
        EXPECT_EQ(send(0, PING_AROUND + 100, 1), OK);
        nic_kick(card);
        EXPECT_TRUE(env_wait(&received, got + 1, ANSWER_MS, poll, card));
    }
    EXPECT_EQ(card->counts.interrupts, interrupts);
    nic_interrupts(card, true);
    (void)nic_poll(card);
    EXPECT_TRUE(ping(100));
    EXPECT_TRUE(card->counts.interrupts > interrupts);
}

GUEST_TEST(nic_polling)
{
    ON_NICS(without_interrupts);
}

static void modes(void)
{
    static const u32 mode[] = {NIC_PROMISCUOUS, NIC_ALL_MULTICAST,
                               NIC_PROMISCUOUS | NIC_ALL_MULTICAST, 0};

    for (u32 i = 0; i < ARRAY_LEN(mode); i++) {
        EXPECT_EQ(nic_receive_mode(card, mode[i]), OK);
        EXPECT_TRUE(ping(64));
    }
}

GUEST_TEST(nic_receive_modes)
{
    ON_NICS(modes);
}

/* All buffers and frames come back, once; afterwards it works. */
static void reset_under_way(void)
{
    for (u32 round = 0; round < 10; round++) {
        const u32 count = MIN(SENDS, card->tx_depth);
        const u64 before = sent;

        for (u32 i = 0; i < count; i++) {
            (void)frame_ping(send_room(i), &self, &gateway, (u16)(round * 100 + i), 1000);
            EXPECT_EQ(send(i, PING_AROUND + 1000, 2), OK);
        }
        nic_kick(card);
        reposting = false;
        returned = 0;
        EXPECT_EQ(nic_reset(card), OK);
        EXPECT_EQ(sent - before, count);
        EXPECT_EQ(returned, BUFFERS);
        reposting = true;
        post_all();
    }
    EXPECT_TRUE(ask(frame_arp_request(send_room(0), &self, GATEWAY_IP), is_arp));
    EXPECT_TRUE(ping(500));
    EXPECT_FALSE(card->lost);
}

GUEST_TEST(nic_reset_during_transfers)
{
    ON_NICS(reset_under_way);
}

GUEST_TEST(nic_stop_and_start)
{
    env_begin();
    for (u32 i = 0; i < nic_count; i++) {
        struct nic_place *p = &nics[i];

        if (is_deaf(p) || !begin(p))
            continue;

        const u64 used = env_dma_used();

        reposting = false;
        nic_stop(card);
        EXPECT_EQ(returned, BUFFERS);
        EXPECT_TRUE(env_dma_used() < used);
        EXPECT_EQ(nic_post(card, &buffer[0]), E_IO);
        EXPECT_EQ(p->start(p), OK);
        EXPECT_EQ(env_dma_used(), used);
        (void)begin(p);
        post_first();
        EXPECT_TRUE(ask(frame_arp_request(send_room(0), &self, GATEWAY_IP), is_arp));
        EXPECT_TRUE(ping(500));
    }
    if (nic_count == 0)
        SKIP("no network card");
}

/* The host pulls and plugs the cable when it is asked to; frames without a link do no harm. */
GUEST_TEST(nic_link_goes_and_comes)
{
    env_begin();
    if (nic_count == 0 || !begin(&nics[0]))
        SKIP("no network card");
    links = 0;
    EXPECT_TRUE(card->link);
    say("LINTEL-DRIVERS wants unplugged\n");
    if (!env_wait(&links, 1, HOST_MS, poll, card))
        SKIP("the host pulls no cable");
    EXPECT_FALSE(card->link);
    EXPECT_EQ(send(0, frame_ping(send_room(0), &self, &gateway, 1, 10), 1), OK);
    nic_kick(card);
    EXPECT_TRUE(env_wait(&sent, 1, ANSWER_MS, NULL, NULL));
    say("LINTEL-DRIVERS wants plugged\n");
    EXPECT_TRUE(env_wait(&links, 2, HOST_MS, poll, card));
    EXPECT_TRUE(card->link);
    EXPECT_TRUE(ping(10));
}

/* One frame at a time, until one is not sent; then it fails, and the card is as new. */
static void send_until_late(void)
{
    card->timeout_us = DEAF_US;
    for (u32 i = 0; i < DEAF_FRAMES && sent_badly == 0; i++) {
        memcpy(send_room(0), self.mac, 6);
        memcpy(send_room(0) + 6, self.mac, 6);
        if (!EXPECT_EQ(send(0, FRAME_MAX, 1), OK))
            return;
        nic_kick(card);
        if (!EXPECT_TRUE(env_wait(&sent, i + 1, ANSWER_MS, poll, card)))
            return;
    }
    say("# %s: frame %llu was late\n", card->name, (unsigned long long)sent);
}

GUEST_TEST(nic_timeout)
{
    env_begin();
    for (u32 i = 0; i < nic_count; i++) {
        if (!is_deaf(&nics[i]) || !begin(&nics[i]))
            continue;
        send_until_late();
        EXPECT_EQ(sent_badly, 1);
        EXPECT_EQ(card->counts.timeouts, 1);
        EXPECT_EQ(card->counts.resets, 1);
        EXPECT_FALSE(card->lost);
        EXPECT_EQ(nic_poll(card), IO_NEVER);
        return;
    }
    SKIP("no card whose frames nobody takes");
}
