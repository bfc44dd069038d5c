/* What stands around a guest's emulated PCI bus: the boundary. */
#pragma once
#include "abi/control.h"
#include "control/pci/pci.h"
#include "control/served/device.h"

struct served_bus {
    struct pci_bus pci;
    struct pci_device bridge;
    u32 partition;
    const char *guest; /* its name */
    struct kept_guest *kept;
    u32 pulled;                              /* a bit for each slot whose pin INTA is */
    struct served_device *device[PCI_SLOTS]; /* by slot */
};

/* The bus with its host bridge, for this life of the guest. */
void bus_init(struct served_bus *b, u32 partition, u32 life, const char *guest);
/* The next free slot becomes this device's.  E_NOMEM: there is none. */
err_t bus_add(struct served_bus *b, struct served_device *d);
/* The guest finds it from now on.  A hypercall's error. */
i64 bus_claim(const struct served_bus *b);

/* An access to one of the ranges that bus_claim() has claimed; *value is written or read. */
void bus_access(struct served_bus *b, const struct abi_request *r, u64 *value);
