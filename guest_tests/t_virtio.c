/* The PCI bus with virtio devices as a driver finds it: configuration space, BARs, features,
 * interrupts.  disks=N nets=N on the command line: how many there have to be.  Without
 * Lintel's bus there are tests that do not apply: QEMU's devices take feature bits that they have
 * not offered, its BARs may lie over each other, and more bits can be written. */
#include "abi/control.h"
#include "guest_tests/rt/cmdline.h"
#include "guest_tests/virtio/blk.h"

#define PORTS_BAR  2u
#define COMMON_BAR 4u
#define SILENCE    tsc_ms(10) /* who does not answer until then does not answer */

static struct blk blk;
static u8 sector[VIRTIO_BLK_SECTOR];

#define NEEDS_LINTEL()                                                                             \
    do {                                                                                           \
        if (!pci_is_lintel())                                                                      \
            SKIP("not Lintel's bus");                                                              \
    } while (0)

/* ---------------------------------------------------------------- configuration space */

static u32 count(u32 type, u32 *first, u32 *last)
{
    u32 n = 0;

    *first = PCI_SLOTS, *last = 0;
    for (u32 f;
         (f = pci_find((VIRTIO_PCI_DEVICE_BASE + type) << 16 | VIRTIO_PCI_VENDOR, n)) != PCI_NONE;
         n++)
        *first = MIN(*first, pci_slot(f)), *last = MAX(*last, pci_slot(f));
    return n;
}

GUEST_TEST(scan)
{
    u32 first_disk, last_disk, first_net, last_net;
    const u32 disks = count(VIRTIO_ID_BLOCK, &first_disk, &last_disk);
    const u32 nets = count(VIRTIO_ID_NET, &first_net, &last_net);

    say("# disks %u, nets %u\n", disks, nets);
    EXPECT_EQ(disks, cmdline_number("disks=", disks));
    EXPECT_EQ(nets, cmdline_number("nets=", nets));
    if (!EXPECT_NE(disks, 0) || !pci_is_lintel())
        return;
    EXPECT_EQ(first_disk, 1);
    EXPECT_EQ(last_disk, disks);
    if (nets != 0) {
        EXPECT_EQ(first_net, disks + 1);
        EXPECT_EQ(last_net, disks + nets);
    }
}

GUEST_TEST(nobody_reads_as_ones)
{
    u32 f = pci_function(31, 7);

    for (u32 slot = 0; slot < PCI_SLOTS; slot++)
        if (pci_read32(pci_function(slot, 0), PCI_ID) == PCI_ABSENT) {
            f = pci_function(slot, 0);
            break;
        }
    EXPECT_EQ(pci_read32(f, PCI_ID), 0xffffffff);
    EXPECT_EQ(pci_read16(f, PCI_ID), 0xffff);
    EXPECT_EQ(pci_read8(f, PCI_CLASS), 0xff);
    pci_write32(f, PCI_BAR0, 0x12345678);
    EXPECT_EQ(pci_read32(f, PCI_BAR0), 0xffffffff);
    f = pci_find((VIRTIO_PCI_DEVICE_BASE + VIRTIO_ID_BLOCK) << 16 | VIRTIO_PCI_VENDOR, 0);
    EXPECT_EQ(pci_read32(f | 1 << 8, PCI_ID), 0xffffffff);  /* its function 1 */
    EXPECT_EQ(pci_read32(f | 1 << 16, PCI_ID), 0xffffffff); /* on bus 1 */
    EXPECT_EQ(pci_read32(f & ~BIT32(31), PCI_ID), 0xffffffff);
}

