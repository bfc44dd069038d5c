/* A virtio device on PCI; see device.h. */
#include "guest_tests/virtio/device.h"

#define MESSAGE_ADDRESS 0xfee00000u /* SDM Vol. 3A, "Message Address Register Format" */
#define STEPS           (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER)

/* `len` bytes at `offset` of a BAR; NULL: they cannot be reached. */
static volatile u8 *place(u32 f, u32 bar, u32 offset, u64 len)
{
    const struct pci_bar b = bar < PCI_BARS ? pci_bar(f, bar) : (struct pci_bar){.size = 0};

    if (b.size == 0 || b.ports || b.at == 0 || offset > b.size || len > b.size - offset ||
        !page_map_high(b.at, b.size)) {
        FAIL("slot %u: BAR %u at 0x%llx has no %llu bytes at 0x%x", pci_slot(f), bar,
             (unsigned long long)b.at, (unsigned long long)len, offset);
        return NULL;
    }
    return (volatile u8 *)(b.at + offset);
}

/* The first structure of a kind, as the driver has to take it. */
static volatile u8 *structure(struct virtio_device *v, u8 type, u32 least)
{
    for (u32 at = 0; (at = pci_capability(v->pci, PCI_CAP_VENDOR, at)) != 0;) {
        const u32 len = pci_read32(v->pci, at + 12);

        if (pci_read8(v->pci, at + 3) != type || pci_read8(v->pci, at + 4) >= PCI_BARS)
            continue;
        EXPECT_TRUE(len >= least);
        return place(v->pci, pci_read8(v->pci, at + 4), pci_read32(v->pci, at + 8), len);
    }
    return NULL;
}

/* "Notification structure layout": there may be several, and the driver may take any. */
bool virtio_take_way(struct virtio_device *v, enum virtio_way way)
{
    for (u32 at = 0; (at = pci_capability(v->pci, PCI_CAP_VENDOR, at)) != 0;) {
        const u32 number = pci_read8(v->pci, at + 4);

        if (pci_read8(v->pci, at + 3) != VIRTIO_PCI_CAP_NOTIFY || number >= PCI_BARS)
            continue;
        const struct pci_bar bar = pci_bar(v->pci, number);
        const u32 offset = pci_read32(v->pci, at + 8), len = pci_read32(v->pci, at + 12);

        if (bar.size == 0 || way == (bar.ports ? VIRTIO_BY_MEMORY : VIRTIO_BY_PORTS))
            continue;
        EXPECT_TRUE(len >= 2 && offset <= bar.size && len <= bar.size - offset);
        v->notify = bar.ports ? NULL : place(v->pci, number, offset, len);
        v->notify_port = (u16)(bar.at + offset);
        v->notify_multiplier = pci_read32(v->pci, at + 16);
        return bar.ports ? bar.at != 0 : v->notify != NULL;
    }
    return false;
}

static bool locate_msix(struct virtio_device *v)
{
    v->msix = pci_capability(v->pci, PCI_CAP_MSIX, 0);
    v->table = v->pending = NULL;
    v->vectors = 0;
    if (v->msix == 0)
        return true;
    const u32 table = pci_read32(v->pci, v->msix + 4), pending = pci_read32(v->pci, v->msix + 8);

    v->vectors = (pci_read16(v->pci, v->msix + 2) & PCI_MSIX_SIZE) + 1u;
    v->table = (volatile u32 *)place(v->pci, table & 7, table & ~7u, 16ull * v->vectors);
    v->pending =
        (volatile u32 *)place(v->pci, pending & 7, pending & ~7u, ALIGN_UP(v->vectors, 64u) / 8);
    return v->table != NULL && v->pending != NULL;
}

bool virtio_locate(struct virtio_device *v)
{
    v->common = (volatile struct virtio_pci_common *)structure(v, VIRTIO_PCI_CAP_COMMON, 0x38);
    v->isr = structure(v, VIRTIO_PCI_CAP_ISR, 1);
    v->config = structure(v, VIRTIO_PCI_CAP_DEVICE, 0); /* a type may have no registers */
    if (v->common == NULL || v->isr == NULL || !virtio_take_way(v, VIRTIO_FIRST_WAY))
        return false;
    return locate_msix(v);
}

bool virtio_find(struct virtio_device *v, u32 type, u32 nth)
{
    *v = (struct virtio_device){
        .pci = pci_find((VIRTIO_PCI_DEVICE_BASE + type) << 16 | VIRTIO_PCI_VENDOR, nth)};
    if (v->pci == PCI_NONE)
        return false;
    pci_command(v->pci, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
                PCI_COMMAND_NO_INTX);
    if (!EXPECT_TRUE(virtio_locate(v)) || !EXPECT_TRUE(virtio_reset(v)))
        return false;
    if (v->msix != 0)
        virtio_msix_control(v, 0);
    return true;
}

/* ---- from reset to DRIVER_OK ---- */

bool virtio_reset(struct virtio_device *v)
{
    const u64 start = rdtsc();

    v->common->device_status = 0;
    while (v->common->device_status != 0)
        if (rdtsc() - start > tsc_ms(VIRTIO_PATIENCE))
            return false;
    v->features = 0;
    return true;
}

u64 virtio_offered(struct virtio_device *v)
{
    u64 features;

    v->common->device_feature_select = 1;
    features = (u64)v->common->device_feature << 32;
    v->common->device_feature_select = 0;
    return features | v->common->device_feature;
}

bool virtio_negotiate(struct virtio_device *v, u64 features)
{
    if (!EXPECT_TRUE(virtio_reset(v)))
        return false;
    v->common->device_status = VIRTIO_STATUS_ACKNOWLEDGE;
    v->common->device_status = STEPS;
    for (u32 half = 0; half < 2; half++) {
        v->common->driver_feature_select = half;
        v->common->driver_feature = (u32)(features >> 32 * half);
    }
    v->common->device_status = STEPS | VIRTIO_STATUS_FEATURES_OK;
    v->features = features;
    return v->common->device_status == (STEPS | VIRTIO_STATUS_FEATURES_OK);
}

bool virtio_begin(struct virtio_device *v, u64 wanted)
{
    return EXPECT_TRUE(virtio_negotiate(v, VIRTIO_F_VERSION_1 | (wanted & virtio_offered(v))));
}

void virtio_go(struct virtio_device *v)
{
    v->common->device_status = STEPS | VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK;
}

/* ---- MSI-X ---- */

void virtio_msix_entry(struct virtio_device *v, u32 n, u8 vector)
{
    virtio_msix_mask(v, n, true);
    v->table[4 * n] = MESSAGE_ADDRESS | lapic_get(ID) >> 24 << 12;
    v->table[4 * n + 1] = 0;
    v->table[4 * n + 2] = vector;
    virtio_msix_mask(v, n, false);
}

void virtio_msix_mask(struct virtio_device *v, u32 n, bool masked)
{
    v->table[4 * n + 3] = masked;
}

void virtio_msix_control(struct virtio_device *v, u16 bits)
{
    pci_write16(v->pci, v->msix + 2, bits);
}
