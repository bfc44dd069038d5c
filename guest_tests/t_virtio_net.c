/* Two virtio network cards at one switch, and what is between them; and an entropy device and a
 * console if they are there. */
#include "guest_tests/virtio/net.h"

#define ALL       (~0ull)
#define PATIENCE  tsc_ms(500)
#define LATER     tsc_ms(10)
#define BURST     32u
#define FRAME_MIN 60u
#define FRAME     1514u
#define HEADER    14u /* addresses and type */

static struct net a, b;
static u64 state = 1;

static bool start(u64 features)
{
    return net_start(&a, 0, features, VIRTIO_MSI_NO_VECTOR) &&
           net_start(&b, 1, features, VIRTIO_MSI_NO_VECTOR);
}

#define NEEDS_TWO(features)                                                                        \
    do {                                                                                           \
        if (!start(features))                                                                      \
            SKIP("no two network cards");                                                          \
    } while (0)

/* The payload of a frame is known by its number. */
static u8 byte_of(u32 number, u32 at)
{
    return (u8)(number * 31 + at * 7 + (at >> 8));
}

static bool send(struct net *from, const u8 to[6], u32 bytes, u32 number)
{
    u8 *const frame = net_frame(from, to, bytes);

    if (!EXPECT_TRUE(frame != NULL))
        return false;
    for (u32 i = HEADER; i < bytes; i++)
        frame[i] = byte_of(number, i);
    net_add(from, bytes);
    return true;
}

static bool arrives(struct net *at, const u8 from[6], const u8 to[6], u32 bytes, u32 number)
{
    u32 len = 0;
    const u8 *frame;
    bool good;

    if (!EXPECT_TRUE(queue_wait(&at->rx, PATIENCE)))
        return false;
    frame = net_take(at, &len);
    if (!EXPECT_TRUE(frame != NULL) || !EXPECT_EQ(len, bytes))
        return false;
    good = EXPECT_EQ(memcmp(frame, to, 6), 0) && EXPECT_EQ(memcmp(frame + 6, from, 6), 0);
    for (u32 i = HEADER; i < bytes && good; i++)
        good = EXPECT_EQ(frame[i], byte_of(number, i));
    net_give_back(at);
    queue_kick(&at->rx);
    return good;
}

static bool quiet(struct net *n)
{
    return !queue_wait(&n->rx, LATER);
}

GUEST_TEST(addresses)
{
    static const u8 zero[6];

    NEEDS_TWO(0);
    EXPECT_NE(memcmp(a.mac, zero, 6), 0);
    EXPECT_NE(memcmp(a.mac, b.mac, 6), 0);
    EXPECT_EQ(a.mac[0] & 1, 0);
}

GUEST_TEST(one_frame_each_way)
{
    NEEDS_TWO(0);
    for (u32 bytes = FRAME_MIN, i = 0; bytes <= FRAME; bytes += bytes < 1500 ? 97 : 1, i++) {
        if (!send(&a, b.mac, bytes, i))
            return;
        queue_kick(&a.tx);
        if (!arrives(&b, a.mac, b.mac, bytes, i) || !send(&b, a.mac, bytes, i + 1))
            return;
        queue_kick(&b.tx);
        if (!arrives(&a, b.mac, a.mac, bytes, i + 1))
            return;
    }
    EXPECT_TRUE(net_sent(&a));
    EXPECT_TRUE(net_sent(&b));
}

static void bursts(void)
{
    for (u32 round = 0; round < 10; round++) {
        for (u32 i = 0; i < BURST; i++)
            if (!send(&a, b.mac, FRAME, round * BURST + i))
                return;
        queue_kick(&a.tx);
        for (u32 i = 0; i < BURST; i++)
            if (!arrives(&b, a.mac, b.mac, FRAME, round * BURST + i))
                return;
        EXPECT_TRUE(net_sent(&a));
    }
    EXPECT_TRUE(quiet(&b));
}

GUEST_TEST(bursts_in_order)
{
    NEEDS_TWO(0);
    bursts();
}

GUEST_TEST(bursts_with_event_index)
{
    NEEDS_TWO(VIRTIO_F_EVENT_IDX);
    bursts();
}

GUEST_TEST(broadcast)
{
    static const u8 all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    NEEDS_TWO(0);
    if (!send(&a, all, 100, 7))
        return;
    queue_kick(&a.tx);
    (void)arrives(&b, a.mac, all, 100, 7);
    EXPECT_TRUE(quiet(&a)); /* not back to the sender */
}

/* Who sends in another one's name is not heard. */
GUEST_TEST(another_name)
{
    NEEDS_TWO(0);
    if (!pci_is_lintel())
        SKIP("not Lintel's switch");
    for (u32 i = 0; i < 6; i++) {
        u8 *const frame = net_frame(&a, b.mac, 100);
        if (!EXPECT_TRUE(frame != NULL))
            return;
        frame[6 + i] ^= i == 0 ? 0x02 : 0x10;
        net_add(&a, 100);
    }
    queue_kick(&a.tx);
    EXPECT_TRUE(net_sent(&a));
    EXPECT_TRUE(quiet(&b));
    if (!send(&a, b.mac, 100, 1))
        return;
    queue_kick(&a.tx);
    (void)arrives(&b, a.mac, b.mac, 100, 1);
}

