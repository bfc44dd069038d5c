/* How a virtio device and its driver come together: reset, features, queues, and by which
 * interrupts the device speaks; by the first disk that can be written. */
#include "abi/control.h"
#include "guest_tests/rt/ioapic.h"
#include "guest_tests/virtio/blk.h"

#define VECTOR     0x61u
#define LINES      0x90u /* the vector of the first of eight lines */
#define LINE_FIRST 16u
#define LINES_MAX  8u
#define SOON       tsc_ms(500)
#define LATER      tsc_ms(10) /* what does not come until then does not come */

static struct blk blk;
static struct blk_request request;
static u8 sector[VIRTIO_BLK_SECTOR];

/* ---------------------------------------------------------------- features */

GUEST_TEST(after_a_reset)
{
    EXPECT_TRUE(blk_start(&blk, 0, ~0ull, VIRTIO_MSI_NO_VECTOR));
    EXPECT_TRUE(virtio_reset(&blk.v));
    volatile struct virtio_pci_common *const c = blk.v.common;
    EXPECT_EQ(c->device_status, 0);
    EXPECT_EQ(c->config_msix_vector, VIRTIO_MSI_NO_VECTOR);
    EXPECT_TRUE(c->num_queues >= 1);
    c->queue_select = 0;
    EXPECT_NE(c->queue_size, 0);
    EXPECT_EQ(c->queue_size & (c->queue_size - 1), 0);
    EXPECT_EQ(c->queue_enable, 0);
    EXPECT_EQ(c->queue_msix_vector, VIRTIO_MSI_NO_VECTOR);
    EXPECT_EQ(*(volatile u32 *)&c->queue_desc, 0);
    c->queue_select = c->num_queues; /* there is none */
    EXPECT_EQ(c->queue_size, 0);
    EXPECT_EQ(c->queue_enable, 0);
}

GUEST_TEST(features_offered)
{
    EXPECT_TRUE(virtio_find(&blk.v, VIRTIO_ID_BLOCK, 0));
    const u64 offered = virtio_offered(&blk.v);
    EXPECT_EQ(offered & VIRTIO_F_VERSION_1, VIRTIO_F_VERSION_1);
    EXPECT_EQ(offered & VIRTIO_F_INDIRECT_DESC, VIRTIO_F_INDIRECT_DESC);
    EXPECT_EQ(offered & VIRTIO_F_EVENT_IDX, VIRTIO_F_EVENT_IDX);
    blk.v.common->device_feature_select = 2;
    EXPECT_EQ(blk.v.common->device_feature, 0);
    EXPECT_EQ(virtio_offered(&blk.v), offered);
    EXPECT_TRUE(virtio_negotiate(&blk.v, offered));
    EXPECT_TRUE(virtio_negotiate(&blk.v, VIRTIO_F_VERSION_1));
}

/* QEMU takes them: it drops the bits that it has not offered. */
GUEST_TEST(features_not_offered)
{
    EXPECT_TRUE(virtio_find(&blk.v, VIRTIO_ID_BLOCK, 0));
    if (!pci_is_lintel())
        SKIP("not Lintel's device");
    const u64 offered = virtio_offered(&blk.v);
    for (u32 bit = 0; bit < 64; bit++)
        if (!(offered & BIT(bit)))
            EXPECT_FALSE(virtio_negotiate(&blk.v, VIRTIO_F_VERSION_1 | BIT(bit)));
    EXPECT_FALSE(virtio_negotiate(&blk.v, 0)); /* a legacy driver */
    EXPECT_TRUE(virtio_negotiate(&blk.v, VIRTIO_F_VERSION_1));
}

