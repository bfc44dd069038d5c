/* Configuration space of an emulated PCI device; see pci.h.  Pure. */
#include "control/pci/pci.h"
#include "lib/mem.h"

#define COMMAND_WRITABLE (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE)

// clang-format off
/* Registers that all devices have alike.  All else reads as 0 and takes no write. */
static const struct pci_config_row common[] = {
    /* at              bytes  value                     writable */
    { PCI_COMMAND,     2,     0,                        COMMAND_WRITABLE },
    { PCI_STATUS,      2,     PCI_STATUS_CAPABILITIES,  0 },
    { PCI_CACHE_LINE,  1,     0,                        0xff },
    { PCI_IRQ_LINE,    1,     0xff,                     0xff },
    { PCI_IRQ_PIN,     1,     1 /* INTA */,             0 },
};
// clang-format on

static u32 get(const u8 *bytes, u32 at, unsigned width)
{
    u32 value = 0;

    for (unsigned i = 0; i < width; i++)
        value |= (u32)bytes[at + i] << 8 * i;
    return value;
}

static void put(u8 *bytes, u32 at, unsigned width, u32 value)
{
    for (unsigned i = 0; i < width; i++)
        bytes[at + i] = (u8)(value >> 8 * i);
}

static void put_rows(struct pci_device *d, const struct pci_config_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        put(d->config, rows[i].at, rows[i].bytes, rows[i].value);
        put(d->writable, rows[i].at, rows[i].bytes, rows[i].writable);
    }
}

/* "Base Addresses": the low bits of a BAR say what it is. */
static u32 bar_kind(const struct pci_bar *b)
{
    if (b->space == PCI_PORTS)
        return 1;
    return (b->wide ? 4u : 0) | (b->prefetchable ? 8u : 0);
}

/* Those below its size take no write: so that is found. */
static void put_bar(struct pci_device *d, unsigned i)
{
    const struct pci_bar *b = &d->bar[i];
    const u64 mask = ~(b->size - 1);

    put(d->config, PCI_BAR0 + 4 * i, 4, bar_kind(b));
    if (b->space == PCI_PORTS)
        d->writable[PCI_COMMAND] |= PCI_COMMAND_IO;
    put(d->writable, PCI_BAR0 + 4 * i, 4, (u32)mask);
    if (b->wide)
        put(d->writable, PCI_BAR0 + 4 * i + 4, 4, (u32)(mask >> 32));
}

void pci_device_init(struct pci_device *d, const struct pci_device_ops *ops, const char *name,
                     const struct pci_config_row *rows, size_t n)
{
    d->ops = ops;
    d->name = name;
    memset(d->config, 0, sizeof(d->config));
    memset(d->writable, 0, sizeof(d->writable));
    put_rows(d, common, ARRAY_LEN(common));
    put_rows(d, rows, n);
    for (unsigned i = 0; i < PCI_BARS; i++)
        if (d->bar[i].size != 0)
            put_bar(d, i);
    d->line = d->line_out = false;
}

/* ---- INTx ---- */

static void update_line(struct pci_device *d)
{
    const bool out =
        d->line && !pci_command_has(d, PCI_COMMAND_INTX_DISABLE) && !pci_msix_enabled(d);

    if (d->line)
        d->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
    else
        d->config[PCI_STATUS] &= (u8)~PCI_STATUS_INTERRUPT;
    if (out == d->line_out)
        return;
    d->line_out = out;
    d->bus->host->line(d->bus->ctx, d->slot, out);
}

void pci_set_line(struct pci_device *d, bool pulled)
{
    d->line = pulled;
    update_line(d);
}

/* ---- accesses ---- */

/* Inside of one 32-bit register, as the bus transfers it. */
static bool is_access(u32 at, unsigned width)
{
    return at < PCI_CONFIG_SIZE && (width == 1 || width == 2 || width == 4) && at % 4 + width <= 4;
}

u32 pci_config_read(struct pci_device *d, u32 at, unsigned width)
{
    if (!is_access(at, width))
        return 0;
    if (d->ops->config_read)
        d->ops->config_read(d, at, width);
    return get(d->config, at, width);
}

static bool touches(u32 at, unsigned width, u32 first, u32 end)
{
    return at < end && at + width > first;
}

void pci_config_write(struct pci_device *d, u32 at, unsigned width, u32 value)
{
    if (!is_access(at, width))
        return;
    const u32 writable = get(d->writable, at, width);
    put(d->config, at, width, (get(d->config, at, width) & ~writable) | (value & writable));
    if (touches(at, width, PCI_COMMAND, PCI_STATUS) || touches(at, width, PCI_BAR0, PCI_BAR_END))
        pci_bars_update(d->bus);
    pci_msix_update(d);
    update_line(d);
    if (d->ops->config_written)
        d->ops->config_written(d, at, width);
}