/* Frames for which nobody has a buffer are lost; later ones come.  QEMU's sender waits. */
GUEST_TEST(no_buffers)
{
    u32 len;

    NEEDS_TWO(0);
    if (!pci_is_lintel())
        SKIP("not Lintel's switch");
    for (u32 i = 0; i < 2 * NET_ROOM; i++) {
        if (i % BURST == 0)
            EXPECT_TRUE(net_sent(&a));
        if (!send(&a, b.mac, FRAME, i))
            return;
        queue_kick(&a.tx);
    }
    EXPECT_TRUE(net_sent(&a));
    while (queue_wait(&b.rx, LATER) && net_take(&b, &len) != NULL)
        net_give_back(&b);
    EXPECT_TRUE(b.received >= NET_ROOM);
    say("# %u of %u frames\n", b.received, 2 * NET_ROOM);
    queue_kick(&b.rx);
    while (queue_wait(&b.rx, LATER) && net_take(&b, &len) != NULL)
        net_give_back(&b); /* what a switch has kept */
    queue_kick(&b.rx);
    if (!send(&a, b.mac, 200, 3))
        return;
    queue_kick(&a.tx);
    (void)arrives(&b, a.mac, b.mac, 200, 3);
}

/* Too short for a header, or for an address: dropped, and the device goes on or asks for a reset.
 */
GUEST_TEST(runt_frames)
{
    NEEDS_TWO(0);
    for (u32 bytes = 1; bytes < HEADER; bytes++) {
        if (net_frame(&a, b.mac, HEADER) == NULL)
            break;
        net_add(&a, bytes);
        queue_kick(&a.tx);
    }
    EXPECT_TRUE(net_sent(&a) || (a.v.common->device_status & VIRTIO_STATUS_NEEDS_RESET));
    if (pci_is_lintel()) /* QEMU's hub brings the longer ones */
        EXPECT_TRUE(quiet(&b));
    NEEDS_TWO(0);
    if (!send(&a, b.mac, 200, 3))
        return;
    queue_kick(&a.tx);
    (void)arrives(&b, a.mac, b.mac, 200, 3);
}

/* Back and forth at random, many bytes. */
GUEST_TEST(both_ways)
{
    u32 sent[2] = {0}, came[2] = {0};
    struct net *const net[2] = {&a, &b};

    NEEDS_TWO(VIRTIO_F_EVENT_IDX);
    for (u32 i = 0; i < 500; i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        const u32 who = state >> 40 & 1,
                  bytes = FRAME_MIN + (u32)(state >> 33) % (FRAME - FRAME_MIN);

        if (!send(net[who], net[1 - who]->mac, bytes, sent[who]))
            return;
        queue_kick(&net[who]->tx);
        if (!arrives(net[1 - who], net[who]->mac, net[1 - who]->mac, bytes, sent[who]))
            return;
        sent[who]++, came[1 - who]++;
    }
    EXPECT_EQ(came[1], sent[0]);
    EXPECT_EQ(came[0], sent[1]);
}

/* ---------------------------------------------------------------- the small ones */

static struct virtio_device small;
static struct queue queue;

/* With many cards there are more doorbells than places for them (vmm/served.h); a driver sees
 * nothing of that, here or below. */
GUEST_TEST(all_cards_ring)
{
    static const enum virtio_way ways[] = {VIRTIO_BY_PORTS, VIRTIO_BY_MEMORY};

    for (u32 n = 0; virtio_find(&small, VIRTIO_ID_NET, n); n++)
        for (u32 i = 0; i < ARRAY_LEN(ways); i++)
            for (u16 q = 0; virtio_take_way(&small, ways[i]) && q < small.common->num_queues; q++) {
                small.common->queue_select = q;
                virtio_notify(&small, small.common->queue_notify_off * small.notify_multiplier, q);
            }
}

GUEST_TEST(entropy)
{
    static u8 bytes[64];
    const struct queue_part part = {.at = bytes, .len = sizeof(bytes), .in = true};
    u32 written = 0, zeros = 0;

    if (!virtio_find(&small, VIRTIO_ID_RNG, 0))
        SKIP("no such device");
    if (!virtio_begin(&small, 0) || !queue_start(&queue, &small, 0, 8, VIRTIO_MSI_NO_VECTOR))
        return;
    virtio_go(&small);
    for (u32 round = 0; round < 20; round++) {
        EXPECT_TRUE(round != 10 || virtio_take_way(&small, VIRTIO_BY_MEMORY));
        EXPECT_NE(queue_add(&queue, &part, 1), QUEUE_NONE);
        queue_kick(&queue);
        if (!EXPECT_TRUE(queue_wait(&queue, tsc_ms(VIRTIO_PATIENCE))))
            return;
        EXPECT_NE(queue_take(&queue, &written), QUEUE_NONE);
        EXPECT_TRUE(written >= 1 && written <= sizeof(bytes));
        for (u32 i = 0; i < written; i++)
            zeros += bytes[i] == 0;
    }
    EXPECT_TRUE(zeros < 100); /* 5 of 1280 */
}

GUEST_TEST(console)
{
    static char text[] = "LINTEL-VIRTIO console\r\n";
    const struct queue_part part = {.at = text, .len = sizeof(text) - 1};
    u32 written = 0;

    if (!virtio_find(&small, VIRTIO_ID_CONSOLE, 0))
        SKIP("no such device");
    if (!virtio_begin(&small, 0) ||
        !queue_start(&queue, &small, VIRTIO_CONSOLE_TX, 8, VIRTIO_MSI_NO_VECTOR))
        return;
    virtio_go(&small);
    EXPECT_NE(queue_add(&queue, &part, 1), QUEUE_NONE);
    queue_kick(&queue);
    EXPECT_TRUE(queue_wait(&queue, tsc_ms(VIRTIO_PATIENCE)));
    EXPECT_NE(queue_take(&queue, &written), QUEUE_NONE);
    EXPECT_EQ(written, 0);
}
