/* A guest that does honest work on its disk while others on the same machine mean no good
 * (t_virtio_hostile.c): for ticks=N it writes blocks and reads them back, several at a time; each
 * has to be what was written last, and each request has to end in time.  late=N: ticks for the
 * slowest one.  seed=N. */
#include "guest_tests/rt/cmdline.h"
#include "guest_tests/virtio/blk.h"
#include "guest_tests/virtio/pattern.h"

#define BLOCKS     256u
#define DEPTH      8u
#define VECTOR     0x61u
#define FLUSH_EACH 16u /* batches */

static struct blk disk;
static struct blk_request request[DEPTH];
static u64 words[DEPTH][BLOCK_WORDS] __attribute__((aligned(4096)));
static u32 written_as[BLOCKS]; /* what each block was written as last; 0: never */
static u32 block_of[DEPTH];
static u64 moved, sum, slowest;

static void acknowledge(struct frame *f)
{
    (void)f;
    lapic_put(EOI, 0);
}

/* Sleeps until the device has given something back, or too long. */
static bool await(u64 begin)
{
    queue_interrupts(&disk.queue, true);
    while (!queue_has(&disk.queue)) {
        irq_window();
        if (rdtsc() - begin > tsc_ms(VIRTIO_PATIENCE))
            return false;
    }
    return true;
}

/* DEPTH requests for other blocks each. */
static bool batch(u32 type, u32 first)
{
    const u64 begin = rdtsc();
    u32 written;

    for (u32 i = 0; i < DEPTH; i++) {
        const struct queue_part part = {
            .at = words[i], .len = BLOCK_BYTES, .in = type == VIRTIO_BLK_T_IN};
        block_of[i] = (first + i * (BLOCKS / DEPTH + 1)) % BLOCKS;
        if (!EXPECT_NE(blk_add(&disk, &request[i], type, block_of[i] * BLOCK_SECTORS, &part, 1),
                       QUEUE_NONE))
            return false;
    }
    queue_kick(&disk.queue);
    for (u32 i = 0; i < DEPTH; i++)
        if (!EXPECT_TRUE(await(begin)) || !EXPECT_NE(queue_take(&disk.queue, &written), QUEUE_NONE))
            return false;
    slowest = MAX(slowest, rdtsc() - begin);
    for (u32 i = 0; i < DEPTH; i++)
        if (!EXPECT_EQ(request[i].status, VIRTIO_BLK_S_OK))
            return false;
    moved += DEPTH;
    return true;
}

static bool write_batch(u32 first, u32 time)
{
    for (u32 i = 0; i < DEPTH; i++) {
        const u32 block = (first + i * (BLOCKS / DEPTH + 1)) % BLOCKS;
        block_fill(words[i], block, time);
        written_as[block] = time;
    }
    return batch(VIRTIO_BLK_T_OUT, first);
}

static bool read_batch(u32 first)
{
    memset(words, 0xcc, sizeof(words));
    if (!batch(VIRTIO_BLK_T_IN, first))
        return false;
    for (u32 i = 0; i < DEPTH; i++)
        for (u32 w = 0; w < BLOCK_WORDS; w++) {
            sum = sum * 31 + words[i][w];
            if (written_as[block_of[i]] != 0 &&
                !EXPECT_EQ(words[i][w], block_word(block_of[i], written_as[block_of[i]], w)))
                return false;
        }
    return true;
}

GUEST_TEST(transfers)
{
    const u64 ticks = cmdline_number("ticks=", 50000000), begin = rdtsc();
    bool good = EXPECT_TRUE(blk_find(&disk, false));

    random_seed(cmdline_number("seed=", 1));
    lapic_fresh();
    on_vector(VECTOR, acknowledge);
    if (good) {
        virtio_msix_control(&disk.v, PCI_MSIX_ENABLE);
        virtio_msix_entry(&disk.v, 1, VECTOR);
        good = EXPECT_TRUE(blk_restart(&disk, ~0ull, 1)) &&
               EXPECT_TRUE(disk.sectors >= BLOCKS * BLOCK_SECTORS);
    }
    for (u32 time = 1; good && rdtsc() - begin < ticks; time++) {
        const u64 r = random_u64();

        good =
            r & 1 ? write_batch((u32)(r >> 8) % BLOCKS, time) : read_batch((u32)(r >> 8) % BLOCKS);
        if (good && time % FLUSH_EACH == 0 && virtio_has(&disk.v, VIRTIO_BLK_F_FLUSH))
            good = EXPECT_EQ(blk_flush(&disk), VIRTIO_BLK_S_OK);
    }
    for (u32 first = 0; good && first < BLOCKS; first++)
        good = read_batch(first);
    EXPECT_TRUE(vector_count[VECTOR] > 0);
    say("LINTEL-VIRTIO victim blocks=%llu sum=0x%llx slowest=%llu\n", (unsigned long long)moved,
        (unsigned long long)sum, (unsigned long long)slowest);
}

GUEST_TEST(in_time)
{
    EXPECT_TRUE(moved != 0);
    EXPECT_TRUE(slowest <= cmdline_number("late=", ~0ull));
}
