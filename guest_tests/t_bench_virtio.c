/* What virtio costs a guest: from RDTSC before the request is put into the ring to RDTSC when its
 * completion has been seen, and the exits in between by the ledger (abi/ledger.h), which takes
 * marks at a port and so leaves other machines alone.  The first disk that can be written and, if
 * they are there, two network cards at one switch. */
#include "abi/ledger.h"
#include "guest_tests/rt/bench.h"
#include "guest_tests/virtio/blk.h"
#include "guest_tests/virtio/net.h"

#define SAMPLES       200u
#define BLOCK_BYTES   4096u
#define BLOCK_SECTORS (BLOCK_BYTES / VIRTIO_BLK_SECTOR)
#define BLOCKS        64u /* of the disk, read in turns */
#define DEPTH         32u
#define ROUNDS        32u
#define VECTOR        0x61u
#define FRAME         1514u /* 1,500 bytes and the Ethernet header */

static struct blk disk;
static struct net a, b;
static u32 sample[SAMPLES];
static struct blk_request request[DEPTH];
static struct virtq_desc table[DEPTH][3];
static u8 data[DEPTH][BLOCK_BYTES] __attribute__((aligned(4096)));

static void mark(enum ledger_op op)
{
    outl(LEDGER_PORT, op);
}

static void mark_end(enum ledger_op op, u32 times)
{
    outl(LEDGER_PORT, LEDGER_END | op | times << LEDGER_TIMES_SHIFT);
}

/* ---------------------------------------------------------------- disk */

static void add_read(u32 slot, u32 block, bool indirect)
{
    const struct queue_part part = {.at = data[slot], .len = BLOCK_BYTES, .in = true};
    const u64 sector = (u64)(block % BLOCKS) * BLOCK_SECTORS;

    if (indirect)
        (void)blk_add_indirect(&disk, &request[slot], VIRTIO_BLK_T_IN, sector, &part, 1,
                               table[slot]);
    else
        (void)blk_add(&disk, &request[slot], VIRTIO_BLK_T_IN, sector, &part, 1);
}

static bool start(u16 vector)
{
    lapic_fresh();
    if (!EXPECT_TRUE(blk_find(&disk, false)))
        return false;
    if (vector != VIRTIO_MSI_NO_VECTOR) {
        virtio_msix_control(&disk.v, PCI_MSIX_ENABLE);
        virtio_msix_entry(&disk.v, vector, VECTOR);
    }
    return EXPECT_TRUE(blk_restart(&disk, VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC, vector)) &&
           EXPECT_EQ(blk_write(&disk, 0, data, BLOCK_BYTES), VIRTIO_BLK_S_OK);
}

static void one_polled(u32 block)
{
    u32 written;

    add_read(0, block, true);
    queue_interrupts(&disk.queue, false);
    queue_kick(&disk.queue);
    while (!queue_has(&disk.queue))
        ;
    (void)queue_take(&disk.queue, &written);
}

static void acknowledge(struct frame *f)
{
    (void)f;
    lapic_put(EOI, 0);
}

/* As a kernel that has nothing else to do: asleep until the interrupt. */
static void one_by_interrupt(u32 block)
{
    u32 written;

    add_read(0, block, true);
    queue_interrupts(&disk.queue, true);
    queue_kick(&disk.queue);
    while (!queue_has(&disk.queue)) {
        cpu_sti_hlt();
        cpu_cli();
    }
    (void)queue_take(&disk.queue, &written);
    irq_window();
}

/* Each starts when the one before has ended; and once more for the ledger. */
static void bench_reads(const char *name, void (*one)(u32 block), enum ledger_op op)
{
    for (u32 i = 0; i < SAMPLES; i++) {
        const u64 begin = rdtsc();
        one(i);
        sample[i] = (u32)(rdtsc() - begin);
    }
    EXPECT_EQ(request[0].status, VIRTIO_BLK_S_OK);
    bench_report(name, sample, SAMPLES);
    mark(op);
    for (u32 i = 0; i < SAMPLES; i++)
        one(i);
    mark_end(op, SAMPLES);
}