GUEST_TEST(queues)
{
    EXPECT_TRUE(virtio_find(&blk.v, VIRTIO_ID_BLOCK, 0));
    EXPECT_TRUE(virtio_begin(&blk.v, 0));
    volatile struct virtio_pci_common *const c = blk.v.common;
    c->queue_select = 0;
    const u16 most = c->queue_size;
    c->queue_size = 2;
    EXPECT_EQ(c->queue_size, 2);
    c->queue_size = 0;
    if (pci_is_lintel()) {
        EXPECT_EQ(c->queue_size, 2);
        c->queue_size = 3; /* no power of two */
        EXPECT_EQ(c->queue_size, 2);
        c->queue_size = (u16)(2 * most); /* too big */
        EXPECT_EQ(c->queue_size, 2);
    }
    EXPECT_TRUE(virtio_reset(&blk.v));
    EXPECT_EQ(c->queue_size, most);
    EXPECT_TRUE(virtio_begin(&blk.v, 0));
    if (EXPECT_TRUE(queue_start(&blk.queue, &blk.v, 0, 4, VIRTIO_MSI_NO_VECTOR))) {
        EXPECT_EQ(blk.queue.size, 4);
        virtio_go(&blk.v);
        for (u32 i = 0; i < 20; i++) /* around a short queue */
            EXPECT_EQ(blk_read(&blk, 0, sector, sizeof(sector)), VIRTIO_BLK_S_OK);
    }
}

/* ---------------------------------------------------------------- interrupts */

static void acknowledge(struct frame *f)
{
    (void)f;
    lapic_put(EOI, 0);
}

/* A read is under way, and wants an interrupt. */
static void read_a_sector(void)
{
    const struct queue_part data = {.at = sector, .len = sizeof(sector), .in = true};

    EXPECT_NE(blk_add(&blk, &request, VIRTIO_BLK_T_IN, 0, &data, 1), QUEUE_NONE);
    queue_interrupts(&blk.queue, true);
    queue_kick(&blk.queue);
}

static void finish_read(void)
{
    u32 written;

    EXPECT_TRUE(queue_wait(&blk.queue, SOON));
    EXPECT_NE(queue_take(&blk.queue, &written), QUEUE_NONE);
    EXPECT_EQ(request.status, VIRTIO_BLK_S_OK);
    EXPECT_EQ(written, sizeof(sector) + 1);
}

static bool start_with_msix(u64 features)
{
    lapic_fresh();
    on_vector(VECTOR, acknowledge);
    vector_count[VECTOR] = 0;
    if (!EXPECT_TRUE(blk_find(&blk, false)) || !EXPECT_NE(blk.v.msix, 0) ||
        !EXPECT_TRUE(blk.v.vectors >= 2))
        return false;
    virtio_msix_control(&blk.v, PCI_MSIX_ENABLE);
    virtio_msix_entry(&blk.v, 1, VECTOR);
    return EXPECT_TRUE(blk_restart(&blk, features, 1));
}

static void stop_msix(void)
{
    virtio_msix_control(&blk.v, 0);
    (void)virtio_reset(&blk.v);
}

GUEST_TEST(msix)
{
    if (!start_with_msix(0))
        return;
    for (u32 i = 1; i <= 20; i++) {
        read_a_sector();
        EXPECT_TRUE(wait_for(&vector_count[VECTOR], i, SOON));
        finish_read();
    }
    EXPECT_FALSE(wait_for(&vector_count[VECTOR], 21, LATER));
    if (pci_is_lintel()) /* not with MSI-X; QEMU's sets it all the same */
        EXPECT_EQ(*blk.v.isr, 0);
    stop_msix();
}

GUEST_TEST(msix_with_event_index)
{
    if (!start_with_msix(VIRTIO_F_EVENT_IDX))
        return;
    EXPECT_TRUE(virtio_has(&blk.v, VIRTIO_F_EVENT_IDX));
    for (u32 i = 1; i <= 20; i++) {
        read_a_sector();
        EXPECT_TRUE(wait_for(&vector_count[VECTOR], i, SOON));
        finish_read();
    }
    EXPECT_EQ(blk_read(&blk, 0, sector, sizeof(sector)), VIRTIO_BLK_S_OK); /* wants none */
    EXPECT_FALSE(wait_for(&vector_count[VECTOR], 21, LATER));
    stop_msix();
}

/* "Mask Bits for Vectors": pending while it is masked, sent when it no longer is; by its own mask
 * and by the function's. */
