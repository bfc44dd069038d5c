/* A guest that leaves while the control partition is dying: it fills the beginning of its disk
 * without a flush, then reads until an answer is late, as in an endless loop (t_killer.c), and
 * ends. `disk` is the sum of what is to be on the disk: what was acknowledged is written all the
 * same. */
#include "guest_tests/rt/cmdline.h"
#include "guest_tests/virtio/blk.h"
#include "guest_tests/virtio/pattern.h"

#define BLOCKS   256u
#define LATE     150u   /* ms; a loop takes 500 until the watchdog */
#define PATIENCE 20000u /* ms */

static struct blk disk;
static u64 words[BLOCK_WORDS] __attribute__((aligned(4096)));

static bool write_all(void)
{
    for (u32 block = 0; block < BLOCKS; block++) {
        block_fill(words, block, 1);
        if (!EXPECT_EQ(blk_write(&disk, (u64)block * BLOCK_SECTORS, words, BLOCK_BYTES),
                       VIRTIO_BLK_S_OK))
            return false;
    }
    return true;
}

/* False: the test has failed. */
static bool read_until_late(void)
{
    static struct blk_request request;
    const struct queue_part part = {.at = words, .len = BLOCK_BYTES, .in = true};
    const u64 begin = rdtsc();
    u32 written;

    queue_interrupts(&disk.queue, false);
    while (EXPECT_TRUE(rdtsc() - begin < tsc_ms(PATIENCE))) {
        if (!EXPECT_NE(blk_add(&disk, &request, VIRTIO_BLK_T_IN, 0, &part, 1), QUEUE_NONE))
            return false;
        queue_kick(&disk.queue);
        if (!queue_wait(&disk.queue, tsc_ms(LATE)))
            return true;
        if (!EXPECT_NE(queue_take(&disk.queue, &written), QUEUE_NONE))
            return false;
    }
    return false;
}

GUEST_TEST(leaves)
{
    u64 sum = 0;

    EXPECT_TRUE(blk_start(&disk, 0, ~0ull, VIRTIO_MSI_NO_VECTOR) && write_all());
    for (u32 block = 0; block < BLOCKS; block++)
        sum = block_sum(sum, block, 1);
    say("LINTEL-LEAVER disk=0x%llx\n", (unsigned long long)sum);
    EXPECT_TRUE(read_until_late());
}
