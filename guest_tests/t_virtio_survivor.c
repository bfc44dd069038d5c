/* A guest that goes on with its disk, and with its network card if it has one, for ticks=N,
 * whatever becomes of the control partition meanwhile (t_killer.c).  Several requests are under way
 * at any time: writes, reads, flushes; what is read is what was written last, each request ends
 * well, and interrupts alone say that something has ended.  Now and then it resets the device.
 * Frames go to whoever listens, and some of those that come may be lost.  late=N: ticks at most
 * without a request that ended, or a frame that came; line=1: the disk's interrupt is its line, not
 * a message; memory=1: its doorbells are
 * those in memory, not those at ports; seed=N.  At the end the disk is read as a whole; `disk` is
 * the sum of what is to be on it. */
#include "guest_tests/rt/cmdline.h"
#include "guest_tests/rt/ioapic.h"
#include "guest_tests/rt/nap.h"
#include "guest_tests/virtio/blk.h"
#include "guest_tests/virtio/net.h"
#include "guest_tests/virtio/pattern.h"

#define BLOCKS      256u
#define DEPTH       8u
#define VECTOR      0x61u
#define LINES       0x90u /* the vector of the first of eight lines */
#define LINE_FIRST  16u
#define LINES_MAX   8u
#define PATIENCE    4000u /* ms until a request, or its interrupt, is called lost */
#define RESET_EACH  600u  /* requests */
#define FLUSH_EACH  12u
#define FRAME_EACH  2u /* ms */
#define FRAME_BYTES 600u
#define NAP_MS      5u

static struct blk disk;
static struct net net;
static bool has_net, by_line;

/* A request, for blocks that no other has. */
static struct slot {
    struct blk_request request;
    bool busy;
    u32 type, block, time;
} slot[DEPTH];
static u64 words[DEPTH][BLOCK_WORDS] __attribute__((aligned(4096)));
static u8 slot_of[QUEUE_SIZE];
static u32 written_as[BLOCKS]; /* what each block was written as last; 0: never */
static u32 under_way, resets, times;
static u64 ended, flushes, last_end, longest;
static u64 next_frame, last_frame, longest_frame;
static volatile u64 interrupts;

/* ---- interrupts ---- */

static void on_message(struct frame *f)
{
    (void)f;
    interrupts++;
    lapic_put(EOI, 0);
}

static void on_line(struct frame *f)
{
    (void)f;
    interrupts += *disk.v.isr & 1; /* lets the line go */
    lapic_put(EOI, 0);
}

static void open_interrupts(void)
{
    on_vector(VECTOR, on_message);
    if (!by_line) {
        virtio_msix_control(&disk.v, PCI_MSIX_ENABLE);
        virtio_msix_entry(&disk.v, 1, VECTOR);
        return;
    }
    pci_command(disk.v.pci, 0, PCI_COMMAND_NO_INTX);
    for (u32 i = 0; i < LINES_MAX; i++) {
        on_vector(LINES + i, on_line);
        ioapic_route(LINE_FIRST + i, lapic_get(ID) >> 24, LEVEL | ACTIVE_LOW | (LINES + i));
    }
}

/* ---- the disk ---- */

static bool ask(u32 n, u32 type)
{
    struct slot *const s = &slot[n];
    const bool in = type == VIRTIO_BLK_T_IN;
    const struct queue_part part = {.at = words[n], .len = BLOCK_BYTES, .in = in};
    const bool moves = type != VIRTIO_BLK_T_FLUSH;
    const u16 head = blk_add(&disk, &s->request, type, moves ? s->block * BLOCK_SECTORS : 0, &part,
                             moves ? 1 : 0);

    if (!EXPECT_NE(head, QUEUE_NONE))
        return false;
    slot_of[head] = (u8)n;
    s->type = type;
    s->busy = true;
    under_way++;
    return true;
}

static bool ask_something(u32 n)
{
    struct slot *const s = &slot[n];
    const u64 r = random_u64();

    s->block = (u32)(r >> 8) % (BLOCKS / DEPTH) * DEPTH + n;
    if (r % FLUSH_EACH == 0 && virtio_has(&disk.v, VIRTIO_BLK_F_FLUSH))
        return ask(n, VIRTIO_BLK_T_FLUSH);
    if (r >> 40 & 1)
        return ask(n, VIRTIO_BLK_T_IN);
    s->time = ++times;
    block_fill(words[n], s->block, s->time);
    return ask(n, VIRTIO_BLK_T_OUT);
}

static bool is_right(u32 n)
{
    const u32 block = slot[n].block;

    for (u32 w = 0; w < BLOCK_WORDS; w++)
        if (words[n][w] != block_word(block, written_as[block], w)) {
            FAIL("block %u, word %u: 0x%llx; it was written the %u. time", block, w,
                 (unsigned long long)words[n][w], written_as[block]);
            return false;
        }
    return true;
}

static bool end(u32 n)
{
    struct slot *const s = &slot[n];

    s->busy = false;
    under_way--;
    ended++;
    longest = MAX(longest, rdtsc() - last_end);
    last_end = rdtsc();
    if (!EXPECT_EQ(s->request.status, VIRTIO_BLK_S_OK))
        return false;
    flushes += s->type == VIRTIO_BLK_T_FLUSH;
    if (s->type == VIRTIO_BLK_T_OUT)
        written_as[s->block] = s->time;
    return s->type != VIRTIO_BLK_T_IN || is_right(n);
}