GUEST_TEST(msix_masked)
{
    if (!start_with_msix(0))
        return;
    for (u32 i = 0; i < 2; i++) {
        if (i == 0)
            virtio_msix_mask(&blk.v, 1, true);
        else
            virtio_msix_control(&blk.v, PCI_MSIX_ENABLE | PCI_MSIX_MASK_ALL);
        EXPECT_FALSE(virtio_msix_pending(&blk.v, 1));
        read_a_sector();
        finish_read();
        EXPECT_FALSE(wait_for(&vector_count[VECTOR], i + 1, LATER));
        EXPECT_TRUE(virtio_msix_pending(&blk.v, 1));
        if (i == 0)
            virtio_msix_mask(&blk.v, 1, false);
        else
            virtio_msix_control(&blk.v, PCI_MSIX_ENABLE);
        EXPECT_TRUE(wait_for(&vector_count[VECTOR], i + 1, SOON));
        EXPECT_FALSE(virtio_msix_pending(&blk.v, 1));
    }
    EXPECT_EQ(vector_count[VECTOR], 2);
    stop_msix();
}

GUEST_TEST(msix_vectors)
{
    if (!start_with_msix(0))
        return;
    volatile struct virtio_pci_common *const c = blk.v.common;
    c->config_msix_vector = 0;
    EXPECT_EQ(c->config_msix_vector, 0);
    c->config_msix_vector = (u16)blk.v.vectors; /* there is none */
    EXPECT_EQ(c->config_msix_vector, VIRTIO_MSI_NO_VECTOR);
    c->queue_msix_vector = VIRTIO_MSI_NO_VECTOR;
    EXPECT_EQ(c->queue_msix_vector, VIRTIO_MSI_NO_VECTOR);
    read_a_sector();
    finish_read();
    EXPECT_FALSE(wait_for(&vector_count[VECTOR], 1, LATER));
    stop_msix();
}

/* ---- the line ---- */

static void on_line(struct frame *f)
{
    (void)f;
    if (blk.v.isr != NULL)
        (void)*blk.v.isr; /* lets the line go */
    lapic_put(EOI, 0);
}

static u64 lines_came(u32 *line)
{
    u64 came = 0;

    for (u32 i = 0; i < LINES_MAX; i++) {
        if (vector_count[LINES + i] != 0)
            *line = LINE_FIRST + i;
        came += vector_count[LINES + i];
    }
    return came;
}

static u64 lines_come(u64 wanted, u64 ticks, u32 *line)
{
    const u64 start = rdtsc();

    while (lines_came(line) < wanted && rdtsc() - start < ticks)
        irq_window();
    return lines_came(line);
}

static void lines_open(void)
{
    lapic_fresh();
    for (u32 i = 0; i < LINES_MAX; i++) {
        on_vector(LINES + i, on_line);
        vector_count[LINES + i] = 0;
        ioapic_route(LINE_FIRST + i, lapic_get(ID) >> 24, LEVEL | ACTIVE_LOW | (LINES + i));
    }
}

static void lines_close(void)
{
    for (u32 i = 0; i < LINES_MAX; i++)
        ioapic_route(LINE_FIRST + i, 0, MASKED);
}

GUEST_TEST(line)
{
    u32 line = 0;

    lines_open();
    if (!EXPECT_TRUE(blk_find(&blk, false)) ||
        !EXPECT_TRUE(blk_restart(&blk, 0, VIRTIO_MSI_NO_VECTOR)))
        return;
    EXPECT_EQ(pci_read8(blk.v.pci, PCI_PIN), 1);
    for (u32 i = 1; i <= 20; i++) {
        read_a_sector();
        EXPECT_EQ(lines_come(i, SOON, &line), i);
        finish_read();
    }
    EXPECT_EQ(lines_come(21, LATER, &line), 20);
    if (pci_is_lintel())
        EXPECT_EQ(line, ABI_PCI_LINE(pci_slot(blk.v.pci)));
    lines_close();
}