GUEST_TEST(widths)
{
    const u32 f = pci_find((VIRTIO_PCI_DEVICE_BASE + VIRTIO_ID_BLOCK) << 16 | VIRTIO_PCI_VENDOR, 0);

    EXPECT_EQ(pci_read32(f, PCI_ID), 0x10421af4);
    EXPECT_EQ(inl(PCI_ADDRESS_PORT), f);
    EXPECT_EQ(pci_read16(f, 0), 0x1af4);
    EXPECT_EQ(pci_read16(f, 2), 0x1042);
    EXPECT_EQ(pci_read8(f, 0), 0xf4);
    EXPECT_EQ(pci_read8(f, 1), 0x1a);
    EXPECT_EQ(pci_read8(f, 2), 0x42);
    EXPECT_EQ(pci_read8(f, 3), 0x10);
    pci_write32(f, 0x0c, 0);
    pci_write8(f, PCI_LINE, 0x5a);
    EXPECT_EQ(pci_read32(f, PCI_LINE) & 0xffff, 0x015a);
    pci_write8(f, PCI_LINE, 0xff);
}

GUEST_TEST(read_only_bits)
{
    static const u8 at[] = {PCI_ID, PCI_REVISION, PCI_CLASS & ~3u, PCI_SUBSYSTEM, PCI_CAPABILITIES};

    EXPECT_TRUE(virtio_find(&blk.v, VIRTIO_ID_BLOCK, 0));
    for (u32 i = 0; i < ARRAY_LEN(at); i++) {
        const u32 before = pci_read32(blk.v.pci, at[i]);

        pci_write32(blk.v.pci, at[i], ~before);
        EXPECT_EQ(pci_read32(blk.v.pci, at[i]), before);
    }
    const u16 command = pci_read16(blk.v.pci, PCI_COMMAND);
    pci_write16(blk.v.pci, PCI_COMMAND, 0xffff);
    EXPECT_EQ(pci_read16(blk.v.pci, PCI_COMMAND) & 0xf800, 0);
    if (pci_is_lintel())
        EXPECT_EQ(pci_read16(blk.v.pci, PCI_COMMAND),
                  PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX);
    pci_write16(blk.v.pci, PCI_COMMAND, command);
    pci_write16(blk.v.pci, PCI_STATUS, 0xffff);
    EXPECT_EQ(pci_read16(blk.v.pci, PCI_STATUS) & PCI_STATUS_CAPS, PCI_STATUS_CAPS);
    EXPECT_EQ(pci_read16(blk.v.pci, PCI_COMMAND), command);
}

/* "Enhanced Configuration Access Mechanism": the same registers. */
GUEST_TEST(ecam)
{
    NEEDS_LINTEL();
    EXPECT_TRUE(virtio_find(&blk.v, VIRTIO_ID_BLOCK, 0));
    const u64 at = ABI_PCI_ECAM + ((u64)pci_slot(blk.v.pci) << 15);

    for (u32 i = 0; i < 256; i += 4)
        if (i < 0xa0) /* not the window into the BAR */
            EXPECT_EQ(*(volatile u32 *)(at + i), pci_read32(blk.v.pci, i));
    EXPECT_EQ(*(volatile u32 *)(at + 256), 0); /* no extended capabilities */
    EXPECT_EQ(*(volatile u8 *)(at + 3), 0x10);
    *(volatile u8 *)(at + PCI_LINE) = 0x33;
    EXPECT_EQ(pci_read8(blk.v.pci, PCI_LINE), 0x33);
    *(volatile u8 *)(at + PCI_LINE) = 0xff;
    EXPECT_EQ(*(volatile u32 *)(ABI_PCI_ECAM + (31 << 15)), 0xffffffff);
}

/* ---------------------------------------------------------------- BARs */

/* Behind all BARs on the side of 4 GiB where `of` is: nobody is there. */
static u64 free_place(struct pci_bar of)
{
    u64 end = of.at;

    for (u32 slot = 0; slot < PCI_SLOTS; slot++)
        for (u32 i = 0; i < PCI_BARS; i++) {
            const u32 f = pci_function(slot, 0);
            if (pci_read32(f, PCI_ID) == PCI_ABSENT || (pci_read8(f, PCI_HEADER) & 0x7f) != 0)
                continue;
            const struct pci_bar bar = pci_bar(f, i);
            if (bar.size != 0 && bar.ports == of.ports && (bar.at >= 4 * GiB) == (of.at >= 4 * GiB))
                end = MAX(end, bar.at + bar.size);
            i += bar.wide;
        }
    return ALIGN_UP(end, of.size);
}

