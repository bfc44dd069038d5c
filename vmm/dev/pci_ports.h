/* PCI configuration mechanism #1 on a bus without devices.  PCI Local Bus
 * Specification 3.0, 3.2.2.3.2 "Software Generation of Configuration Transactions".  Pure. */
#pragma once
#include "lib/types.h"

struct pci_ports {
    u32 address; /* port 0xcf8, written and read as a double word only */
};

void pci_ports_reset(struct pci_ports *p);
u32 pci_address_read(const struct pci_ports *p);
void pci_address_write(struct pci_ports *p, u32 value);