/* While the command register forbids it, only the status register tells. */
GUEST_TEST(line_disabled)
{
    u32 line = 0;

    lines_open();
    if (!EXPECT_TRUE(blk_find(&blk, false)) ||
        !EXPECT_TRUE(blk_restart(&blk, 0, VIRTIO_MSI_NO_VECTOR)))
        return;
    pci_command(blk.v.pci, PCI_COMMAND_NO_INTX, 0);
    read_a_sector();
    finish_read();
    EXPECT_EQ(lines_come(1, LATER, &line), 0);
    EXPECT_EQ(pci_read16(blk.v.pci, PCI_STATUS) & PCI_STATUS_INTERRUPT, PCI_STATUS_INTERRUPT);
    pci_command(blk.v.pci, 0, PCI_COMMAND_NO_INTX);
    EXPECT_EQ(lines_come(1, SOON, &line), 1);
    EXPECT_EQ(pci_read16(blk.v.pci, PCI_STATUS) & PCI_STATUS_INTERRUPT, 0);
    read_a_sector();
    EXPECT_EQ(lines_come(2, SOON, &line), 2);
    finish_read();
    lines_close();
}

GUEST_TEST(line_let_go_by_reset)
{
    u32 line = 0;

    lines_open();
    lines_close(); /* nobody listens */
    if (!EXPECT_TRUE(blk_find(&blk, false)) ||
        !EXPECT_TRUE(blk_restart(&blk, 0, VIRTIO_MSI_NO_VECTOR)))
        return;
    read_a_sector();
    finish_read();
    EXPECT_EQ(pci_read16(blk.v.pci, PCI_STATUS) & PCI_STATUS_INTERRUPT, PCI_STATUS_INTERRUPT);
    EXPECT_TRUE(virtio_reset(&blk.v));
    EXPECT_EQ(pci_read16(blk.v.pci, PCI_STATUS) & PCI_STATUS_INTERRUPT, 0);
    EXPECT_EQ(*blk.v.isr, 0);
    lines_open();
    EXPECT_EQ(lines_come(1, LATER, &line), 0);
    lines_close();
}

/* ---------------------------------------------------------------- mastering, faults */

/* A device that is no bus master neither reads its rings nor answers, and goes on when it is. */
GUEST_TEST(not_a_bus_master)
{
    if (!EXPECT_TRUE(blk_find(&blk, false)) ||
        !EXPECT_TRUE(blk_restart(&blk, 0, VIRTIO_MSI_NO_VECTOR)))
        return;
    if (!pci_is_lintel())
        SKIP("not Lintel's device"); /* QEMU's is to be started anew */
    pci_command(blk.v.pci, 0, PCI_COMMAND_MASTER);
    read_a_sector();
    EXPECT_FALSE(queue_wait(&blk.queue, LATER));
    pci_command(blk.v.pci, PCI_COMMAND_MASTER, 0);
    finish_read();
}

/* What a driver must not do stops the device until its reset, and only then. */
GUEST_TEST(broken_ring)
{
    const u64 start = rdtsc();

    if (!EXPECT_TRUE(blk_find(&blk, false)) ||
        !EXPECT_TRUE(blk_restart(&blk, 0, VIRTIO_MSI_NO_VECTOR)))
        return;
    const struct queue_part parts[2] = {{.at = &request.header, .len = sizeof(request.header)},
                                        {.at = sector, .len = sizeof(sector)}};
    EXPECT_NE(queue_add(&blk.queue, parts, 2), QUEUE_NONE);
    blk.queue.desc[1].flags = VIRTQ_DESC_F_NEXT, blk.queue.desc[1].next = 0; /* a loop */
    queue_kick(&blk.queue);
    while (!(blk.v.common->device_status & VIRTIO_STATUS_NEEDS_RESET) &&
           rdtsc() - start < tsc_ms(VIRTIO_PATIENCE))
        ;
    EXPECT_TRUE(blk.v.common->device_status & VIRTIO_STATUS_NEEDS_RESET);
    EXPECT_FALSE(queue_has(&blk.queue));
    EXPECT_TRUE(blk_restart(&blk, 0, VIRTIO_MSI_NO_VECTOR));
    EXPECT_EQ(blk_read(&blk, 0, sector, sizeof(sector)), VIRTIO_BLK_S_OK);
}
