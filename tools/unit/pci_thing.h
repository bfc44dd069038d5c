/* A bus with two devices alike, which have a BAR of each kind and MSI-X; what is written to them is
 * told. */
#pragma once
#include "virtio_bus.h"

#define DEVICE  0x1234u
#define CAP     0x40u
#define SLOT    5u
#define OTHER   9u
#define SMALL   0x1000u
#define WIDE    0x4000u
#define PORTS   16u
#define IO_BAR  4u
#define IO_AT   (PCI_BAR0 + 4 * IO_BAR)
#define IO      PCI_COMMAND_IO
#define ECAM(s) ((u32)(s) << 15)
#define MASTER  PCI_COMMAND_MASTER
#define MEMORY  PCI_COMMAND_MEMORY

static struct fake_bus f;
static struct pci_device dev, other;
static u32 last_offset, last_value;
static unsigned last_bar, last_width, writes;

static inline u32 bar_read(struct pci_device *d, unsigned bar, u32 offset, unsigned width)
{
    if (bar == 0)
        return pci_msix_read(d, offset, width);
    return 0xa0b0c000u + offset + (width << 24);
}

static inline void bar_write(struct pci_device *d, unsigned bar, u32 offset, unsigned width,
                             u32 value)
{
    last_bar = bar, last_offset = offset, last_width = width, last_value = value;
    writes++;
    if (bar == 0)
        pci_msix_write(d, offset, width, value);
}

static const struct pci_device_ops ops = {.bar_read = bar_read, .bar_write = bar_write};
static const struct pci_config_row rows[] = {
    {PCI_VENDOR_ID, 2, 0x1af4, 0},
    {PCI_DEVICE_ID, 2, DEVICE, 0},
    {PCI_CLASS, 3, 0x020000, 0},
    {PCI_CAPABILITIES, 1, CAP, 0},
    {CAP, 2, PCI_CAP_MSIX, 0},
    {CAP + 2, 2, 3, 0xc000},
    {CAP + 4, 4, 0, 0},
    {CAP + 8, 4, 0x800, 0},
    {0x80, 4, 0x11223344, 0x00ff0ff0},
};

static inline void make(struct pci_device *d, const char *name, u8 slot)
{
    memset(d, 0, sizeof(*d));
    d->bar[0] = (struct pci_bar){.size = SMALL};
    d->bar[2] = (struct pci_bar){.size = WIDE, .wide = true, .prefetchable = true};
    d->bar[IO_BAR] = (struct pci_bar){.size = PORTS, .space = PCI_PORTS};
    d->msix = (struct pci_msix){.cap = CAP, .vectors = 4, .pba = 0x800};
    for (u32 i = 0; i < 4; i++)
        d->msix.entry[i][3] = 1;
    pci_device_init(d, &ops, name, rows, ARRAY_LEN(rows));
    assert_int_equal(pci_bus_add(&f.bus, d, slot), OK);
}

static inline int begin(void **state)
{
    (void)state;
    fake_bus_init(&f);
    make(&dev, "thing", SLOT);
    make(&other, "other", OTHER);
    assert_int_equal(pci_bars_place(&f.bus), OK);
    writes = 0;
    return 0;
}
