/* PCI bus 0 by the ports 0xcf8 and 0xcfc; see pci.h. */
#include "guest_tests/virtio/pci.h"

#define CAPS_MAX 48u /* more do not fit into a configuration space */

void pci_command(u32 f, u16 set, u16 clear)
{
    pci_write16(f, PCI_COMMAND, (u16)((pci_read16(f, PCI_COMMAND) | set) & ~clear));
}

u32 pci_find(u32 id, u32 nth)
{
    for (u32 slot = 0; slot < PCI_SLOTS; slot++) {
        const bool many = pci_read8(pci_function(slot, 0), PCI_HEADER) & PCI_HEADER_MANY;

        for (u32 n = 0; n < (many ? 8u : 1u); n++)
            if (pci_read32(pci_function(slot, n), PCI_ID) == id && nth-- == 0)
                return pci_function(slot, n);
    }
    return PCI_NONE;
}

u32 pci_capability(u32 f, u8 kind, u32 after)
{
    u32 at = after == 0 ? PCI_CAPABILITIES : after + 1;

    if (!(pci_read16(f, PCI_STATUS) & PCI_STATUS_CAPS))
        return 0;
    for (u32 i = 0; i < CAPS_MAX; i++) {
        at = pci_read8(f, at) & 0xfc;
        if (at == 0 || pci_read8(f, at) == kind)
            return at;
        at++;
    }
    return 0;
}

/* Those bits of a BAR that are no address say what it is. */
static u32 kind_bits(u32 low)
{
    return low & PCI_BAR_PORTS ? 3 : 15;
}

/* What the bits of both halves become if all are written as ones. */
static u64 bar_mask(u32 f, u32 at, bool wide)
{
    const u32 low = pci_read32(f, at), high = wide ? pci_read32(f, at + 4) : 0;
    u64 mask;

    pci_write32(f, at, ~0u);
    mask = pci_read32(f, at) & ~kind_bits(low);
    pci_write32(f, at, low);
    if (!wide)
        return mask | ~0ull << 32;
    pci_write32(f, at + 4, ~0u);
    mask |= (u64)pci_read32(f, at + 4) << 32;
    pci_write32(f, at + 4, high);
    return mask;
}

struct pci_bar pci_bar(u32 f, u32 number)
{
    const u32 at = PCI_BAR0 + 4 * number;
    const u16 command = pci_read16(f, PCI_COMMAND);
    const u32 low = pci_read32(f, at);
    struct pci_bar bar = {.ports = low & PCI_BAR_PORTS};

    bar.wide = !bar.ports && (low & 6) == PCI_BAR_WIDE;
    bar.at = (low & ~kind_bits(low)) | (bar.wide ? (u64)pci_read32(f, at + 4) << 32 : 0);
    pci_command(f, 0, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
    bar.size = 0 - bar_mask(f, at, bar.wide);
    if (bar.ports) /* the upper half may be 0 ("Base Addresses") */
        bar.size &= 0xffff;
    if (!bar.wide && (u32)bar.size == 0)
        bar.size = 0;
    pci_write16(f, PCI_COMMAND, command);
    return bar;
}

void pci_bar_move(u32 f, u32 number, u64 at)
{
    const u32 reg = PCI_BAR0 + 4 * number;
    const bool wide = (pci_read32(f, reg) & (PCI_BAR_PORTS | 6)) == PCI_BAR_WIDE;

    pci_write32(f, reg, (u32)at);
    if (wide)
        pci_write32(f, reg + 4, (u32)(at >> 32));
}