/* Whether the common structure answers there. */
static bool answers_at(u64 bar)
{
    volatile struct virtio_pci_common *const c =
        (volatile struct virtio_pci_common *)(bar + ((u64)blk.v.common & (PAGE_SIZE - 1)));

    for (u32 i = 1; i < 4; i++) {
        c->device_feature_select = i;
        if (c->device_feature_select != i)
            return false;
    }
    return true;
}

static struct pci_bar common_bar(void)
{
    EXPECT_TRUE(virtio_find(&blk.v, VIRTIO_ID_BLOCK, 0));
    return pci_bar(blk.v.pci, COMMON_BAR);
}

GUEST_TEST(bar_sizes)
{
    EXPECT_TRUE(virtio_find(&blk.v, VIRTIO_ID_BLOCK, 0));
    for (u32 i = 0; i < PCI_BARS; i++) {
        const struct pci_bar bar = pci_bar(blk.v.pci, i), again = pci_bar(blk.v.pci, i);

        EXPECT_EQ(bar.size & (bar.size - 1), 0);
        EXPECT_EQ(bar.at, again.at);
        EXPECT_TRUE(bar.size == 0 || IS_ALIGNED(bar.at, bar.size));
        if (bar.size == 0 && pci_is_lintel()) {
            pci_write32(blk.v.pci, PCI_BAR0 + 4 * i, ~0u);
            EXPECT_EQ(pci_read32(blk.v.pci, PCI_BAR0 + 4 * i), 0);
        }
        i += bar.wide;
    }
}

GUEST_TEST(bar_moves)
{
    const struct pci_bar bar = common_bar();
    const u64 to = free_place(bar);

    EXPECT_TRUE(page_map_high(to, bar.size));
    EXPECT_TRUE(answers_at(bar.at));
    pci_bar_move(blk.v.pci, COMMON_BAR, to);
    EXPECT_EQ(pci_bar(blk.v.pci, COMMON_BAR).at, to);
    EXPECT_TRUE(answers_at(to));
    EXPECT_FALSE(answers_at(bar.at));
    EXPECT_TRUE(virtio_locate(&blk.v));
    EXPECT_TRUE(blk_restart(&blk, 0, VIRTIO_MSI_NO_VECTOR)); /* the doorbell has moved, too */
    EXPECT_EQ(blk_read(&blk, 0, sector, sizeof(sector)), VIRTIO_BLK_S_OK);
    pci_bar_move(blk.v.pci, COMMON_BAR, bar.at);
    EXPECT_TRUE(answers_at(bar.at));
    EXPECT_FALSE(answers_at(to));
}

GUEST_TEST(decoding_off)
{
    const struct pci_bar bar = common_bar();

    pci_command(blk.v.pci, 0, PCI_COMMAND_MEMORY);
    EXPECT_FALSE(answers_at(bar.at));
    if (pci_is_lintel())
        EXPECT_EQ(*(volatile u32 *)bar.at, 0xffffffff);
    pci_command(blk.v.pci, PCI_COMMAND_MEMORY, 0);
    EXPECT_TRUE(answers_at(bar.at));
}

/* Over its own table of vectors: who was there first stays. */
GUEST_TEST(bar_over_another)
{
    NEEDS_LINTEL();
    const struct pci_bar bar = common_bar(), table = pci_bar(blk.v.pci, 0);

    pci_bar_move(blk.v.pci, COMMON_BAR, ALIGN_DOWN(table.at, bar.size));
    blk.v.table[2] = 0x12345678;
    EXPECT_EQ(blk.v.table[2], 0x12345678);
    EXPECT_FALSE(answers_at(bar.at));
    pci_bar_move(blk.v.pci, COMMON_BAR, bar.at);
    EXPECT_TRUE(answers_at(bar.at));
}

