/* A virtio device as a PCI function; see pci.h.  Pure. */
#include "control/virtio/pci.h"
#include "control/virtio/common.h"

/* A page for each structure, so that each can be treated in its own way. */
#define COMMON_AT 0x0000u
#define ISR_AT    0x1000u
#define DEVICE_AT 0x2000u
#define BAR_SIZE  0x4000u
#define MSIX_SIZE 0x1000u
#define PBA_AT    0x0800u

/* Where the capabilities are in the configuration space. */
// clang-format off
enum { CAP_MSIX = 0x40, CAP_COMMON = 0x50, CAP_ISR = 0x60, CAP_DEVICE = 0x70, CAP_NOTIFY = 0x80, CAP_CFG = 0xa0,
       CAP_PORTS = 0xc0,
       CFG_BAR = CAP_CFG + 4, CFG_OFFSET = CAP_CFG + 8, CFG_LENGTH = CAP_CFG + 12, CFG_DATA = CAP_CFG + 16 };
// clang-format on

static struct virtio_device *virtio_of(struct pci_device *d)
{
    return CONTAINER_OF(d, struct virtio_device, pci);
}

/* ---- the BARs ---- */

static void ring(struct virtio_device *v, u32 at)
{
    if (at % VIRTIO_PCI_BELL == 0)
        virtio_kick(v, at / VIRTIO_PCI_BELL); /* the value says the same once more */
}

static u32 structure_read(struct virtio_device *v, u32 offset, unsigned width)
{
    const u32 at = offset % 0x1000;

    switch (offset - at) {
    case COMMON_AT: return virtio_common_read(v, at, width);
    case ISR_AT: return at == 0 && width == 1 ? virtio_take_isr(v) : 0;
    case DEVICE_AT:
        return at < v->config_len && width <= v->config_len - at ? v->ops->config_read(v, at, width)
                                                                 : 0;
    default: return 0;
    }
}

static void structure_write(struct virtio_device *v, u32 offset, unsigned width, u32 value)
{
    const u32 at = offset % 0x1000;

    switch (offset - at) {
    case COMMON_AT: virtio_common_write(v, at, width, value); break;
    case DEVICE_AT:
        if (v->ops->config_write && at < v->config_len && width <= v->config_len - at)
            v->ops->config_write(v, at, width, value);
        break;
    case VIRTIO_PCI_NOTIFY_AT: ring(v, at); break;
    default: break;
    }
}

static u32 bar_read(struct pci_device *d, unsigned bar, u32 offset, unsigned width)
{
    switch (bar) {
    case VIRTIO_PCI_MSIX_BAR: return pci_msix_read(d, offset, width);
    case VIRTIO_PCI_BAR: return structure_read(virtio_of(d), offset, width);
    default: return 0; /* doorbells */
    }
}

static void bar_write(struct pci_device *d, unsigned bar, u32 offset, unsigned width, u32 value)
{
    struct virtio_device *const v = virtio_of(d);

    v->changed |=
        bar == VIRTIO_PCI_MSIX_BAR || (bar == VIRTIO_PCI_BAR && offset < VIRTIO_PCI_NOTIFY_AT);
    switch (bar) {
    case VIRTIO_PCI_MSIX_BAR: pci_msix_write(d, offset, width, value); break;
    case VIRTIO_PCI_BAR: structure_write(v, offset, width, value); break;
    default: ring(v, offset); break;
    }
}

/* ---- the window in the configuration space ("PCI configuration access capability") ---- */

static u32 get32(const struct pci_device *d, u32 at)
{
    return (u32)d->config[at] | (u32)d->config[at + 1] << 8 | (u32)d->config[at + 2] << 16 |
           (u32)d->config[at + 3] << 24;
}

/* Where the window shows to: any of the structures above, mapped or not.  False: nowhere. */
static bool window(const struct pci_device *d, u32 *bar, u32 *offset, u32 *width)
{
    *bar = d->config[CFG_BAR];
    *offset = get32(d, CFG_OFFSET);
    *width = get32(d, CFG_LENGTH);
    return (*bar == VIRTIO_PCI_BAR || *bar == VIRTIO_PCI_PORTS_BAR) &&
           (*width == 1 || *width == 2 || *width == 4) && *offset % *width == 0 &&
           *offset < d->bar[*bar].size;
}

static void config_read(struct pci_device *d, u32 at, unsigned width)
{
    u32 bar, offset, len, value = ~0u;

    if (at + width <= CFG_DATA || at >= CFG_DATA + 4)
        return;
    if (window(d, &bar, &offset, &len))
        value = bar_read(d, bar, offset, len);
    for (unsigned i = 0; i < 4; i++)
        d->config[CFG_DATA + i] = (u8)(value >> 8 * i);
}

static void config_written(struct pci_device *d, u32 at, unsigned width)
{
    u32 bar, offset, len;

    virtio_of(d)->changed = true;
    if (at == PCI_COMMAND) /* a bus master from now on, it may be */
        virtio_kick_all(virtio_of(d));
    if (at + width > CFG_DATA && at < CFG_DATA + 4 && window(d, &bar, &offset, &len))
        bar_write(d, bar, offset, len, get32(d, CFG_DATA) & (len == 4 ? ~0u : BIT32(8 * len) - 1));
}

static const struct pci_device_ops ops = {.bar_read = bar_read,
                                          .bar_write = bar_write,
                                          .config_read = config_read,
                                          .config_written = config_written};

/* ---- what the function is ---- */

/* The first three words of a struct virtio_pci_cap. */
#define CAP_WORD(next, len, type)                                                                  \
    (PCI_CAP_VENDOR | (u32)(next) << 8 | (u32)(len) << 16 | (u32)(type) << 24)

