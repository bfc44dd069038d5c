/* A guest whose request kills the control partition as often as it is looked at: a read of the last
 * sector of a disk that is `deadly` (control/disk/memory.h).  The device must end up in need of a
 * reset, and work again after it.  start=N: ticks before that request. */
#include "guest_tests/rt/cmdline.h"
#include "guest_tests/rt/nap.h"
#include "guest_tests/virtio/blk.h"
#include "guest_tests/virtio/pattern.h"

#define PATIENCE 20000u /* ms: for all deaths */
#define ENTRY    0u     /* of MSI-X */
#define VECTOR   0x61u

static struct blk disk;
static u64 words[BLOCK_WORDS] __attribute__((aligned(4096)));

static void acknowledge(struct frame *f)
{
    (void)f;
    lapic_put(EOI, 0);
}

/* Block 0 is what was written there as number `time`. */
static bool holds(u32 time)
{
    memset(words, 0xcc, sizeof(words));
    if (!EXPECT_EQ(blk_read(&disk, 0, words, BLOCK_BYTES), VIRTIO_BLK_S_OK))
        return false;
    for (u32 w = 0; w < BLOCK_WORDS; w++)
        if (!EXPECT_EQ(words[w], block_word(0, time, w)))
            return false;
    return true;
}

static bool writes(u32 time)
{
    block_fill(words, 0, time);
    return EXPECT_EQ(blk_write(&disk, 0, words, BLOCK_BYTES), VIRTIO_BLK_S_OK) && holds(time);
}

GUEST_TEST(works)
{
    EXPECT_TRUE(blk_start(&disk, 0, ~0ull, VIRTIO_MSI_NO_VECTOR) && writes(1));
}

/* The status is read by an access, which waits for the next life; the interrupt needs none. */
GUEST_TEST(needs_a_reset)
{
    static struct blk_request request;
    const struct queue_part part = {.at = words, .len = VIRTIO_BLK_SECTOR, .in = true};
    const u64 last = disk.sectors - 1, start = rdtsc() + cmdline_number("start=", 0);
    u64 begin;

    lapic_fresh();
    nap_init();
    on_vector(VECTOR, acknowledge);
    virtio_msix_control(&disk.v, PCI_MSIX_ENABLE);
    virtio_msix_entry(&disk.v, ENTRY, VECTOR);
    disk.v.common->config_msix_vector = ENTRY;
    while (rdtsc() < start)
        nap(start);
    if (!EXPECT_NE(blk_add(&disk, &request, VIRTIO_BLK_T_IN, last, &part, 1), QUEUE_NONE))
        return;
    begin = rdtsc();
    queue_kick(&disk.queue);
    while (rdtsc() - begin < tsc_ms(PATIENCE) &&
           !(disk.v.common->device_status & VIRTIO_STATUS_NEEDS_RESET))
        nap(rdtsc() + tsc_ms(100));
    EXPECT_TRUE(disk.v.common->device_status & VIRTIO_STATUS_NEEDS_RESET);
    irq_window();
    EXPECT_TRUE(vector_count[VECTOR] > 0);
    EXPECT_EQ(request.status, BLK_NO_WORD);
    say("LINTEL-DEADLY ticks=%llu\n", (unsigned long long)(rdtsc() - begin));
}

/* What was on the disk is there. */
GUEST_TEST(works_after_a_reset)
{
    EXPECT_TRUE(blk_restart(&disk, ~0ull, VIRTIO_MSI_NO_VECTOR) && holds(1) && writes(2));
}