GUEST_TEST(bar_over_memory)
{
    static u8 page[4 * PAGE_SIZE] __attribute__((aligned(4 * 4096)));

    NEEDS_LINTEL();
    const struct pci_bar bar = common_bar();

    pci_bar_move(blk.v.pci, COMMON_BAR, (u64)page);
    for (u32 i = 0; i < sizeof(page); i++)
        *(volatile u8 *)&page[i] = (u8)i;
    for (u32 i = 0; i < sizeof(page); i++)
        EXPECT_EQ(*(volatile u8 *)&page[i], (u8)i);
    pci_bar_move(blk.v.pci, COMMON_BAR, 0xfee00000); /* the local APIC stays, too */
    EXPECT_EQ(lapic_get(VERSION) & 0xf0, 0x10);
    pci_bar_move(blk.v.pci, COMMON_BAR, bar.at);
    EXPECT_TRUE(answers_at(bar.at));
}

/* ---------------------------------------------------------------- doorbells */

GUEST_TEST(each_way_to_ring)
{
    static const enum virtio_way ways[] = {VIRTIO_BY_MEMORY, VIRTIO_BY_PORTS};

    EXPECT_TRUE(virtio_find(&blk.v, VIRTIO_ID_BLOCK, 0));
    for (u32 i = 0; i < ARRAY_LEN(ways); i++) {
        EXPECT_TRUE(virtio_take_way(&blk.v, ways[i]));
        EXPECT_TRUE(blk_restart(&blk, 0, VIRTIO_MSI_NO_VECTOR));
        for (u32 n = 0; n < 3; n++)
            EXPECT_EQ(blk_read(&blk, n, sector, sizeof(sector)), VIRTIO_BLK_S_OK);
    }
}

/* A doorbell reads as 0, and a port that is nobody's as ones. */
static bool rings_at(u64 port)
{
    return inl((u16)port) == 0;
}

static bool can_read(enum virtio_way way)
{
    return virtio_take_way(&blk.v, way) && blk_restart(&blk, 0, VIRTIO_MSI_NO_VECTOR) &&
           blk_read(&blk, 0, sector, sizeof(sector)) == VIRTIO_BLK_S_OK;
}

static struct pci_bar ports_bar(void)
{
    EXPECT_TRUE(virtio_find(&blk.v, VIRTIO_ID_BLOCK, 0));
    return pci_bar(blk.v.pci, PORTS_BAR);
}

GUEST_TEST(ports_move)
{
    static struct blk_request request;
    u32 written;

    NEEDS_LINTEL();
    const struct pci_bar bar = ports_bar();
    const u64 to = free_place(bar);

    EXPECT_TRUE(bar.ports && bar.at >= ABI_PCI_PORTS && bar.at <= ABI_PCI_PORTS_LAST);
    EXPECT_TRUE(can_read(VIRTIO_BY_PORTS));
    pci_bar_move(blk.v.pci, PORTS_BAR, to);
    EXPECT_TRUE(rings_at(to));
    EXPECT_FALSE(rings_at(bar.at));
    /* What was a doorbell is none; */
    const struct queue_part part = {.at = sector, .len = sizeof(sector), .in = true};
    EXPECT_NE(blk_add(&blk, &request, VIRTIO_BLK_T_IN, 0, &part, 1), QUEUE_NONE);
    queue_kick(&blk.queue);
    EXPECT_FALSE(queue_wait(&blk.queue, SILENCE));
    /* what is one now rings. */
    EXPECT_TRUE(virtio_take_way(&blk.v, VIRTIO_BY_PORTS));
    queue_ring(&blk.queue);
    EXPECT_TRUE(queue_wait(&blk.queue, tsc_ms(VIRTIO_PATIENCE)));
    EXPECT_NE(queue_take(&blk.queue, &written), QUEUE_NONE);
    EXPECT_EQ(request.status, VIRTIO_BLK_S_OK);
    pci_bar_move(blk.v.pci, PORTS_BAR, bar.at);
    EXPECT_TRUE(can_read(VIRTIO_BY_PORTS));
}