/* The least that is not below n. */
static u32 power_of_two(u32 n)
{
    u32 power = 1;

    while (power < n)
        power *= 2;
    return power;
}

void virtio_pci_init(struct virtio_device *v, const char *name, u32 class)
{
    const u16 vectors = (u16)MIN(v->queues + 1u, PCI_VECTORS_MAX);
    /* A structure of no bytes is no structure. */
    const u32 behind_isr = v->config_len ? CAP_DEVICE : CAP_PORTS;
    const u32 bells = v->queues * VIRTIO_PCI_BELL;
    // clang-format off
    const struct pci_config_row rows[] = {
        /* at                   bytes  value                                writable */
        { PCI_VENDOR_ID,        2,     VIRTIO_PCI_VENDOR,                   0 },
        { PCI_DEVICE_ID,        2,     VIRTIO_PCI_DEVICE_BASE + v->type,    0 },
        { PCI_REVISION,         1,     VIRTIO_PCI_REVISION,                 0 },
        { PCI_CLASS,            3,     class,                               0 },
        { PCI_SUBSYSTEM_VENDOR, 2,     VIRTIO_PCI_VENDOR,                   0 },
        { PCI_SUBSYSTEM_ID,     2,     VIRTIO_PCI_DEVICE_BASE + v->type,    0 },
        { PCI_CAPABILITIES,     1,     CAP_MSIX,                            0 },
        { CAP_MSIX,             2,     PCI_CAP_MSIX | CAP_COMMON << 8,      0 },
        { CAP_MSIX + 2,         2,     vectors - 1u,                        0xc000 }, /* enable, mask all */
        { CAP_MSIX + 4,         4,     VIRTIO_PCI_MSIX_BAR,                 0 },
        { CAP_MSIX + 8,         4,     PBA_AT | VIRTIO_PCI_MSIX_BAR,        0 },
        { CAP_COMMON,           4,     CAP_WORD(CAP_ISR, 16, VIRTIO_PCI_CAP_COMMON), 0 },
        { CAP_COMMON + 4,       4,     VIRTIO_PCI_BAR,                      0 },
        { CAP_COMMON + 8,       4,     COMMON_AT,                           0 },
        { CAP_COMMON + 12,      4,     sizeof(struct virtio_pci_common),    0 },
        { CAP_ISR,              4,     CAP_WORD(behind_isr, 16, VIRTIO_PCI_CAP_ISR), 0 },
        { CAP_ISR + 4,          4,     VIRTIO_PCI_BAR,                      0 },
        { CAP_ISR + 8,          4,     ISR_AT,                              0 },
        { CAP_ISR + 12,         4,     1,                                   0 },
        { CAP_DEVICE,           4,     CAP_WORD(CAP_PORTS, 16, VIRTIO_PCI_CAP_DEVICE), 0 },
        { CAP_DEVICE + 4,       4,     VIRTIO_PCI_BAR,                      0 },
        { CAP_DEVICE + 8,       4,     DEVICE_AT,                           0 },
        { CAP_DEVICE + 12,      4,     v->config_len,                       0 },
        { CAP_PORTS,            4,     CAP_WORD(CAP_NOTIFY, VIRTIO_PCI_NOTIFY_CAP_LEN, VIRTIO_PCI_CAP_NOTIFY), 0 },
        { CAP_PORTS + 4,        4,     VIRTIO_PCI_PORTS_BAR,                0 },
        { CAP_PORTS + 8,        4,     0,                                   0 },
        { CAP_PORTS + 12,       4,     bells,                               0 },
        { CAP_PORTS + 16,       4,     VIRTIO_PCI_BELL,                     0 },
        { CAP_NOTIFY,           4,     CAP_WORD(CAP_CFG, VIRTIO_PCI_NOTIFY_CAP_LEN, VIRTIO_PCI_CAP_NOTIFY), 0 },
        { CAP_NOTIFY + 4,       4,     VIRTIO_PCI_BAR,                      0 },
        { CAP_NOTIFY + 8,       4,     VIRTIO_PCI_NOTIFY_AT,                0 },
        { CAP_NOTIFY + 12,      4,     bells,                               0 },
        { CAP_NOTIFY + 16,      4,     VIRTIO_PCI_BELL,                     0 },
        { CAP_CFG,              4,     CAP_WORD(0, VIRTIO_PCI_CFG_CAP_LEN, VIRTIO_PCI_CAP_PCI_CFG), 0 },
        { CFG_BAR,              1,     0,                                   0xff },
        { CFG_OFFSET,           4,     0,                                   ~0u },
        { CFG_LENGTH,           4,     0,                                   ~0u },
        { CFG_DATA,             4,     0,                                   ~0u },
    };
    // clang-format on

    v->pci.bar[VIRTIO_PCI_MSIX_BAR] = (struct pci_bar){.size = MSIX_SIZE};
    v->pci.bar[VIRTIO_PCI_PORTS_BAR] =
        (struct pci_bar){.size = power_of_two(bells), .space = PCI_PORTS};
    v->pci.bar[VIRTIO_PCI_BAR] =
        (struct pci_bar){.size = BAR_SIZE, .wide = true, .prefetchable = true};
    v->pci.msix = (struct pci_msix){
        .cap = CAP_MSIX, .bar = VIRTIO_PCI_MSIX_BAR, .vectors = vectors, .pba = PBA_AT};
    for (u16 i = 0; i < vectors; i++)
        v->pci.msix.entry[i][3] = 1; /* masked after a reset */
    pci_device_init(&v->pci, &ops, name, rows, ARRAY_LEN(rows));
}
