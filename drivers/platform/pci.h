/* PCI configuration space of segment 0 through ports 0xcf8/0xcfc: what the few chipset
 * look-ups need.  PCI Local Bus Specification, "Software Generation of Configuration
 * Transactions". */
#pragma once
#include "lib/types.h"

struct pci_address {
    u8 bus, device, function;
};

/* offset: of a 32-bit register, a multiple of 4. */
u32 pci_config_read(struct pci_address at, u8 offset);
void pci_config_write(struct pci_address at, u8 offset, u32 value);
/* Ends the bus mastering of all functions but bridges; returns how many had it on. */
u32 pci_stop_masters(void);
