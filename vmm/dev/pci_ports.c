/* Configuration mechanism #1, no devices; see pci_ports.h.  Pure. */
#include "vmm/dev/pci_ports.h"

void pci_ports_reset(struct pci_ports *p)
{
    p->address = 0;
}

u32 pci_address_read(const struct pci_ports *p)
{
    return p->address;
}

void pci_address_write(struct pci_ports *p, u32 value)
{
    p->address = value & 0x80fffffc; /* enable, bus, device, function, register */
}
