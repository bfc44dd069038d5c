/* Where the BARs of an emulated PCI bus answer; see pci.h.  Pure. */
#include "control/pci/pci.h"
#include "lib/fmt.h"

/* BAR n of the bus is number n % PCI_BARS of device n / PCI_BARS. */
static unsigned bus_bars(const struct pci_bus *b)
{
    return b->devices * PCI_BARS;
}

/* Who has it; NULL: it does not exist. */
static struct pci_device *device_with(const struct pci_bus *b, unsigned n)
{
    struct pci_device *const d = b->present[n / PCI_BARS];

    return d->bar[n % PCI_BARS].size != 0 ? d : NULL;
}

/* The low bits of a register, which say what it is ("Base Addresses"). */
static u8 kind_bits(const struct pci_bar *bar)
{
    return bar->space == PCI_PORTS ? 3 : 15;
}

static bool is_decoded(const struct pci_device *d, unsigned i)
{
    return pci_command_has(d, d->bar[i].space == PCI_PORTS ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
}

/* Where the guest wants it. */
static u64 wanted(const struct pci_device *d, unsigned i)
{
    u64 at = 0;

    for (unsigned byte = 0; byte < (d->bar[i].wide ? 8u : 4u); byte++)
        at |= (u64)d->config[PCI_BAR0 + 4 * i + byte] << 8 * byte;
    return at & ~(u64)kind_bits(&d->bar[i]);
}

static void place(struct pci_device *d, unsigned i, u64 at)
{
    for (unsigned byte = 0; byte < (d->bar[i].wide ? 8u : 4u); byte++)
        d->config[PCI_BAR0 + 4 * i + byte] =
            (u8)(at >> 8 * byte) |
            (byte == 0 ? d->config[PCI_BAR0 + 4 * i] & kind_bits(&d->bar[i]) : 0);
}

static bool in_window(const struct pci_bus *b, enum pci_space space, u64 at, u64 size)
{
    const u64 last = at + size - 1;

    for (unsigned i = 0; i < PCI_WINDOWS; i++)
        if (b->window[i].space == space && last >= at && at >= b->window[i].first &&
            last <= b->window[i].last)
            return true;
    return false;
}

/* A mapped BAR that has a byte of [at, at + size); NULL if none has. */
static const struct pci_device *taken_by(const struct pci_bus *b, enum pci_space space, u64 at,
                                         u64 size)
{
    for (unsigned n = 0; n < bus_bars(b); n++) {
        const struct pci_device *const d = device_with(b, n);
        const struct pci_bar *const bar = d ? &d->bar[n % PCI_BARS] : NULL;
        if (bar && bar->mapped && bar->space == space && at < bar->at + bar->size &&
            bar->at < at + size)
            return d;
    }
    return NULL;
}

/* A guest may do it for ever: the messages become rare. */
static void refuse(struct pci_device *d, unsigned i, const struct pci_device *other)
{
    char text[120];

    d->refused++;
    if ((d->refused & (d->refused - 1)) != 0)
        return;
    (void)fmt_buf(text, sizeof(text), "BAR %u at 0x%lx, 0x%lx bytes: %s%s; it does not answer", i,
                  wanted(d, i), d->bar[i].size,
                  other ? "there is " : "not in the window for devices", other ? other->name : "");
    d->bus->host->say(d->bus->ctx, d, text);
}

static void unmap_if_changed(struct pci_device *d, unsigned i)
{
    struct pci_bar *const bar = &d->bar[i];

    if (!bar->mapped || (is_decoded(d, i) && wanted(d, i) == bar->at))
        return;
    d->bus->host->mapped(d->bus->ctx, d, i, false);
    bar->mapped = false;
}

static void map_if_good(struct pci_device *d, unsigned i)
{
    struct pci_bar *const bar = &d->bar[i];
    const u64 at = wanted(d, i);

    if (bar->mapped || !is_decoded(d, i))
        return;
    if (!in_window(d->bus, bar->space, at, bar->size)) {
        refuse(d, i, NULL);
        return;
    }
    const struct pci_device *const other = taken_by(d->bus, bar->space, at, bar->size);
    if (other) {
        refuse(d, i, other);
        return;
    }
    bar->mapped = true;
    bar->at = at;
    d->bus->host->mapped(d->bus->ctx, d, i, true);
}

void pci_bars_update(struct pci_bus *b)
{
    for (unsigned n = 0; n < bus_bars(b); n++)
        if (device_with(b, n))
            unmap_if_changed(device_with(b, n), n % PCI_BARS);
    for (unsigned n = 0; n < bus_bars(b); n++)
        if (device_with(b, n))
            map_if_good(device_with(b, n), n % PCI_BARS);
}

static u64 first_of(const struct pci_bus *b, enum pci_space space)
{
    for (unsigned i = 0; i < PCI_WINDOWS; i++)
        if (b->window[i].space == space)
            return b->window[i].first;
    return 0;
}

err_t pci_bars_place(struct pci_bus *b)
{
    u64 next[PCI_SPACES] = {first_of(b, PCI_MEMORY), first_of(b, PCI_PORTS)};

    for (unsigned n = 0; n < bus_bars(b); n++) {
        struct pci_device *const d = device_with(b, n);
        if (!d)
            continue;
        const struct pci_bar *const bar = &d->bar[n % PCI_BARS];
        const u64 at = ALIGN_UP(next[bar->space], bar->size);
        if (at < next[bar->space] || !in_window(b, bar->space, at, bar->size))
            return E_NOMEM;
        place(d, n % PCI_BARS, at);
        next[bar->space] = at + bar->size;
    }
    return OK;
}
