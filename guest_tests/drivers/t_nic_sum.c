/* Checksums that the card computes on the way out: an echo is answered only if its checksum is
 * right.  Comes behind the other tests of cards, whose buffers it takes out of them. */
#include "guest_tests/drivers/devices.h"
#include "guest_tests/drivers/env.h"
#include "guest_tests/drivers/net_frames.h"
#include "guest_tests/rt/guest.h"

#define BUFFERS    4u
#define ROOM       2048u
#define ICMP_START 34u
#define ICMP_SUM   2u /* behind the start */
#define ANSWER_MS  2000u
#define GATEWAY_IP 0x0a000202u
#define SELF_IP    0x0a00020fu

static struct io_dma memory; /* the buffers, and a frame behind them */
static struct nic_buffer buffer[BUFFERS];
static struct net_peer self = {.ip = SELF_IP}, gateway = {.ip = GATEWAY_IP};
static volatile u64 answers;
static u16 number;
static u32 payload;
static bool asks_for_address;

static u8 *frame_room(void)
{
    return (u8 *)memory.at + BUFFERS * ROOM;
}

static void on_received(struct nic *n, struct nic_buffer *b, u32 len, const struct nic_offload *o,
                        enum io_result result)
{
    const u8 *f = (const u8 *)b->memory.at;

    (void)o;
    if (result != IO_DONE)
        return;
    if (asks_for_address)
        answers += frame_is_arp_reply(f, len, GATEWAY_IP, gateway.mac);
    else
        answers += frame_is_pong(f, len, &self, number, payload);
    if (nic_post(n, b) == OK)
        nic_kick(n);
}

static const struct nic_user user = {.received = on_received};

static void on_sent(struct nic_frame *f, enum io_result result)
{
    (void)f;
    EXPECT_EQ(result, IO_DONE);
}

static bool begin(struct nic *n)
{
    if (memory.len == 0)
        EXPECT_EQ(env.ops->dma_alloc(&env, (BUFFERS + 1) * ROOM, PAGE_SIZE, IO_BUS_32, &memory),
                  OK);
    n->user = &user;
    if (!EXPECT_EQ(nic_reset(n), OK))
        return false;
    for (u32 i = 0; i < BUFFERS; i++) {
        buffer[i] = (struct nic_buffer){
            .memory = {(u8 *)memory.at + i * ROOM, memory.bus + i * ROOM, ROOM}};
        EXPECT_EQ(nic_post(n, &buffer[i]), OK);
    }
    nic_kick(n);
    memcpy(self.mac, n->mac, 6);
    return true;
}

/* In three pieces; whether an answer came. */
static bool ask(struct nic *n, u32 len, struct nic_offload offload)
{
    static struct nic_frame f;
    static struct io_segment piece[3];
    const u32 cut[4] = {0, 20, 39, len};

    for (u32 i = 0; i < 3; i++)
        piece[i] = (struct io_segment){frame_room() + cut[i], memory.bus + BUFFERS * ROOM + cut[i],
                                       cut[i + 1] - cut[i]};
    f = (struct nic_frame){.segment = piece, .segments = 3, .offload = offload, .sent = on_sent};
    answers = 0;
    if (!EXPECT_EQ(nic_send(n, &f), OK))
        return false;
    nic_kick(n);
    return env_wait(&answers, 1, ANSWER_MS, NULL, NULL);
}

/* An echo request whose checksum is nothing. */
static u32 make_ping(u32 bytes)
{
    payload = bytes;
    number++;

    const u32 len = frame_ping(frame_room(), &self, &gateway, number, bytes);

    memset(frame_room() + ICMP_START + ICMP_SUM, 0, 2);
    return len;
}

static void sums(struct nic *n)
{
    static const u32 sizes[] = {0, 1, 2, 3, 64, 777, 1471, 1472};
    const struct nic_offload none = {.flags = 0};
    const struct nic_offload sum = {
        .flags = NIC_SUM_PARTIAL, .sum_start = ICMP_START, .sum_offset = ICMP_SUM};
    u32 good = 0;

    if (!begin(n))
        return;
    asks_for_address = true;
    EXPECT_TRUE(ask(n, frame_arp_request(frame_room(), &self, GATEWAY_IP), none));
    asks_for_address = false;
    for (u32 i = 0; i < ARRAY_LEN(sizes); i++)
        good += ask(n, make_ping(sizes[i]), sum);
    EXPECT_EQ(good, ARRAY_LEN(sizes));
    EXPECT_FALSE(ask(n, make_ping(64), none)); /* so it was the card */
    say("# %s: %u echoes with the card's checksum\n", n->name, good);
    EXPECT_EQ(nic_reset(n), OK);
}

GUEST_TEST(nic_checksums_by_the_card)
{
    u32 tried = 0;

    env_begin();
    for (u32 i = 0; i < nic_count; i++)
        if (nics[i].nic != NULL && !nics[i].nic->lost && (nics[i].nic->features & NIC_CAN_SUM)) {
            sums(nics[i].nic);
            tried++;
        }
    if (tried == 0)
        SKIP("no card that computes checksums");
}