/* All that has ended, once an interrupt has said so. */
static bool end_some(void)
{
    static u64 seen;
    const u64 now = interrupts;
    bool good = true;
    u32 written;

    if (now == seen)
        return EXPECT_TRUE(under_way == 0 || rdtsc() - last_end < tsc_ms(PATIENCE));
    seen = now;
    do {
        while (good && queue_has(&disk.queue)) {
            const u16 head = queue_take(&disk.queue, &written);

            good = EXPECT_NE(head, QUEUE_NONE) && end(slot_of[head]);
        }
        queue_interrupts(&disk.queue, true);
    } while (good && queue_has(&disk.queue));
    return good;
}

/* ---- the network ---- */

static void send_frame(u64 now)
{
    static const u8 everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    u8 *const frame = now >= next_frame ? net_frame(&net, everybody, FRAME_BYTES) : NULL;

    if (!frame)
        return;
    next_frame = now + tsc_ms(FRAME_EACH);
    for (u32 i = 14; i < FRAME_BYTES; i++)
        frame[i] = (u8)(i ^ net.sent);
    net_add(&net, FRAME_BYTES);
    queue_kick(&net.tx);
}

/* Whole, or lost. */
static bool take_frames(void)
{
    const u8 *frame;
    u32 bytes, wrong = 0;

    while ((frame = net_take(&net, &bytes)) != NULL) {
        const u64 now = rdtsc();

        for (u32 i = 15; i < FRAME_BYTES; i++)
            wrong += (u8)(frame[i] ^ i) != (u8)(frame[14] ^ 14);
        wrong += bytes != FRAME_BYTES;
        net_give_back(&net);
        longest_frame = MAX(longest_frame, last_frame ? now - last_frame : 0);
        last_frame = now;
    }
    queue_kick(&net.rx);
    return EXPECT_EQ(wrong, 0);
}

/* ---- both ---- */

/* Goes on until at most `left` requests are under way. */
static bool wait_down_to(u32 left)
{
    bool good = true;

    while (good && under_way > left) {
        nap(rdtsc() + tsc_ms(NAP_MS));
        good = end_some();
        if (has_net) {
            send_frame(rdtsc());
            good = good && take_frames();
        }
    }
    return good;
}

/* From the first look at the bus on. */
static bool start_disk(void)
{
    bool good = EXPECT_TRUE(blk_find(&disk, false));

    if (good) {
        open_interrupts();
        if (cmdline_number("memory=", 0))
            good = EXPECT_TRUE(virtio_take_way(&disk.v, VIRTIO_BY_MEMORY));
        good = good && EXPECT_TRUE(blk_restart(&disk, ~0ull, by_line ? VIRTIO_MSI_NO_VECTOR : 1));
    }

    if (good)
        queue_interrupts(&disk.queue, true);
    return good && EXPECT_TRUE(disk.sectors >= BLOCKS * BLOCK_SECTORS);
}

static bool go_on(u64 until)
{
    u64 next_reset = RESET_EACH;
    bool good = true;

    while (good && rdtsc() < until) {
        for (u32 n = 0; n < DEPTH && good; n++)
            good = slot[n].busy || ask_something(n);
        queue_kick(&disk.queue);
        good = good && wait_down_to(DEPTH - 1);
        if (!good || ended < next_reset)
            continue;
        next_reset += RESET_EACH;
        resets++;
        good = wait_down_to(0) && start_disk();
    }
    return good && wait_down_to(0);
}

static bool find_devices(void)
{
    by_line = cmdline_number("line=", 0) != 0;
    has_net = net_start(&net, 0, 0, VIRTIO_MSI_NO_VECTOR);
    if (has_net)
        pci_command(net.v.pci, PCI_COMMAND_NO_INTX, 0); /* it is looked at now and then */
    return start_disk();
}

GUEST_TEST(goes_on)
{
    const u64 until = rdtsc() + cmdline_number("ticks=", 50000000);

    random_seed(cmdline_number("seed=", 1));
    lapic_fresh();
    nap_init();
    last_end = rdtsc();
    EXPECT_TRUE(find_devices() && go_on(until));
    if (has_net) {
        EXPECT_TRUE(last_frame == 0 || rdtsc() - last_frame < tsc_ms(PATIENCE));
        EXPECT_TRUE(net.sent != 0);
    }
}

/* One block at a time, flushed before if there is anything to be flushed. */
GUEST_TEST(whole_disk)
{
    bool good =
        !virtio_has(&disk.v, VIRTIO_BLK_F_FLUSH) || EXPECT_EQ(blk_flush(&disk), VIRTIO_BLK_S_OK);
    u64 sum = 0;

    for (u32 block = 0; block < BLOCKS && good; block++) {
        slot[0].block = block;
        good = EXPECT_EQ(blk_read(&disk, (u64)block * BLOCK_SECTORS, words[0], BLOCK_BYTES),
                         VIRTIO_BLK_S_OK) &&
               is_right(0);
        sum = block_sum(sum, block, written_as[block]);
    }
    say("LINTEL-SURVIVOR requests=%llu flushes=%llu resets=%u longest=%llu sent=%u received=%u "
        "silence=%llu disk=0x%llx\n",
        (unsigned long long)ended, (unsigned long long)flushes, resets, (unsigned long long)longest,
        net.sent, net.received, (unsigned long long)longest_frame, (unsigned long long)sum);
}

GUEST_TEST(in_time)
{
    EXPECT_TRUE(ended != 0);
    EXPECT_TRUE(longest <= cmdline_number("late=", ~0ull));
    EXPECT_TRUE(longest_frame <= cmdline_number("late=", ~0ull));
}