GUEST_TEST(ports_not_decoded)
{
    NEEDS_LINTEL();
    const struct pci_bar bar = ports_bar();

    pci_command(blk.v.pci, 0, PCI_COMMAND_IO);
    EXPECT_FALSE(rings_at(bar.at));
    EXPECT_TRUE(can_read(VIRTIO_BY_MEMORY));
    pci_command(blk.v.pci, PCI_COMMAND_IO, PCI_COMMAND_MEMORY);
    EXPECT_TRUE(rings_at(bar.at));
    pci_command(blk.v.pci, PCI_COMMAND_MEMORY, 0);
    EXPECT_TRUE(can_read(VIRTIO_BY_PORTS));
}

/* Over the ports of the bus itself, the board's, another device's, and nobody's. */
GUEST_TEST(ports_elsewhere)
{
    NEEDS_LINTEL();
    const struct pci_bar bar = ports_bar();
    const u32 other =
        pci_find((VIRTIO_PCI_DEVICE_BASE + VIRTIO_ID_BLOCK) << 16 | VIRTIO_PCI_VENDOR, 1);
    const u64 bad[] = {0,
                       PCI_ADDRESS_PORT,
                       0x3f8,
                       ABI_PCI_PORTS - bar.size,
                       ABI_PCI_PORTS_LAST + 1,
                       ABI_PCI_PORTS | 0x10000,
                       other == PCI_NONE ? 0 : pci_bar(other, PORTS_BAR).at};

    for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
        pci_bar_move(blk.v.pci, PORTS_BAR, bad[i]);
        EXPECT_FALSE(rings_at(bar.at));
        EXPECT_EQ(pci_read32(blk.v.pci, PCI_ID), 0x10421af4);
        EXPECT_TRUE(can_read(VIRTIO_BY_MEMORY));
    }
    pci_bar_move(blk.v.pci, PORTS_BAR, bar.at);
    EXPECT_TRUE(can_read(VIRTIO_BY_PORTS));
}

/* "PCI configuration access capability": the registers without the BAR. */
GUEST_TEST(window_in_configuration_space)
{
    u32 cap = 0;

    EXPECT_TRUE(virtio_find(&blk.v, VIRTIO_ID_BLOCK, 0));
    do
        cap = pci_capability(blk.v.pci, PCI_CAP_VENDOR, cap);
    while (cap != 0 && pci_read8(blk.v.pci, cap + 3) != VIRTIO_PCI_CAP_PCI_CFG);
    if (!EXPECT_NE(cap, 0))
        return;
    const struct pci_bar bar = pci_bar(blk.v.pci, COMMON_BAR);
    pci_write8(blk.v.pci, cap + 4, COMMON_BAR);
    pci_write32(blk.v.pci, cap + 8, (u32)((u64)blk.v.common - bar.at)); /* device_feature_select */
    pci_write32(blk.v.pci, cap + 12, 4);
    pci_write32(blk.v.pci, cap + 16, 1);
    EXPECT_EQ(blk.v.common->device_feature_select, 1);
    blk.v.common->device_feature_select = 0;
    EXPECT_EQ(pci_read32(blk.v.pci, cap + 16), 0);
    pci_command(blk.v.pci, 0, PCI_COMMAND_MEMORY);
    pci_write32(blk.v.pci, cap + 16, 1);
    EXPECT_EQ(pci_read32(blk.v.pci, cap + 16), 1);
    pci_command(blk.v.pci, PCI_COMMAND_MEMORY, 0);
}
