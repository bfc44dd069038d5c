/* The ways to an emulated PCI bus: ports, ECAM, BARs; see pci.h.  Pure. */
#include "control/pci/pci.h"

#define PORT_ADDRESS   0xcf8u
#define PORT_DATA      0xcfcu
#define ADDRESS_ENABLE BIT32(31)
#define ADDRESS_MASK   0x80fffffcu /* the other bits read as 0 */

void pci_bus_init(struct pci_bus *b, const struct pci_host *host, void *ctx,
                  const struct pci_window window[PCI_WINDOWS])
{
    *b = (struct pci_bus){.host = host, .ctx = ctx};
    for (unsigned i = 0; i < PCI_WINDOWS; i++)
        b->window[i] = window[i];
}

err_t pci_bus_add(struct pci_bus *b, struct pci_device *d, u8 slot)
{
    if (slot >= PCI_SLOTS)
        return E_RANGE;
    if (b->device[slot])
        return E_EXIST;
    b->device[slot] = b->present[b->devices++] = d;
    d->bus = b;
    d->slot = slot;
    return OK;
}

static u32 ones(unsigned width)
{
    return width >= 4 ? ~0u : BIT32(8 * width) - 1;
}

/* ---- configuration space ---- */

/* The device of a bus, device and function number, as both mechanisms have them in a row. */
static struct pci_device *device_of(const struct pci_bus *b, u32 bus_device_function)
{
    const bool here = bus_device_function < 0x100 && (bus_device_function & 7) == 0;

    return here ? b->device[bus_device_function >> 3] : NULL;
}

u32 pci_bus_port_read(struct pci_bus *b, u16 port, unsigned width)
{
    if (port == PORT_ADDRESS && width == 4)
        return b->address;
    if (port < PORT_DATA || !(b->address & ADDRESS_ENABLE))
        return ones(width);
    struct pci_device *const d = device_of(b, (b->address & ~ADDRESS_ENABLE) >> 8);
    return d ? pci_config_read(d, (b->address & 0xfc) + (port & 3u), width) : ones(width);
}

void pci_bus_port_write(struct pci_bus *b, u16 port, unsigned width, u32 value)
{
    if (port == PORT_ADDRESS && width == 4)
        b->address = value & ADDRESS_MASK;
    if (port < PORT_DATA || !(b->address & ADDRESS_ENABLE))
        return;
    struct pci_device *const d = device_of(b, (b->address & ~ADDRESS_ENABLE) >> 8);
    if (d)
        pci_config_write(d, (b->address & 0xfc) + (port & 3u), width, value);
}

u32 pci_bus_ecam_read(struct pci_bus *b, u32 offset, unsigned width)
{
    struct pci_device *const d = device_of(b, offset >> 12);

    return d ? pci_config_read(d, offset & 0xfff, width) : ones(width);
}

void pci_bus_ecam_write(struct pci_bus *b, u32 offset, unsigned width, u32 value)
{
    struct pci_device *const d = device_of(b, offset >> 12);

    if (d)
        pci_config_write(d, offset & 0xfff, width, value);
}

/* ---- BARs ---- */

/* Whether a BAR has all bytes of an access. */
static bool has(const struct pci_bar *bar, enum pci_space space, u64 at, unsigned width)
{
    return bar->mapped && bar->space == space && at - bar->at <= bar->size - width;
}

/* The device with such a BAR. */
static struct pci_device *bar_at(struct pci_bus *b, enum pci_space space, u64 at, unsigned width,
                                 unsigned *bar)
{
    *bar = b->last_bar;
    if (b->last && has(&b->last->bar[b->last_bar], space, at, width))
        return b->last;
    for (u32 n = 0; n < b->devices; n++)
        for (unsigned i = 0; i < PCI_BARS; i++)
            if (has(&b->present[n]->bar[i], space, at, width)) {
                b->last = b->present[n];
                b->last_bar = *bar = i;
                return b->last;
            }
    return NULL;
}

static bool is_access(u64 at, unsigned width)
{
    return (width == 1 || width == 2 || width == 4 || width == 8) && at % width == 0;
}

static bool bar_read(struct pci_bus *b, enum pci_space space, u64 at, unsigned width, u64 *value)
{
    unsigned bar = 0;
    struct pci_device *const d = bar_at(b, space, at, width, &bar);

    if (!d)
        return false;
    const u32 offset = (u32)(at - d->bar[bar].at);
    *value = width < 8 ? ones(width) : ~0ull;
    if (!is_access(at, width))
        return true;
    if (width < 8)
        *value = d->ops->bar_read(d, bar, offset, width) & ones(width);
    else
        *value = d->ops->bar_read(d, bar, offset, 4) | (u64)d->ops->bar_read(d, bar, offset + 4, 4)
                                                           << 32;
    return true;
}

static bool bar_write(struct pci_bus *b, enum pci_space space, u64 at, unsigned width, u64 value)
{
    unsigned bar = 0;
    struct pci_device *const d = bar_at(b, space, at, width, &bar);

    if (!d)
        return false;
    const u32 offset = (u32)(at - d->bar[bar].at);
    if (!is_access(at, width))
        return true;
    if (width < 8) {
        d->ops->bar_write(d, bar, offset, width, (u32)value & ones(width));
    } else {
        d->ops->bar_write(d, bar, offset, 4, (u32)value);
        d->ops->bar_write(d, bar, offset + 4, 4, (u32)(value >> 32));
    }
    return true;
}

bool pci_bus_memory_read(struct pci_bus *b, u64 gpa, unsigned width, u64 *value)
{
    return bar_read(b, PCI_MEMORY, gpa, width, value);
}

bool pci_bus_memory_write(struct pci_bus *b, u64 gpa, unsigned width, u64 value)
{
    return bar_write(b, PCI_MEMORY, gpa, width, value);
}

bool pci_bus_io_read(struct pci_bus *b, u16 port, unsigned width, u32 *value)
{
    u64 wide;

    if (!bar_read(b, PCI_PORTS, port, width, &wide))
        return false;
    *value = (u32)wide;
    return true;
}

bool pci_bus_io_write(struct pci_bus *b, u16 port, unsigned width, u32 value)
{
    return bar_write(b, PCI_PORTS, port, width, value);
}