GUEST_TEST(one_read_polled)
{
    mark_end(LEDGER_OP_boot, 1);
    if (start(VIRTIO_MSI_NO_VECTOR))
        bench_reads("blk-read-polled", one_polled, LEDGER_OP_user0);
}

GUEST_TEST(one_read_by_interrupt)
{
    on_vector(VECTOR, acknowledge);
    if (start(1))
        bench_reads("blk-read-interrupt", one_by_interrupt, LEDGER_OP_user1);
}

/* All slots are kept busy: what is given back is asked for again, whatever has come at a time. */
static void keep_busy(u32 requests)
{
    static u8 slot_of[QUEUE_SIZE];
    u32 begun = 0, done = 0, written;

    queue_interrupts(&disk.queue, false);
    for (; begun < DEPTH; begun++) {
        slot_of[disk.queue.free] = (u8)begun;
        add_read(begun, begun, true);
    }
    queue_kick(&disk.queue);
    while (done < requests) {
        const u32 before = done;

        while (queue_has(&disk.queue)) {
            const u8 slot = slot_of[queue_take(&disk.queue, &written)];
            done++;
            if (begun < requests) {
                slot_of[disk.queue.free] = slot;
                add_read(slot, begun++, true);
            }
        }
        if (done != before)
            queue_kick(&disk.queue);
    }
}

GUEST_TEST(reads_at_depth_32)
{
    if (!start(VIRTIO_MSI_NO_VECTOR))
        return;
    for (u32 i = 0; i < ROUNDS; i++) {
        const u64 begin = rdtsc();
        keep_busy(4 * DEPTH);
        sample[i] = (u32)(rdtsc() - begin) / (4 * DEPTH);
    }
    bench_report("blk-read-depth-32", sample, ROUNDS);
    mark(LEDGER_OP_block_request);
    keep_busy(ROUNDS * DEPTH);
    mark_end(LEDGER_OP_block_request, ROUNDS * DEPTH);
    for (u32 i = 0; i < DEPTH; i++)
        EXPECT_EQ(request[i].status, VIRTIO_BLK_S_OK);
}

/* ---------------------------------------------------------------- network */

static u32 lost;

/* `frames` at once, from the first one's way into the ring to the last one's arrival. */
static void burst(u32 frames)
{
    u32 came = 0, len;
    const u64 begin = rdtsc();

    for (u32 i = 0; i < frames; i++)
        if (net_frame(&a, b.mac, FRAME) != NULL)
            net_add(&a, FRAME);
    queue_kick(&a.tx);
    while (came < frames && rdtsc() - begin < tsc_ms(VIRTIO_PATIENCE))
        if (queue_has(&b.rx) && net_take(&b, &len) != NULL) {
            net_give_back(&b);
            came++;
        }
    lost += frames - came;
    queue_kick(&b.rx);
}

static void bench_bursts(const char *name, u32 frames, enum ledger_op op)
{
    if (!net_start(&a, 0, VIRTIO_F_EVENT_IDX, VIRTIO_MSI_NO_VECTOR) ||
        !net_start(&b, 1, VIRTIO_F_EVENT_IDX, VIRTIO_MSI_NO_VECTOR))
        SKIP("no two network cards");
    lost = 0;
    burst(1); /* the switch learns */
    for (u32 i = 0; i < ROUNDS; i++) {
        const u64 begin = rdtsc();
        burst(frames);
        sample[i] = (u32)(rdtsc() - begin) / frames;
    }
    bench_report(name, sample, ROUNDS);
    mark(op);
    for (u32 i = 0; i < ROUNDS; i++)
        burst(frames);
    mark_end(op, ROUNDS * frames);
    EXPECT_EQ(lost, 0);
}

GUEST_TEST(one_packet)
{
    bench_bursts("net-packet", 1, LEDGER_OP_user2);
}

GUEST_TEST(packets_in_bursts_of_32)
{
    bench_bursts("net-packet-burst-32", 32, LEDGER_OP_packet);
}
